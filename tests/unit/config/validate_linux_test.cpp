// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "verdict.hpp"

using namespace caisson;
using verdict::of_linux;

namespace {

constexpr std::string_view kUser = R"(,{"type":"user"})";
constexpr std::string_view kTime = R"(,{"type":"time"})";

/// The verdict when one namespace of with_linux() is left to the host.
std::string of_without(config::NamespaceType type, std::string_view members) {
  auto spec = verdict::with_linux(members);
  std::erase_if(spec.linux->namespaces, [&](const auto& space) { return space.type == type; });
  return verdict::of(spec);
}

std::string maps(std::string_view uids, std::string_view gids = R"({"containerID":0,"hostID":1000,"size":10})") {
  return R"("uidMappings":[)" + std::string(uids) + R"(],"gidMappings":[)" + std::string(gids) + "]";
}

}  // namespace

TEST_CASE("namespaces", "[config][validate]") {
  CHECK(of_linux("", R"(,{"type":"time","path":"/proc/1/ns/time"})") == "ok");
  CHECK(of_linux("", R"(,{"type":"pid","path":"/x"})") ==
        "malformed spec file: duplicated ns 'pid' [/linux/namespaces/6]");
  CHECK(of_linux("", R"(,{"type":"time","path":"x"})") ==
        "namespace path 'x' is not absolute [/linux/namespaces/6/path]");
}

TEST_CASE("user mappings", "[config][validate]") {
  const std::string one = R"({"containerID":0,"hostID":1000,"size":10})";
  CHECK(of_linux(maps(one), kUser) == "ok");
  CHECK(of_linux(maps(one + R"(,{"containerID":10,"hostID":5000,"size":4294960000})"), kUser) == "ok");
  CHECK(of_linux("", kUser) ==
        "user namespaces enabled, but no namespace path to join nor mappings to apply specified [/linux/namespaces]");
  CHECK(of_linux("", R"(,{"type":"user","path":"/x"})") == "ok");
  CHECK(of_linux(maps(one)) ==
        "user namespace mappings specified, but user namespace isn't enabled in the config [/linux/uidMappings]");
  CHECK(of_linux(maps("", one)) ==
        "user namespace mappings specified, but user namespace isn't enabled in the config [/linux/gidMappings]");
  CHECK(of_linux(maps("", one), kUser) == "user namespaces enabled, but no uid mappings found [/linux/uidMappings]");
  CHECK(of_linux(maps(one, ""), kUser) == "user namespaces enabled, but no gid mappings found [/linux/gidMappings]");
  // The first mapped id does what root does elsewhere.
  CHECK(of_linux(maps(R"({"containerID":1,"hostID":1000,"size":10})"), kUser) == "ok");
  CHECK(of_linux(maps(one, R"({"containerID":1,"hostID":1000,"size":10})"), kUser) == "ok");
  CHECK(of_linux(maps(R"({"containerID":0,"hostID":1000,"size":0})"), kUser) ==
        "a mapping of no ids [/linux/uidMappings/0/size]");
  CHECK(of_linux(maps(R"({"containerID":0,"hostID":4294967290,"size":10})"), kUser) ==
        "the mapping goes beyond the last id [/linux/uidMappings/0]");
  CHECK(of_linux(maps(one + R"(,{"containerID":9,"hostID":5000,"size":1})"), kUser) ==
        "the mapping overlaps with mapping 0 [/linux/uidMappings/1]");
  CHECK(of_linux(maps(one + R"(,{"containerID":10,"hostID":1009,"size":1})"), kUser) ==
        "the mapping overlaps with mapping 0 [/linux/uidMappings/1]");
}

TEST_CASE("more mappings than the kernel takes", "[config][validate]") {
  const auto many = [](unsigned count, unsigned from) {
    std::string list;
    for (unsigned i = 0; i < count; ++i)
      list += fmt::format("{}{{\"containerID\":{},\"hostID\":{},\"size\":1}}", i == 0 ? "" : ",", i, from + i);
    return maps(list);
  };
  CHECK(of_linux(many(340, 0), kUser) == "ok");
  CHECK(of_linux(many(341, 0), kUser) == "341 mappings: the kernel takes 340 at most [/linux/uidMappings]");
  CHECK(of_linux(many(340, 100000), kUser) ==
        "340 mappings of 4310 bytes as text: the kernel takes less than 4096 [/linux/uidMappings]");
}

TEST_CASE("time offsets", "[config][validate]") {
  CHECK(of_linux(R"("timeOffsets":{"monotonic":{"secs":-5,"nanosecs":999999999},"boottime":{}})", kTime) == "ok");
  CHECK(of_linux(R"("timeOffsets":{"monotonic":{"secs":1}})") ==
        "time namespace offsets specified, but time namespace isn't enabled in the config [/linux/timeOffsets]");
  CHECK(of_linux(R"("timeOffsets":{"monotonic":{"secs":1}})", R"(,{"type":"time","path":"/x"})") ==
        "time namespace enabled, but both namespace path and time offsets specified -- you may only provide one "
        "[/linux/timeOffsets]");
  CHECK(of_linux(R"("timeOffsets":{"real/time":{"secs":1}})", kTime) ==
        "clock 'real/time' has no offset, only monotonic and boottime [/linux/timeOffsets/real~1time]");
  CHECK(of_linux(R"("timeOffsets":{"boottime":{"nanosecs":1000000000}})", kTime) ==
        "1000000000 nanoseconds are a second or more [/linux/timeOffsets/boottime/nanosecs]");
}

TEST_CASE("masked and read-only paths", "[config][validate]") {
  using config::NamespaceType;
  CHECK(of_linux(R"("maskedPaths":["/proc/kcore"],"readonlyPaths":["/proc/sys"])") == "ok");
  CHECK(of_without(NamespaceType::mount, R"("maskedPaths":[],"readonlyPaths":[])") == "ok");
  CHECK(of_without(NamespaceType::mount, R"("maskedPaths":["/proc/kcore"])") ==
        "unable to restrict sys entries without a private MNT namespace [/linux/maskedPaths]");
  CHECK(of_without(NamespaceType::mount, R"("readonlyPaths":["/proc/sys"])") ==
        "unable to restrict sys entries without a private MNT namespace [/linux/readonlyPaths]");
  CHECK(of_linux(R"("maskedPaths":["/a","b"])") == "'b' is not an absolute path [/linux/maskedPaths/1]");
  CHECK(of_linux(R"("readonlyPaths":[""])") == "'' is not an absolute path [/linux/readonlyPaths/0]");
}

TEST_CASE("root propagation", "[config][validate]") {
  for (const std::string good :
       {"", "private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"})
    CHECK(of_linux(R"("rootfsPropagation":")" + good + "\"") == "ok");
  CHECK(of_linux(R"("rootfsPropagation":"public")") ==
        "rootfsPropagation='public' is not supported [/linux/rootfsPropagation]");
}

TEST_CASE("sysctls need their namespace", "[config][validate]") {
  using config::NamespaceType;
  const auto one = [](const std::string& key) { return R"("sysctl":{")" + key + R"(":"1"})"; };
  for (const auto* good :
       {"net.ipv4.ip_forward", "net/ipv4/conf/eno2.100/rp_filter", "net.ipv4.conf.eno2/100.rp_filter", "kernel.msgmax",
        "kernel.shm_rmid_forced", "kernel/sem", "fs.mqueue.msg_max", "kernel.domainname"})
    CHECK(of_linux(one(good)) == "ok");
  CHECK(of_linux(maps(R"({"containerID":0,"hostID":1,"size":1})") + "," + one("user.max_pid_namespaces"), kUser) ==
        "ok");
  CHECK(of_without(NamespaceType::ipc, one("kernel.msgmax")) ==
        "sysctl 'kernel.msgmax' is not allowed in the hosts ipc namespace [/linux/sysctl/kernel.msgmax]");
  CHECK(of_without(NamespaceType::ipc, one("fs.mqueue.msg_max"))
            .starts_with("sysctl 'fs.mqueue.msg_max' is not allowed"));
  CHECK(of_without(NamespaceType::network, one("net/core/somaxconn")) ==
        "sysctl 'net/core/somaxconn' not allowed in host network namespace [/linux/sysctl/net~1core~1somaxconn]");
  CHECK(of_without(NamespaceType::uts, one("kernel.domainname"))
            .starts_with("sysctl 'kernel.domainname' is not allowed"));
  CHECK(of_linux(one("kernel.hostname")) ==
        "sysctl 'kernel.hostname' is not allowed as it conflicts with the OCI \"hostname\" field "
        "[/linux/sysctl/kernel.hostname]");
  CHECK(of_linux(one("user.max_pid_namespaces")).starts_with("sysctl 'user.max_pid_namespaces' sets ucounts"));
  for (const std::string bad : {"kernel.core_pattern", "vm.swappiness", "kernel.sem.x", "nett.x", "fs.mqueue"})
    CHECK(of_linux(one(bad)).starts_with("sysctl '" + bad + "' is not in a separate kernel namespace"));
  for (const std::string bad : {"net/../kernel/core_pattern", "net..x", "", ".", "/net/x", "net/", "net/./x"})
    CHECK(of_linux(one(bad)).starts_with("sysctl '" + bad + "' is not a name"));
  CHECK(config::sysctl_path("net.ipv4.conf.eth0/1.rp_filter") == "net/ipv4/conf/eth0.1/rp_filter");
  CHECK(config::sysctl_path("net/ipv4/conf/eth0.1/rp_filter") == "net/ipv4/conf/eth0.1/rp_filter");
}

TEST_CASE("network devices", "[config][validate]") {
  using config::NamespaceType;
  CHECK(of_linux(R"("netDevices":{"eth0":{"name":"a"},"eth1":{},"ens4":{"name":"net%d"},"ens5":{"name":"net%d"}})") ==
        "ok");
  CHECK(of_without(NamespaceType::network, R"("netDevices":{"eth0":{}})") ==
        "unable to move network devices without a private NET namespace [/linux/netDevices]");
  for (const std::string bad : {".", "..", "a/b", "a:b", "a b", "a\\tb", "sixteen-bytes-xx"})
    CHECK(of_linux(R"("netDevices":{"eth0":{"name":")" + bad + "\"}}").starts_with("invalid network device name '"));
  CHECK(of_linux(R"("netDevices":{"":{"name":"a"}})") == "invalid network device name '' [/linux/netDevices/]");
  CHECK(of_linux(R"("netDevices":{"eth0":{"name":"a"},"eth1":{"name":"a"}})") ==
        "duplicate network device name 'a' [/linux/netDevices/eth1/name]");
}

TEST_CASE("devices", "[config][validate]") {
  const auto one = [](std::string_view members) { return of_linux(R"("devices":[{)" + std::string(members) + "}]"); };
  CHECK(one(R"("path":"/dev/x","type":"c","major":4095,"minor":1048575,"fileMode":8630,"uid":0,"gid":0)") == "ok");
  CHECK(one(R"("path":"/dev/x","type":"p")") == "ok");
  CHECK(one(R"("path":"/","type":"p")") ==
        "device path '/' is not the absolute path of a file [/linux/devices/0/path]");
  CHECK(one(R"("path":"dev/x","type":"p")") ==
        "device path 'dev/x' is not the absolute path of a file [/linux/devices/0/path]");
  CHECK(one(R"("path":"/x","type":"c","minor":1)") == "device '/x' needs a major number [/linux/devices/0/major]");
  CHECK(one(R"("path":"/x","type":"b","major":1)") == "device '/x' needs a minor number [/linux/devices/0/minor]");
  CHECK(one(R"("path":"/x","type":"u","major":4096,"minor":1)") ==
        "4096 is not a major number [/linux/devices/0/major]");
  CHECK(one(R"("path":"/x","type":"c","major":1,"minor":-1)") == "-1 is not a minor number [/linux/devices/0/minor]");
  CHECK(one(R"("path":"/x","type":"p","fileMode":65536)") ==
        "65536 is not the mode of a file [/linux/devices/0/fileMode]");
  CHECK(one(R"("path":"/x","type":"p","uid":4294967295)") == "4294967295 is not a user id [/linux/devices/0/uid]");
  CHECK(one(R"("path":"/x","type":"p","gid":4294967295)") == "4294967295 is not a group id [/linux/devices/0/gid]");
}

TEST_CASE("resources", "[config][validate]") {
  const auto with = [](std::string_view members) { return of_linux(R"("resources":{)" + std::string(members) + "}"); };
  CHECK(with(R"("devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":-1,"minor":3,"access":"r"}],
                "hugepageLimits":[{"pageSize":"64KB","limit":0}],"unified":{"memory.high":"1"})") == "ok");
  CHECK(with(R"("devices":[{"allow":false}])") ==
        "device access at 0 field cannot be empty [/linux/resources/devices/0/access]");
  CHECK(with(R"("devices":[{"allow":false,"access":"rx"}])") ==
        "device access 'rx' is not of r, w and m [/linux/resources/devices/0/access]");
  CHECK(with(R"("devices":[{"allow":false,"access":"r","major":-2}])") ==
        "-2 is not a major number [/linux/resources/devices/0/major]");
  CHECK(with(R"("devices":[{"allow":false,"access":"r","minor":-2}])") ==
        "-2 is not a minor number [/linux/resources/devices/0/minor]");
  for (const std::string bad : {"", "MB", "2mb", "02MB", "2M", "2TB", "-2MB"})
    CHECK(with(R"("hugepageLimits":[{"pageSize":")" + bad + R"(","limit":0}])") ==
          "'" + bad + "' is not a page size like '2MB' [/linux/resources/hugepageLimits/0/pageSize]");
  for (const std::string bad : {"", "..", "../x", "a/b"})
    CHECK(with(R"("unified":{")" + bad + R"(":"1"})") ==
          "'" + bad + "' is not the name of a cgroup file [/linux/resources/unified]");
}

TEST_CASE("cache and memory bandwidth classes", "[config][validate]") {
  CHECK(of_linux(R"("intelRdt":{"closID":"a","l3CacheSchema":"L3:0=f","memBwSchema":"MB:0=20"})") == "ok");
  CHECK(of_linux(R"("intelRdt":{"closID":"/"})") == "ok");
  for (const std::string bad : {".", "..", "a/b", "/a"})
    CHECK(of_linux(R"("intelRdt":{"closID":")" + bad + "\"}") ==
          "invalid intelRdt.ClosID '" + bad + "' [/linux/intelRdt/closID]");
  CHECK(of_linux(R"("intelRdt":{"memBwSchema":"L3:0=f"})") ==
        "'L3:0=f' is not one line that starts with 'MB:' [/linux/intelRdt/memBwSchema]");
  CHECK(of_linux(R"("intelRdt":{"schemata":["a","b\nc"]})") == "a schema is one line [/linux/intelRdt/schemata/1]");
}

TEST_CASE("memory policies", "[config][validate]") {
  const auto with = [](std::string_view members) {
    return of_linux(R"("memoryPolicy":{)" + std::string(members) + "}");
  };
  CHECK(with(R"("mode":"MPOL_BIND","nodes":"0-1,3","flags":["MPOL_F_STATIC_NODES"])") == "ok");
  CHECK(with(R"("mode":"MPOL_DEFAULT")") == "ok");
  CHECK(with(R"("mode":"MPOL_PREFERRED")") == "ok");
  CHECK(with(R"("nodes":"0")") == "memory policy mode is required [/linux/memoryPolicy/mode]");
  CHECK(with(R"("mode":"MPOL_BIND","nodes":"x")") == "'x' is not a list of memory nodes [/linux/memoryPolicy/nodes]");
  for (const std::string mode : {"MPOL_DEFAULT", "MPOL_LOCAL"})
    CHECK(with(R"("mode":")" + mode + R"(","nodes":"0-2")") ==
          "memory policy mode requires 0 nodes but got 3 (" + mode + ") [/linux/memoryPolicy/nodes]");
  for (const std::string mode : {"MPOL_BIND", "MPOL_INTERLEAVE", "MPOL_PREFERRED_MANY", "MPOL_WEIGHTED_INTERLEAVE"})
    CHECK(with(R"("mode":")" + mode + "\"") ==
          "memory policy mode requires at least one node but got 0 (" + mode + ") [/linux/memoryPolicy/nodes]");
  CHECK(with(R"("mode":"MPOL_BIND","nodes":"0","flags":["MPOL_F_STATIC_NODES","MPOL_F_RELATIVE_NODES"])") ==
        "MPOL_F_RELATIVE_NODES and MPOL_F_STATIC_NODES exclude each other [/linux/memoryPolicy/flags]");
  CHECK(with(R"("mode":"MPOL_INTERLEAVE","nodes":"0","flags":["MPOL_F_NUMA_BALANCING"])") ==
        "MPOL_F_NUMA_BALANCING goes with MPOL_BIND and MPOL_PREFERRED_MANY, not with MPOL_INTERLEAVE "
        "[/linux/memoryPolicy/flags]");
}

TEST_CASE("personality", "[config][validate]") {
  CHECK(of_linux(R"("personality":{"domain":"LINUX32"})") == "ok");
  CHECK(of_linux(R"("personality":{})") == "personality domain is required [/linux/personality/domain]");
  CHECK(of_linux(R"("personality":{"domain":"LINUX","flags":["ADDR_NO_RANDOMIZE"]})") ==
        "personality flags are not supported: the runtime-spec defines none [/linux/personality/flags]");
}
