// SPDX-License-Identifier: Apache-2.0
#include "cgroup/resctrl_groups.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/text.hpp"
#include "cgroup/cgroup_dir.hpp"
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

std::uint64_t number(const std::string& dir, const char* file) {
  const auto value = read_counter(dir, file);
  return value ? value->value_or(0) : 0;
}

/// The line of a "schemata" that is of this resource: "L3:0=f". L3CODE and L3DATA are L3, too.
std::string line_of(const std::vector<std::string>& schemata, std::string_view resource) {
  const auto line = std::ranges::find_if(schemata, [&](const auto& one) { return one.starts_with(resource); });
  return line == schemata.end() ? std::string() : *line;
}

Result<std::vector<std::string>> lines_of(const std::string& group) {
  std::vector<std::string> lines;
  for (auto& schema : CAISSON_TRY(present_schemata(group))) lines.push_back(std::move(schema.text));
  return lines;
}

/// mon_data/mon_L3_00, mon_L3_01, ... None where the kernel does not monitor.
std::vector<std::string> domains_of(const std::string& group) {
  std::vector<std::string> found;
  const std::string data = group + "/mon_data";
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(data.c_str()), ::closedir);
  while (const dirent* item = list ? ::readdir(list.get()) : nullptr)
    if (std::string_view(item->d_name).starts_with("mon_L3_")) found.push_back(data + "/" + item->d_name);
  std::ranges::sort(found);
  return found;
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

Result<ResctrlCounters> resctrl_counters(const std::string& mountpoint, const std::string& group,
                                         const std::string& monitor) {
  const auto facts = look_at_resctrl(mountpoint);
  const auto all = CAISSON_TRY(lines_of(mountpoint));
  ResctrlCounters found;
  found.schemata = CAISSON_TRY(lines_of(group));
  if (facts.cache) {
    const std::string info = mountpoint + (is_there(mountpoint + "/info/L3") ? "/info/L3" : "/info/L3CODE");
    found.cache = {CAISSON_TRY(read_if_there(info, "cbm_mask")), number(info, "min_cbm_bits"),
                   number(info, "num_closids")};
    found.cache_all = line_of(all, "L3");
    found.cache_own = line_of(found.schemata, "L3");
  }
  if (facts.bandwidth) {
    const std::string info = mountpoint + "/info/MB";
    found.bandwidth = {number(info, "bandwidth_gran"), number(info, "delay_linear"), number(info, "min_bandwidth"),
                       number(info, "num_closids")};
    found.bandwidth_all = line_of(all, "MB");
    found.bandwidth_own = line_of(found.schemata, "MB");
  }
  for (const auto& domain : domains_of(monitor.empty() ? group : monitor)) {
    if (is_there(domain + "/mbm_total_bytes"))
      found.traffic.push_back({number(domain, "mbm_total_bytes"), number(domain, "mbm_local_bytes")});
    if (is_there(domain + "/llc_occupancy")) found.occupancy.push_back({number(domain, "llc_occupancy")});
  }
  return found;
}

Status remove_group(const std::string& path) {
  if (path.empty() || ::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail_errno("remove resctrl group '{}'", path);
}

}  // namespace caisson::cgroup
