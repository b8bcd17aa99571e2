// SPDX-License-Identifier: Apache-2.0
// The integration tests: they run the caisson executable as root and compare what a guest inside a container sees with
// what its config asks for.
#define CATCH_CONFIG_RUNNER
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "caisson/caisson.hpp"
#include "support/lines_reporter.hpp"

int main(int argc, char** argv) {
  // This program embeds the library too, and is then the init of its own containers.
  caisson::run_init_if_asked(argc, argv);
  ::umask(022);
  if (::geteuid() != 0) {
    std::puts("skipped  integration: all of them: they need root");
    std::puts("end of integration");
    return 0;
  }
  // A mount namespace of our own: what a test mounts, and what a faulty runtime would leave mounted, ends with us.
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    std::perror("a mount namespace for the tests");
    return 1;
  }
  return Catch::Session().run(argc, argv);
}
