// SPDX-License-Identifier: Apache-2.0
// Replaces libstdc++'s handler of uncaught exceptions, which prints the demangled type. Both front ends catch all
// exceptions, but the demangler would still be linked into the static program, with tables that are relocated at every
// start.
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string_view>

void __gnu_cxx::__verbose_terminate_handler() {
  constexpr std::string_view kText = "caisson: ended by an exception that nobody caught\n";
  if (::write(STDERR_FILENO, kText.data(), kText.size()) < 0) std::abort();
  std::abort();
}
