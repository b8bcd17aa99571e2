// SPDX-License-Identifier: Apache-2.0
#include "cgroup/resctrl.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/text.hpp"
#include "cgroup/directory.hpp"
#include "sys/file.hpp"

namespace caisson::cgroup {

namespace {

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// What the kernel has against the last write; empty when it says nothing.
std::string kernel_word(const std::string& group) {
  // The groups stand right beneath the mount point, which has the one directory "info".
  for (const auto& root : {group, group.substr(0, group.rfind('/'))}) {
    const auto text = read_value(root + "/info", "last_cmd_status");
    if (text && *text != "ok") return *text;
  }
  return {};
}

Status make_group(const std::string& path, const std::string& origin) {
  if (::mkdir(path.c_str(), 0755) == 0) return {};
  // ENOSPC: the processor has no class of service left.
  return std::unexpected(fail_errno("make resctrl group '{}'", path).error().at(origin));
}

}  // namespace

plan::ResctrlFacts look_at_resctrl(const std::string& mountpoint) {
  plan::ResctrlFacts facts;
  facts.mountpoint = mountpoint;
  const std::string info = mountpoint + "/info/";
  // With code and data prioritised apart, L3 shows as two.
  facts.cache = is_there(info + "L3") || is_there(info + "L3CODE");
  facts.bandwidth = is_there(info + "MB");
  facts.monitoring = is_there(info + "L3_MON");
  return facts;
}

Result<std::optional<plan::ResctrlFacts>> find_resctrl() {
  const std::string text = CAISSON_TRY(sys::read_file(FdView::cwd(), "/proc/self/mountinfo"));
  for (auto line : text::split(text, '\n')) {
    // proc(5): id parent device root mountpoint options optional... - type source super-options
    const auto dash = line.find(" - resctrl ");
    const auto words = text::split(line, ' ');
    if (dash != line.npos && words.size() > 4) return look_at_resctrl(std::string(words[4]));
  }
  return std::optional<plan::ResctrlFacts>();
}

ResctrlMade missing_of(const plan::ResctrlPlan& plan) {
  return {.group = !is_there(plan.group), .monitor = !plan.monitor.empty() && !is_there(plan.monitor)};
}

Status make_groups(const plan::ResctrlPlan& plan, const ResctrlMade& missing) {
  if (missing.group) {
    if (plan.schemata.empty() && plan.origin.ends_with("/closID"))
      return fail_config(plan.origin,
                         "resctrl group '{}' is not there: it must be when no schemata, l3CacheSchema and memBwSchema "
                         "are given",
                         plan.group);
    CAISSON_TRY(make_group(plan.group, plan.origin));
  } else if (!plan.schemata.empty()) {
    const std::string present = CAISSON_TRY(read_value(plan.group, "schemata"));
    for (const auto& schema : plan.schemata)
      if (!plan::says(present, schema.text))
        return fail_config(schema.origin, "resctrl group '{}' is there and does not say '{}'", plan.group, schema.text);
  }
  if (missing.monitor) CAISSON_TRY(make_group(plan.monitor, "/linux/intelRdt/enableMonitoring"));
  return {};
}

Status write_schemata(const std::string& group, const std::vector<plan::Schema>& schemata) {
  for (const auto& schema : schemata) {
    auto written = write_value(group, "schemata", schema.text + '\n');
    if (written) continue;
    Error error = std::move(written.error());
    if (const std::string word = kernel_word(group); !word.empty()) error = std::move(error).with(word);
    return std::unexpected(std::move(error).at(schema.origin));
  }
  return {};
}

Result<std::vector<plan::Schema>> present_schemata(const std::string& group) {
  const std::string text = CAISSON_TRY(read_value(group, "schemata"));
  std::vector<plan::Schema> schemata;
  for (auto line : text::split(text, '\n'))
    if (line = text::trim(line); !line.empty()) schemata.push_back({std::string(line), "/linux/intelRdt"});
  return schemata;
}

Status join_group(const std::string& group, const std::string& monitor, pid_t pid) {
  const std::string text = std::to_string(pid);
  CAISSON_TRY(write_value(group, "tasks", text), "join resctrl group");
  if (!monitor.empty()) CAISSON_TRY(write_value(monitor, "tasks", text), "join resctrl monitoring group");
  return {};
}

Status remove_group(const std::string& path) {
  if (path.empty() || ::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno("remove resctrl group '{}'", path);
}

}  // namespace caisson::cgroup
