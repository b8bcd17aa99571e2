// SPDX-License-Identifier: Apache-2.0
#include "plan/resctrl.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace caisson::plan {

namespace {

constexpr const char* kPointer = "/linux/intelRdt";

std::string at(const char* key) { return std::string(kPointer) + key; }

/// "L3" of "L3:0=f", "L3CODE" of "L3CODE:0=f".
std::string_view resource_of(std::string_view schema) { return text::trim(schema.substr(0, schema.find(':'))); }

/// The lines of l3CacheSchema; one that is for memory bandwidth stands in memBwSchema.
void add_cache_lines(const std::string& schema, std::vector<Schema>& lines) {
  for (auto line : text::split(schema, '\n')) {
    line = text::trim(line);
    if (!line.empty() && resource_of(line) != "MB") lines.push_back({std::string(line), at("/l3CacheSchema")});
  }
}

std::string_view without_zeros(std::string_view number) {
  number = text::trim(number);
  while (number.size() > 1 && number.front() == '0') number.remove_prefix(1);
  return number;
}

/// The value of a domain in "0=f;1=f0"; empty when it is not there.
std::string_view value_of(std::string_view domains, std::string_view domain) {
  for (auto part : text::split(domains, ';')) {
    const auto equals = part.find('=');
    if (equals != part.npos && without_zeros(part.substr(0, equals)) == domain)
      return without_zeros(part.substr(equals + 1));
  }
  return {};
}

}  // namespace

Result<ResctrlPlan> make_resctrl(const config::IntelRdt& wanted, const HostFacts& facts, const std::string& id) {
  if (!facts.resctrl)
    return fail_config(kPointer,
                       "intelRdt is specified in config, but Intel RDT is not enabled: no resctrl is mounted");
  const auto& host = *facts.resctrl;
  if (!wanted.l3_cache_schema.empty() && !host.cache)
    return fail_config(at("/l3CacheSchema"), "l3CacheSchema is specified in config, but CAT is not enabled");
  if (!wanted.mem_bw_schema.empty() && !host.bandwidth)
    return fail_config(at("/memBwSchema"), "memBwSchema is specified in config, but MBA is not enabled");
  if (wanted.enable_monitoring && !host.monitoring)
    return fail_config(at("/enableMonitoring"), "enableMonitoring is specified in config, but this host has no CMT");
  ResctrlPlan plan;
  plan.origin = wanted.clos_id.empty() ? kPointer : at("/closID");
  plan.group =
      wanted.clos_id == "/" ? host.mountpoint : host.mountpoint + '/' + (wanted.clos_id.empty() ? id : wanted.clos_id);
  if (wanted.enable_monitoring) plan.monitor = plan.group + "/mon_groups/" + id;
  add_cache_lines(wanted.l3_cache_schema, plan.schemata);
  if (!wanted.mem_bw_schema.empty()) plan.schemata.push_back({wanted.mem_bw_schema, at("/memBwSchema")});
  // The general list comes last and so wins over the two older fields.
  for (std::size_t i = 0; i < wanted.schemata.size(); ++i)
    if (!wanted.schemata[i].empty())
      plan.schemata.push_back({wanted.schemata[i], at("/schemata/") + std::to_string(i)});
  return plan;
}

bool says(std::string_view schemata, std::string_view schema) {
  const auto domains = schema.substr(std::min(schema.find(':'), schema.size() - 1) + 1);
  for (auto line : text::split(schemata, '\n')) {
    const auto colon = line.find(':');
    if (colon == line.npos || resource_of(line) != resource_of(schema)) continue;
    return std::ranges::all_of(text::split(domains, ';'), [&](std::string_view part) {
      const auto equals = part.find('=');
      if (equals == part.npos) return text::trim(part).empty();
      const auto value = value_of(line.substr(colon + 1), without_zeros(part.substr(0, equals)));
      return !value.empty() && value == without_zeros(part.substr(equals + 1));
    });
  }
  return false;
}

}  // namespace caisson::plan
