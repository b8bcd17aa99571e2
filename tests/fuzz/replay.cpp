// SPDX-License-Identifier: Apache-2.0
// Gives each target the inputs of its corpus once: what a fuzzer has found stays mended.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/targets.hpp"
#include "support/source_root.hpp"

int main() {
  using namespace caisson::fuzz;
  for (const auto& target : kTargets) {
    const std::string dir = std::string(kSourceRoot) + "/tests/fuzz/corpus/" + target.name;
    int inputs = 0;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator(dir, error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
      std::ostringstream text;
      text << std::ifstream(it->path(), std::ios::binary).rdbuf();
      // Should it crash, this is the last line.
      std::fprintf(stderr, "fuzz %s: %s\r", target.name, it->path().filename().c_str());
      target.run(text.str());
      ++inputs;
    }
    std::printf("%s  fuzz: %d inputs of %s\n", inputs == 0 ? "FAILED" : "ok", inputs, target.name);
  }
  std::puts("end of fuzz");
}
