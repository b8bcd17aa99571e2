// SPDX-License-Identifier: Apache-2.0
// libFuzzer's door: `fuzz TARGET [libFuzzer's options and directories]`.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fuzz/targets.hpp"

namespace {

const caisson::fuzz::Target* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (const auto& target : caisson::fuzz::kTargets)
    if (*argc > 1 && std::strcmp((*argv)[1], target.name) == 0) chosen = &target;
  if (chosen == nullptr) {
    std::fputs("usage: fuzz TARGET [options of libFuzzer] [directories]\ntargets:", stderr);
    for (const auto& target : caisson::fuzz::kTargets) std::fprintf(stderr, " %s", target.name);
    std::fputs("\n", stderr);
    std::exit(2);
  }
  // libFuzzer is not to take the name for a directory.
  for (int i = 1; i + 1 < *argc; ++i) (*argv)[i] = (*argv)[i + 1];
  --*argc;
  (*argv)[*argc] = nullptr;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
