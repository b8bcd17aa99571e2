// SPDX-License-Identifier: Apache-2.0
#include "plan/unit.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "plan/cgroup.hpp"

using namespace caisson;
using plan::BusValue;
using plan::HostFacts;
using plan::SystemdManager;

namespace {

HostFacts host(SystemdManager systemd = SystemdManager::system) {
  HostFacts facts;
  facts.cgroup_flavour = plan::CgroupFlavour::v2;
  facts.cgroup_mounts = {{{"cpu", "cpuset", "io", "memory", "pids"}, "/sys/fs/cgroup", "/", true}};
  facts.systemd = systemd;
  facts.systemd_owner = systemd == SystemdManager::user ? 1000 : 0;
  return facts;
}

std::string place(const std::string& path, const HostFacts& facts = host()) {
  auto unit = plan::make_unit(path, facts, "c1");
  return unit ? unit->cgroup : unit.error().message();
}

std::string property(const std::vector<plan::UnitProperty>& list, const std::string& name) {
  const auto found = std::ranges::find(list, name, &plan::UnitProperty::name);
  return found == list.end() ? "" : found->value.type + " " + plan::describe(found->value);
}

std::string value(std::string_view text) {
  auto parsed = plan::parse_bus_value(text);
  return parsed ? parsed->type + " " + plan::describe(*parsed) : "error";
}

}  // namespace

TEST_CASE("the unit that cgroupsPath names", "[plan][systemd]") {
  CHECK(place("") == "/system.slice/caisson-c1.scope");
  CHECK(place("machine.slice:libpod:abc") == "/machine.slice/libpod-abc.scope");
  CHECK(place("a-b-c.slice:p:n") == "/a.slice/a-b.slice/a-b-c.slice/p-n.scope");
  CHECK(place("-.slice:p:n") == "/p-n.scope");
  CHECK(place("::n") == "/system.slice/n.scope");
  CHECK(place("a.slice:p:b-c.slice") == "/b.slice/b-c.slice");
  CHECK(place("", host(SystemdManager::user)) ==
        "/user.slice/user-1000.slice/user@1000.service/user.slice/caisson-c1.scope");
  auto facts = host(SystemdManager::user);
  facts.cgroup_mounts.front().own_path = "/x/user@1000.service/app.slice/conmon.scope";
  CHECK(place("", facts) == "/x/user@1000.service/user.slice/caisson-c1.scope");
}

TEST_CASE("what names no unit is refused", "[plan][systemd]") {
  for (const char* path :
       {"/a/b", "a.slice", "a.slice:b", "a.slice:b:c:d", "a:b:c", "a--b.slice:p:n", "-a.slice:p:n", "a/b.slice:p:n",
        ".slice:p:n", "a.slice:p:", "a.slice:p:n/m", "a.slice:p:-.slice", "a.slice:p q:n"}) {
    INFO(path);
    auto unit = plan::make_unit(path, host(), "c1");
    REQUIRE_FALSE(unit);
    CHECK(unit.error().pointer() == "/linux/cgroupsPath");
  }
  CHECK(place("", host(SystemdManager::none)).contains("does not run systemd"));
  auto hybrid = host();
  hybrid.cgroup_flavour = plan::CgroupFlavour::hybrid;
  CHECK(place("", hybrid).contains("cgroup v2"));
}

TEST_CASE("what every unit is told", "[plan][systemd]") {
  const auto scope = plan::make_unit("a.slice:p:n", host(), "c1").value();
  CHECK(scope.name == "p-n.scope");
  CHECK(property(scope.properties, "Description") == "s 'caisson container c1'");
  CHECK(property(scope.properties, "Slice") == "s 'a.slice'");
  CHECK(property(scope.properties, "Wants").empty());
  CHECK(property(scope.properties, "Delegate") == "b true");
  CHECK(property(scope.properties, "CollectMode") == "s 'inactive-or-failed'");
  CHECK(property(scope.properties, "DefaultDependencies") == "b false");
  CHECK(property(scope.properties, "MemoryAccounting") == "b true");
  const auto slice = plan::make_unit("a.slice:p:n.slice", host(), "c1").value();
  CHECK(slice.slice);
  CHECK(property(slice.properties, "Wants") == "as ['a.slice']");
  CHECK(property(slice.properties, "Slice").empty());
  CHECK(property(slice.properties, "Delegate").empty());
}

TEST_CASE("writes as properties", "[plan][systemd]") {
  const auto of = [](const std::string& file, const std::string& value, const std::string& name) {
    return property(plan::unit_properties({{"x", file, value, "/o", {}, {}, {}}}), name);
  };
  CHECK(of("memory.max", "67108864", "MemoryMax") == "t 67108864");
  CHECK(of("memory.max", "max", "MemoryMax") == "t 18446744073709551615");
  CHECK(of("memory.low", "1", "MemoryLow") == "t 1");
  CHECK(of("memory.swap.max", "0", "MemorySwapMax") == "t 0");
  CHECK(of("memory.high", "5", "MemoryHigh") == "t 5");
  CHECK(of("memory.zswap.max", "9", "MemoryZSwapMax") == "t 9");
  CHECK(of("io.weight", "default 70", "IOWeight") == "t 70");
  CHECK(of("io.weight", "8:0 70", "IOWeight").empty());
  CHECK(of("pids.max", "max", "TasksMax") == "t 18446744073709551615");
  CHECK(of("cpu.weight", "59", "CPUWeight") == "t 59");
  CHECK(of("cpu.idle", "1", "CPUWeight") == "t 0");
  CHECK(of("cpu.idle", "0", "CPUWeight") == "t 18446744073709551615");  // else it would be idle again
  CHECK(of("cpu.max", "50000 100000", "CPUQuotaPerSecUSec") == "t 500000");
  CHECK(of("cpu.max", "50000 100000", "CPUQuotaPeriodUSec") == "t 100000");
  CHECK(of("cpu.max", "3333 100000", "CPUQuotaPerSecUSec") == "t 40000");  // up to the next hundredth
  CHECK(of("cpu.max", "max 50000", "CPUQuotaPerSecUSec") == "t 18446744073709551615");
  CHECK(of("cpuset.cpus", "0-2,9", "AllowedCPUs") == "ay [7, 2]");
  CHECK(of("cpuset.mems", "0", "AllowedMemoryNodes") == "ay [1]");
  CHECK(plan::unit_properties({{"x", "hugetlb.2MB.max", "0", "/o", {}, {}, {}}}).empty());
  const std::vector<plan::CgroupWrite> io = {{"io", "io.bfq.weight", "100", "/o", {}, "io.weight", "910"}};
  CHECK(property(plan::unit_properties(io), "IOWeight") == "t 910");
  const std::vector<plan::CgroupWrite> twice = {{"x", "pids.max", "5", "/a", {}, {}, {}},
                                                {"unified", "pids.max", "7", "/b", {}, {}, {}}};
  REQUIRE(plan::unit_properties(twice).size() == 1);
  CHECK(property(plan::unit_properties(twice), "TasksMax") == "t 7");
  CHECK(plan::unit_properties(twice).front().origin == "/b");
}

TEST_CASE("device rules as properties", "[plan][systemd]") {
  using plan::DeviceKind;
  const plan::DeviceRule none{};
  const plan::DeviceRule null{true, DeviceKind::character, 1, 3, plan::kDeviceRead | plan::kDeviceWrite, {}};
  const plan::DeviceRule pts{true, DeviceKind::character, 136, {}, plan::kDeviceAccessAll, {}};
  const plan::DeviceRule disks{true, DeviceKind::block, 8, {}, plan::kDeviceRead, {}};
  const plan::DeviceRule not_zero{false, DeviceKind::character, 1, 5, plan::kDeviceAccessAll, {}};
  const plan::DeviceRule all{true, DeviceKind::all, {}, {}, plan::kDeviceAccessAll, {}};
  auto list = plan::device_properties({{none, null, pts, disks, not_zero}});
  CHECK(property(list, "DevicePolicy") == "s 'strict'");
  CHECK(property(list, "DeviceAllow") == "a(ss) [('/dev/char/1:3', 'rw'), ('char-pts', 'rwm'), ('block-*', 'r')]");
  // "All but" cannot be said, and more than the rules allow is harmless.
  list = plan::device_properties({{all, not_zero}});
  CHECK(property(list, "DevicePolicy") == "s 'auto'");
  CHECK(property(list, "DeviceAllow") == "a(ss) []");
}

TEST_CASE("annotated properties", "[plan][systemd]") {
  const auto read = [](const std::string& name, const std::string& value) {
    auto list = plan::annotated_properties({{"org.systemd.property." + name, value}, {"other", "1"}});
    return list ? list->front().name + " " + list->front().value.type + " " + plan::describe(list->front().value)
                : list.error().pointer();
  };
  CHECK(read("MemoryHigh", "uint64 1000") == "MemoryHigh t 1000");
  CHECK(read("TimeoutStopSec", "5") == "TimeoutStopUSec t 5000000");
  CHECK(read("TimeoutStopSec", "0.25") == "TimeoutStopUSec t 250000");
  CHECK(read("TimeoutStopUSec", "uint64 5") == "TimeoutStopUSec t 5");
  CHECK(read("TimeoutStopSec", "'5'") == "/annotations/org.systemd.property.TimeoutStopSec");
  CHECK(read("TimeoutStopSec", "-1") == "/annotations/org.systemd.property.TimeoutStopSec");
  CHECK(read("memoryHigh", "1") == "/annotations/org.systemd.property.memoryHigh");
  CHECK(read("A/B", "1") == "/annotations/org.systemd.property.A~1B");
  CHECK(read("Mo", "1") == "/annotations/org.systemd.property.Mo");
  CHECK(read("After", "[oops") == "/annotations/org.systemd.property.After");
}

TEST_CASE("values in GVariant's text form", "[plan][systemd]") {
  CHECK(value("true") == "b true");
  CHECK(value(" boolean false ") == "b false");
  CHECK(value("5") == "i 5");
  CHECK(value("-5") == "i -5");
  CHECK(value("0x1f") == "i 31");
  CHECK(value("010") == "i 8");
  CHECK(value("uint64 18446744073709551615") == "t 18446744073709551615");
  CHECK(value("int64 -9223372036854775808") == "x -9223372036854775808");
  CHECK(value("byte 255") == "y 255");
  CHECK(value("@t 7") == "t 7");
  CHECK(value("1.5") == "d 1.5");
  CHECK(value("double 2") == "d 2");
  CHECK(value("'a\\'b'") == "s 'a'b'");
  CHECK(value("\"it's\"") == "s 'it's'");
  CHECK(value("objectpath '/a'") == "o '/a'");
  CHECK(value("['a', 'b']") == "as ['a', 'b']");
  CHECK(value("[uint32 1, 2]") == "au [1, 2]");
  CHECK(value("@as []") == "as []");
  CHECK(value("[[1],[2]]") == "aai [[1], [2]]");
  CHECK(value("b'hi'") == "ay [104, 105, 0]");
  for (const char* wrong : {"",
                            "yes",
                            "5 6",
                            "2147483648",
                            "byte 256",
                            "byte -1",
                            "[]",
                            "['a', 1]",
                            "[1",
                            "'a",
                            "@ai 'a'",
                            "@as",
                            "@z 1",
                            "<1>",
                            "{'a':1}",
                            "(1,2)",
                            "'\\u0041'",
                            "uint32",
                            "[[[[[[[[[[1]]]]]]]]]]",
                            "1e",
                            "--1",
                            "-"}) {
    INFO(wrong);
    CHECK(value(wrong) == "error");
  }
}

TEST_CASE("the plan of a container in a unit", "[plan][systemd][cgroup]") {
  config::Spec spec;
  spec.linux.emplace().cgroups_path = "a.slice:p:n";
  spec.linux->resources.emplace().pids.emplace().limit = 5;
  spec.annotations["org.systemd.property.TasksMax"] = "uint64 9";
  auto made = plan::make_cgroup(spec, host(), "c1", {.systemd = true});
  REQUIRE(made);
  REQUIRE(made->dirs.size() == 1);
  CHECK(made->dirs.front().path == "/sys/fs/cgroup/a.slice/p-n.scope");
  CHECK(made->path_origin == "/linux/cgroupsPath");
  CHECK(made->writes.size() == 1);
  // The annotation comes last, and with systemd the last word holds.
  CHECK(property({made->unit->properties.rbegin(), made->unit->properties.rend()}, "TasksMax") == "t 9");
  CHECK(plan::describe(*made).contains("property TasksMax = 5  [/linux/resources/pids/limit]\n"));
}
