// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/fixed_text.hpp"
#include "base/text.hpp"
#include "plan/cgroup.hpp"
#include "plan/controllers/controller.hpp"
#include "plan/unit.hpp"

namespace caisson::plan {

namespace {

constexpr std::uint64_t kInfinity = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kSecond = 1'000'000;  // microseconds
constexpr std::uint64_t kQuotaStep = 10'000;  // systemd keeps CPUQuotaPerSecUSec in hundredths of a processor
constexpr std::uint32_t kPtsMajor = 136;      // Unix98 terminals, that every container has
constexpr std::string_view kAnnotation = "org.systemd.property.";

BusValue number(std::uint64_t value) { return {"t", value}; }
BusValue text(std::string_view value) { return {"s", std::string(value)}; }

std::optional<BusValue> read_limit(const std::string& value) {
  if (value == "max") return number(kInfinity);
  const auto read = text::parse_uint(value);
  return read ? std::optional(number(*read)) : std::nullopt;
}

/// A weight of all devices, which may be written with a word before it.
std::optional<BusValue> read_weight(const std::string& value) {
  constexpr std::string_view kOfAll = "default ";
  return read_limit(value.starts_with(kOfAll) ? value.substr(kOfAll.size()) : value);
}

/// Processors or nodes "0-2,5" as systemd takes them: bit n of byte n/8.
std::optional<BusValue> read_set(const std::string& value) {
  const auto ids = text::parse_id_list(value);
  if (!ids) return {};
  std::vector<std::uint8_t> mask;
  for (const auto& range : *ids) {
    mask.resize(range.last / 8 + 1);
    for (auto id = range.first; id <= range.last; ++id)
      mask[id / 8] = static_cast<std::uint8_t>(mask[id / 8] | (1U << (id % 8)));
  }
  std::vector<BusValue> bytes;
  for (const auto byte : mask) bytes.push_back({"y", std::uint64_t{byte}});
  return BusValue{"ay", std::move(bytes)};
}

enum class Form : std::uint8_t { limit, set, weight };

std::optional<BusValue> read(Form form, const std::string& value) {
  switch (form) {
    case Form::limit: return read_limit(value);
    case Form::set: return read_set(value);
    case Form::weight: return read_weight(value);
  }
  std::unreachable();
}

struct FileProperty {
  text::Fixed<19> file;
  text::Fixed<19> property;
  Form form;
};

// Source: systemd.resource-control(5). cpu.max and cpu.idle are not one property each and are read apart.
constexpr auto kProperties = std::to_array<FileProperty>({
    {"cpu.weight", "CPUWeight", Form::limit},
    {"cpuset.cpus", "AllowedCPUs", Form::set},
    {"cpuset.mems", "AllowedMemoryNodes", Form::set},
    {"io.weight", "IOWeight", Form::weight},
    {"memory.high", "MemoryHigh", Form::limit},
    {"memory.low", "MemoryLow", Form::limit},
    {"memory.max", "MemoryMax", Form::limit},
    {"memory.min", "MemoryMin", Form::limit},
    {"memory.swap.max", "MemorySwapMax", Form::limit},
    {"memory.zswap.max", "MemoryZSwapMax", Form::limit},
    {"pids.max", "TasksMax", Form::limit},
});
static_assert(std::ranges::is_sorted(kProperties, {}, &FileProperty::file));

void set(std::vector<UnitProperty>& list, std::string_view name, BusValue value, const std::string& origin) {
  auto known = std::ranges::find(list, name, &UnitProperty::name);
  if (known == list.end()) known = list.insert(list.end(), UnitProperty{std::string(name), {}, {}, true});
  known->value = std::move(value);
  known->origin = origin;
}

/// cpu.max: "max 100000", "50000 100000", or a quota alone, which is of the default period.
void set_quota(std::vector<UnitProperty>& list, const CgroupWrite& write) {
  const auto words = text::split(write.value, ' ');
  const auto period = words.size() > 1 ? text::parse_uint(words[1]).value_or(0) : 100'000;
  if (period == 0) return;
  std::uint64_t per_second = kInfinity;
  if (words[0] != "max") {
    const auto quota = text::parse_uint(words[0]);
    if (!quota || *quota > kInfinity / kSecond) return;
    per_second = (*quota * kSecond + period - 1) / period;
    per_second = (per_second + kQuotaStep - 1) / kQuotaStep * kQuotaStep;
  }
  set(list, "CPUQuotaPerSecUSec", number(per_second), write.origin);
  set(list, "CPUQuotaPeriodUSec", number(period), write.origin);
}

std::string access_letters(unsigned access) {
  std::string letters;
  if (access & kDeviceRead) letters += 'r';
  if (access & kDeviceWrite) letters += 'w';
  if (access & kDeviceMknod) letters += 'm';
  return letters;
}

/// An entry of DeviceAllow that allows what the rule does, or more. systemd knows no minor without a major, and majors
/// by themselves only by the driver's name: there the whole kind stands for it.
std::string device_entry(const DeviceRule& rule, const char* kind) {
  if (rule.major && rule.minor) return fmt::format("/dev/{}/{}:{}", kind, *rule.major, *rule.minor);
  if (rule.kind == DeviceKind::character && rule.major == kPtsMajor) return "char-pts";
  return fmt::format("{}-*", kind);
}

}  // namespace

std::vector<UnitProperty> unit_properties(const std::vector<CgroupWrite>& writes) {
  std::vector<UnitProperty> list;
  for (const auto& write : writes) {
    if (write.file == "cpu.max") {
      set_quota(list, write);
    } else if (write.file == "cpu.idle") {
      // One that is no longer idle has the usual weight, unless another follows: systemd would make it idle again.
      set(list, "CPUWeight", number(write.value == "1" ? 0 : kInfinity), write.origin);
    } else {
      // Block I/O has a file for each scheduler, and systemd's property is of the general one's scale.
      const bool other = write.other_file == "io.weight";
      const std::string& file = other ? write.other_file : write.file;
      const auto row = std::ranges::lower_bound(kProperties, std::string_view(file), {}, &FileProperty::file);
      if (row == kProperties.end() || row->file.view() != file) continue;
      if (auto value = read(row->form, other ? write.other_value : write.value))
        set(list, row->property, std::move(*value), write.origin);
    }
  }
  return list;
}

std::vector<UnitProperty> device_properties(const DevicePlan& devices) {
  std::vector<UnitProperty> list;
  const auto total = std::ranges::find_if(devices.rules, [](const DeviceRule& rule) { return rule.total(); });
  const bool open = total != devices.rules.end() && total->allow;
  const bool of_all_kinds = std::ranges::any_of(
      devices.rules, [](const DeviceRule& rule) { return rule.allow && rule.kind == DeviceKind::all; });
  const bool closed = !open && !of_all_kinds;
  list.push_back({"DevicePolicy", text(closed ? "strict" : "auto"), "/linux/resources/devices", true});
  std::vector<BusValue> allowed;
  for (const auto& rule : devices.rules) {
    if (!closed || !rule.allow || rule.access == 0) continue;
    const char* const kind = rule.kind == DeviceKind::block ? "block" : "char";
    BusValue entry{"(ss)", std::vector{text(device_entry(rule, kind)), text(access_letters(rule.access))}};
    if (std::ranges::find(allowed, entry) == allowed.end()) allowed.push_back(std::move(entry));
  }
  list.push_back({"DeviceAllow", {"a(ss)", std::move(allowed)}, "/linux/resources/devices", true});
  return list;
}

Result<std::vector<UnitProperty>> annotated_properties(const std::map<std::string, std::string>& annotations) {
  std::vector<UnitProperty> list;
  for (const auto& [key, value] : annotations) {
    if (!key.starts_with(kAnnotation)) continue;
    const std::string pointer = "/annotations/" + text::pointer_token(key);
    std::string name = key.substr(kAnnotation.size());
    const bool letters =
        std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
    if (name.size() < 3 || !letters || name[0] < 'A' || name[0] > 'Z')
      return fail_config(pointer, "'{}' is not a name of a systemd property", name);
    auto parsed = parse_bus_value(value);
    if (!parsed) return std::unexpected(std::move(parsed.error()).at(pointer));
    if (name.ends_with("Sec") && !name.ends_with("USec")) {
      // systemd's own files say seconds, and its interface microseconds.
      name.insert(name.size() - 3, "U");
      std::optional<double> seconds;
      if (const auto* whole = std::get_if<std::uint64_t>(&parsed->value)) seconds = static_cast<double>(*whole);
      if (const auto* whole = std::get_if<std::int64_t>(&parsed->value)) seconds = static_cast<double>(*whole);
      if (const auto* real = std::get_if<double>(&parsed->value)) seconds = *real;
      if (!seconds || *seconds < 0 || *seconds * kSecond >= 1.8e19)
        return fail_config(pointer, "'{}' is not a number of seconds", value);
      parsed = number(static_cast<std::uint64_t>(*seconds * kSecond));
    }
    list.push_back({std::move(name), std::move(*parsed), pointer});
  }
  return list;
}

}  // namespace caisson::plan
