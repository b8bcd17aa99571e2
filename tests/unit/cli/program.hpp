// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

/// What the command line did when it was called.
struct Outcome {
  int code = -1;
  std::string out;  ///< standard output
  std::string err;  ///< standard error
};

/// Calls the command line in this process as `caisson WORDS...`, over the fake container.
Outcome call(std::vector<std::string> words);

/// A directory of the test's own, gone with all its files when the test ends.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  std::string path(const std::string& name = "") const { return name.empty() ? path_ : path_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

/// The text of a file; empty when there is none.
std::string read_text(const std::string& path);
