// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "cli/app.hpp"
#include "init/init.hpp"

/// argv decides the door: the init stage of a container, or the command line.
int main(int argc, char** argv) {
  if (caisson::init::is_init(argc, argv)) caisson::init::main(argv);
  // Ignored by our caller, it would have the kernel reap our children before we learn how they ended.
  ::signal(SIGCHLD, SIG_DFL);
  return caisson::cli::run(argc, argv, caisson::init::go_on);
}
