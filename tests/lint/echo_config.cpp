// SPDX-License-Identifier: Apache-2.0
// Reads a config.json on stdin and writes what the reader understood of it: check_fields.py compares the two.
#include <unistd.h>

#include <cstdio>
#include <string>

#include "config/spec.hpp"

int main() {
  std::string text;
  char buffer[65536];
  for (ssize_t got = 0; (got = ::read(0, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  auto spec = caisson::config::load(text);
  if (!spec) {
    std::fprintf(stderr, "%s\n", spec.error().message().c_str());
    return 1;
  }
  std::puts(caisson::config::save(*spec).c_str());
  return 0;
}
