// SPDX-License-Identifier: Apache-2.0
#include "cli/selection.hpp"

#include <regex.h>

#include <optional>

namespace caisson::cli {
namespace {

/// regcomp(3): std::regex throws, and costs a hundred KiB.
class Pattern {
 public:
  explicit Pattern(const std::string& text) : error_(::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB)) {}
  ~Pattern() {
    if (error_ == 0) ::regfree(&compiled_);
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  /// What is wrong with it; empty when nothing is.
  std::string fault() const {
    if (error_ == 0) return {};
    char why[128] = "";
    ::regerror(error_, &compiled_, why, sizeof why);
    return why;
  }
  bool matches(const std::string& text) const { return ::regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0; }

 private:
  regex_t compiled_{};
  int error_;
};

}  // namespace

std::vector<std::string> all_ids(const std::string& first, const CLI::App& app) {
  auto ids = rest(app);
  ids.insert(ids.begin(), first);
  return ids;
}

Result<std::vector<std::string>> match_ids(const container::Globals& globals, const std::string& pattern) {
  const Pattern compiled(pattern);
  if (const auto fault = compiled.fault(); !fault.empty())
    return fail(ErrorKind::config, "'{}' is not a regular expression: {}", pattern, fault);
  std::vector<std::string> warnings;
  std::vector<std::string> ids;
  for (auto& state : CAISSON_TRY(container::list(globals, warnings)))
    if (compiled.matches(state.id)) ids.push_back(std::move(state.id));
  return ids;
}

Status for_each_id(std::string_view command, const std::vector<std::string>& ids,
                   const std::function<Status(const std::string&)>& act) {
  std::optional<Error> first;
  std::string all;
  for (const auto& id : ids) {
    auto done = act(id);
    if (done) continue;
    Error failure = std::move(done).error().with(fmt::format("{} {}", command, id));
    if (first) {
      all = all.empty() ? first->message() + "; " + failure.message() : all + "; " + failure.message();
    } else {
      first = std::move(failure);
    }
  }
  if (!first) return {};
  if (all.empty()) return std::unexpected(std::move(*first));
  return std::unexpected(Error(first->kind(), std::move(all)));
}

}  // namespace caisson::cli
