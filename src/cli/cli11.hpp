// SPDX-License-Identifier: Apache-2.0
// CLI11 without <iostream>. That header makes every start of the program set up streams and locales (30 microseconds),
// and CLI11 includes it only for default arguments that are not used here; libstdc++'s own guard leaves it out.
#pragma once

#define _GLIBCXX_IOSTREAM 1  // NOLINT(bugprone-reserved-identifier): the guard is libstdc++'s
#include <istream>
#include <ostream>
namespace std {  // NOLINT(bugprone-std-namespace-modification): what <iostream> declares
extern istream cin;
extern ostream cout, cerr, clog;
}  // namespace std

#include <CLI/CLI.hpp>
