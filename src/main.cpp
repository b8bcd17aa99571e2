// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "base/stack.hpp"
#include "cli/app.hpp"
#include "init/init.hpp"
#include "nsinit/nsinit_app.hpp"

namespace {

/// The program's name as it was called, without its directory.
std::string_view name_of(int argc, char** argv) {
  if (argc < 1) return {};
  const char* slash = std::strrchr(argv[0], '/');
  return slash ? slash + 1 : argv[0];
}

/// argv decides the door: the init stage of a container, the command line, or nsinit's, which is one of its commands.
int run(int argc, char** argv) {
  if (caisson::init::is_init(argc, argv)) caisson::init::main(argv);
  // If the caller ignores it, the kernel reaps our children before we learn how they ended.
  ::signal(SIGCHLD, SIG_DFL);
  // A reader of the log or of standard error that goes away, or a file size limit, makes a write(2) fail, which is
  // handled: the signal must not end the runtime between two steps. Containers' processes and hooks get the default
  // actions back (sys::reset_signals).
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  const caisson::cli::NsinitFrontEnd nsinit{.run = caisson::nsinit::run, .import = caisson::nsinit::import};
  const auto init = caisson::init::run_in_memory;
  if (name_of(argc, argv) != "nsinit") return caisson::cli::run(argc, argv, init, nsinit);
  char name[] = "nsinit";
  std::vector<char*> words(argv, argv + argc);
  words.insert(words.begin() + 1, name);
  words.push_back(nullptr);
  return caisson::cli::run(argc + 1, words.data(), init, nsinit);
}

}  // namespace

int main(int argc, char** argv) { return caisson::call_on_large_stack(run, argc, argv); }
