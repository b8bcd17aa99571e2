// SPDX-License-Identifier: Apache-2.0
#include "plan/devices.hpp"

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <random>

using namespace caisson;
using plan::DeviceKind;
using plan::DevicePlan;
using plan::DeviceRule;

namespace {

struct Access {
  DeviceKind kind;
  std::uint32_t major, minor;
  unsigned bits;
};

/// The rules as the spec says them: of those about one bit of the access, the last decides.
bool allowed_by_rules(const std::vector<DeviceRule>& rules, const Access& access) {
  for (unsigned bit : {plan::kDeviceMknod, plan::kDeviceRead, plan::kDeviceWrite}) {
    if (!(access.bits & bit)) continue;
    bool allowed = false;
    for (const auto& rule : rules) {
      const bool about = (rule.kind == DeviceKind::all || rule.kind == access.kind) &&
                         (!rule.major || rule.major == access.major) && (!rule.minor || rule.minor == access.minor);
      if (about && (rule.access & bit)) allowed = rule.allow;
    }
    if (!allowed) return false;
  }
  return true;
}

/// Runs the few instructions that device programs are made of.
bool allowed_by_program(const std::vector<bpf_insn>& program, const Access& access) {
  const std::uint32_t type = access.kind == DeviceKind::block ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  const std::array<std::uint32_t, 3> context = {access.bits << 16 | type, access.major, access.minor};
  std::array<std::uint64_t, 11> r{};
  for (std::size_t at = 0; at < program.size(); ++at) {
    const auto& i = program[at];
    const auto value = static_cast<std::uint32_t>(i.imm);
    const auto low = static_cast<std::uint32_t>(r[i.dst_reg]);
    switch (i.code) {
      case BPF_LDX | BPF_MEM | BPF_W:
        REQUIRE(i.src_reg == 1);
        r[i.dst_reg] = context.at(i.off / 4);
        break;
      case BPF_ALU | BPF_MOV | BPF_X: r[i.dst_reg] = static_cast<std::uint32_t>(r[i.src_reg]); break;
      case BPF_ALU64 | BPF_MOV | BPF_K: r[i.dst_reg] = value; break;
      case BPF_ALU | BPF_AND | BPF_K: r[i.dst_reg] = low & value; break;
      case BPF_ALU | BPF_RSH | BPF_K: r[i.dst_reg] = low >> value; break;
      case BPF_JMP32 | BPF_JNE | BPF_K:
        if (low != value) at += i.off;
        break;
      case BPF_JMP32 | BPF_JSET | BPF_K:
        if (low & value) at += i.off;
        break;
      case BPF_JMP | BPF_JA: at += i.off; break;
      case BPF_JMP | BPF_EXIT: return r[0] != 0;
      default: FAIL("unexpected instruction " << int(i.code));
    }
  }
  FAIL("the program runs over its end");
  return false;
}

/// What a v1 cgroup makes of its lines: a default, and exceptions of which one alone must cover an access that the
/// default refuses, and any forbids a part of an access that it allows.
class V1Cgroup {
 public:
  explicit V1Cgroup(const std::vector<plan::DeviceLine>& lines) {
    for (const auto& line : lines) write(line);
  }
  bool allowed(const Access& access) const {
    for (const auto& e : exceptions_) {
      if (e.kind != access.kind || (e.major && e.major != access.major) || (e.minor && e.minor != access.minor))
        continue;
      if (default_ && (e.access & access.bits)) return false;
      if (!default_ && (access.bits & ~e.access) == 0) return true;
    }
    return default_;
  }

 private:
  void write(const plan::DeviceLine& line) {
    if (line.text == "a") {
      default_ = line.allow;
      exceptions_.clear();
      return;
    }
    char kind = 0;
    char major[16] = {}, minor[16] = {}, access[4] = {};
    REQUIRE(std::sscanf(line.text.c_str(), "%c %15[0-9*]:%15[0-9*] %3s", &kind, major, minor, access) == 4);
    REQUIRE(line.allow != default_);
    auto number = [](const char* text) {
      return *text == '*' ? std::optional<std::uint32_t>() : std::optional(std::uint32_t(std::stoul(text)));
    };
    DeviceRule made{.allow = line.allow,
                    .kind = kind == 'b' ? DeviceKind::block : DeviceKind::character,
                    .major = number(major),
                    .minor = number(minor),
                    .access = 0,
                    .origin = {}};
    for (const char* c = access; *c; ++c)
      made.access |= *c == 'r' ? plan::kDeviceRead : *c == 'w' ? plan::kDeviceWrite : plan::kDeviceMknod;
    exceptions_.push_back(made);
  }
  bool default_ = true;
  std::vector<DeviceRule> exceptions_;
};

std::vector<Access> every_access() {
  std::vector<Access> all;
  for (auto kind : {DeviceKind::character, DeviceKind::block})
    for (std::uint32_t major : {1u, 2u, 5u, 0xfffffff0u})
      for (std::uint32_t minor : {0u, 3u, 7u, 0x80000001u})
        for (unsigned bits = 1; bits < 8; ++bits) all.push_back({kind, major, minor, bits});
  return all;
}

DevicePlan plan_of(const std::vector<config::DeviceRule>& rules) {
  auto made = plan::make_devices(rules, "/linux/resources/devices");
  REQUIRE(made);
  return *made;
}

std::vector<std::string> texts(const std::vector<plan::DeviceLine>& lines) {
  std::vector<std::string> out;
  for (const auto& line : lines) out.push_back((line.allow ? "allow " : "deny ") + line.text);
  return out;
}

using Type = config::DeviceRuleType;
const config::DeviceRule kDenyAll{.allow = false, .type = {}, .major = {}, .minor = {}, .access = "rwm"};
const std::vector<std::string> kDefaultLines = {"deny a",          "allow c *:* m",     "allow b *:* m",
                                                "allow c 1:3 rwm", "allow c 1:5 rwm",   "allow c 1:7 rwm",
                                                "allow c 1:8 rwm", "allow c 1:9 rwm",   "allow c 5:0 rwm",
                                                "allow c 5:2 rwm", "allow c 136:* rwm", "allow c 10:200 rwm"};

}  // namespace

TEST_CASE("with no rules, or with the usual one, a container has its default devices", "[plan][devices]") {
  for (const auto& rules : {std::vector<config::DeviceRule>{}, std::vector{kDenyAll}}) {
    auto lines = plan::device_lines(plan_of(rules));
    REQUIRE(lines);
    CHECK(texts(*lines) == kDefaultLines);
  }
}

TEST_CASE("a container to which everything is allowed needs no program", "[plan][devices]") {
  const auto made = plan_of({kDenyAll, {.allow = true, .type = Type::a, .major = -1, .minor = -1, .access = "rwm"}});
  CHECK(made.allows_all());
  CHECK(texts(*plan::device_lines(made)) == std::vector<std::string>{"allow a"});
  CHECK_FALSE(plan_of({kDenyAll}).allows_all());
}

TEST_CASE("a node that engines forbid and allow to be made again can be said on v1", "[plan][devices]") {
  const config::DeviceRule fuse{.allow = false, .type = Type::c, .major = 10, .minor = 229, .access = "rwm"};
  const config::DeviceRule mknod{.allow = true, .type = Type::c, .major = {}, .minor = {}, .access = "m"};
  auto lines = plan::device_lines(plan_of({kDenyAll, mknod, fuse}));
  REQUIRE(lines);
  CHECK(texts(*lines) == kDefaultLines);
}

TEST_CASE("an exception to an exception cannot be said on v1, and the error names its rule", "[plan][devices]") {
  const config::DeviceRule wide{.allow = true, .type = Type::b, .major = 8, .minor = {}, .access = "rw"};
  const config::DeviceRule narrow{.allow = false, .type = Type::b, .major = 8, .minor = 1, .access = "w"};
  auto lines = plan::device_lines(plan_of({kDenyAll, wide, narrow}));
  REQUIRE_FALSE(lines);
  CHECK(lines.error().pointer() == "/linux/resources/devices/2");
  CHECK(lines.error().kind() == ErrorKind::config);
}

TEST_CASE("faults of device rules name their place", "[plan][devices]") {
  auto fault = [](const config::DeviceRule& rule) {
    auto made = plan::make_devices({kDenyAll, rule}, "/linux/resources/devices");
    REQUIRE_FALSE(made);
    return made.error().message();
  };
  CHECK(fault({.allow = true, .type = {}, .major = {}, .minor = {}, .access = ""}) ==
        "device access at 1 field cannot be empty [config: /linux/resources/devices/1/access]");
  CHECK(fault({.allow = true, .type = {}, .major = {}, .minor = {}, .access = "rx"}) ==
        "invalid device access 'rx' (expected letters of rwm) [config: /linux/resources/devices/1/access]");
  CHECK(fault({.allow = true, .type = {}, .major = -2, .minor = {}, .access = "r"}) ==
        "invalid device number -2 [config: /linux/resources/devices/1/major]");
  CHECK(fault({.allow = true, .type = {}, .major = {}, .minor = 1LL << 32, .access = "r"}) ==
        "invalid device number 4294967296 [config: /linux/resources/devices/1/minor]");
}

TEST_CASE("program and lines decide as the rules do", "[plan][devices]") {
  std::mt19937 random(20240229);
  auto pick = [&](auto... values) {
    const std::array all{values...};
    return all[random() % all.size()];
  };
  const auto accesses = every_access();
  std::size_t said_on_v1 = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<config::DeviceRule> rules;
    std::vector<DeviceRule> plain;
    const std::size_t count = random() % 7;
    for (std::size_t i = 0; i < count; ++i) {
      config::DeviceRule rule{.allow = random() % 2 == 0, .type = pick(Type::a, Type::b, Type::c, Type::c)};
      if (random() % 2) rule.major = pick(-1LL, 1LL, 2LL, 5LL, 0xfffffff0LL);
      if (random() % 2) rule.minor = pick(-1LL, 0LL, 3LL, 0x80000001LL);
      rule.access = pick("r", "w", "m", "rw", "rwm", "rwm", "rm");
      rules.push_back(rule);
    }
    const auto made = plan_of(rules);
    // The same rules and defaults, neither merged nor dropped.
    for (const auto& rule : rules) {
      DeviceRule one{.allow = rule.allow,
                     .kind = *rule.type == Type::a   ? DeviceKind::all
                             : *rule.type == Type::b ? DeviceKind::block
                                                     : DeviceKind::character,
                     .major = {},
                     .minor = {},
                     .access = 0,
                     .origin = {}};
      if (rule.major.value_or(-1) >= 0) one.major = std::uint32_t(*rule.major);
      if (rule.minor.value_or(-1) >= 0) one.minor = std::uint32_t(*rule.minor);
      for (char c : rule.access) one.access |= c == 'r' ? 2u : c == 'w' ? 4u : 1u;
      plain.push_back(one);
    }
    for (const auto& rule : plan_of({}).rules) plain.push_back(rule);
    const auto program = plan::device_program(made);
    const auto lines = plan::device_lines(made);
    std::optional<V1Cgroup> v1;
    if (lines) v1.emplace(*lines);
    said_on_v1 += lines.has_value();
    for (const auto& access : accesses) {
      const bool expected = allowed_by_rules(plain, access);
      if (allowed_by_program(program, access) != expected || (v1 && v1->allowed(access) != expected)) {
        for (const auto& rule : plain) UNSCOPED_INFO(describe(rule));
        if (lines)
          for (const auto& text : texts(*lines)) UNSCOPED_INFO("line: " << text);
        UNSCOPED_INFO("access " << int(access.kind) << ' ' << access.major << ':' << access.minor << ' '
                                << access.bits);
        CHECK(allowed_by_program(program, access) == expected);
        if (v1) CHECK(v1->allowed(access) == expected);
        FAIL("round " << round);
      }
    }
  }
  CHECK(said_on_v1 > 1000);
}
