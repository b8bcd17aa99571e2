// SPDX-License-Identifier: Apache-2.0
#include "config/annotations.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace caisson::config {

namespace {

constexpr std::array kKnown = {annotation::kKeepOriginalGroups, annotation::kHooksStdout,
                               annotation::kHooksStderr,        annotation::kFailUnknownSyscall,
                               annotation::kSystemdSubgroup,    annotation::kMountContextType};

}  // namespace

std::optional<std::string_view> find_annotation(const Annotations& annotations, std::string_view name) {
  const auto found = annotations.find(std::string(name));
  if (found == annotations.end()) return {};
  return found->second;
}

bool has_annotation_set(const Annotations& annotations, std::string_view name) {
  const auto value = find_annotation(annotations, name);
  return value && *value != "0" && *value != "false";
}

std::string annotation_pointer(std::string_view name) { return "/annotations/" + text::pointer_token(name); }

std::vector<std::string> unknown_annotations(const Annotations& annotations) {
  std::vector<std::string> unknown;
  for (auto at = annotations.lower_bound(std::string(annotation::kPrefix));
       at != annotations.end() && at->first.starts_with(annotation::kPrefix); ++at)
    if (std::ranges::find(kKnown, std::string_view(at->first)) == kKnown.end()) unknown.push_back(at->first);
  return unknown;
}

}  // namespace caisson::config
