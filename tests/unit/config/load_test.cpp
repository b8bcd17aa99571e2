// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "config/schema_dir.hpp"
#include "config/spec.hpp"
#include "verdict.hpp"

using namespace caisson;

namespace {

std::string example_text(const std::string& name) {
  const auto path = std::string(CAISSON_SCHEMA_DIR) + "/examples/" + name;
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(65536, '\0');
  const auto got = ::read(file.get(), text.data(), text.size());
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

std::string fault(std::string_view text) {
  const auto spec = config::load(text);
  return spec ? "no fault" : spec.error().what() + " [" + spec.error().pointer() + "]";
}

}  // namespace

TEST_CASE("the schema's examples load and survive a round trip", "[config]") {
  for (const auto* name :
       {"linux-netdevice.json", "linux-rdma.json", "minimal-for-start.json", "minimal.json", "spec-example.json"}) {
    INFO(name);
    const auto spec = config::load(example_text(name));
    REQUIRE(spec);
    CHECK(spec->root->path == "rootfs");
    CHECK(config::load(config::save(*spec)) == *spec);
    CHECK(config::load(config::save_indented(*spec)) == *spec);
    CHECK(config::save(*config::load(config::save(*spec))) == config::save(*spec));
  }
}

TEST_CASE("the great example arrives whole", "[config]") {
  const auto spec = config::load(example_text("spec-example.json"));
  REQUIRE(spec);
  CHECK(spec->process->user.additional_gids == std::vector<std::uint32_t>{5, 6});
  CHECK(spec->process->capabilities->ambient == std::vector<std::string>{"CAP_NET_BIND_SERVICE"});
  CHECK(spec->process->rlimits[1] == config::Rlimit{config::RlimitType::nofile, 1024, 1024});
  CHECK(spec->mounts.size() == 7);
  CHECK(spec->hooks->poststart[0].timeout == 5);
  CHECK(spec->hooks->create_container[0].args.size() == 3);
  CHECK(spec->annotations.at("com.example.key2") == "value2");
  const auto& platform = spec->linux_or_empty();
  CHECK(platform.devices[0].file_mode == 438u);
  CHECK(platform.devices[1].type == config::DeviceType::b);
  CHECK(platform.uid_mappings[0] == config::IdMapping{0, 1000, 32000});
  CHECK(platform.sysctl.size() == 2);
  CHECK(platform.cgroups_path == "/myRuntime/myContainer");
  CHECK(platform.resources->network->class_id == 1048577u);
  CHECK(platform.resources->hugepage_limits[0].limit == 9223372036854772000u);
  CHECK(platform.resources->memory->kernel == -1);
  CHECK(platform.resources->memory->disable_oom_killer == false);
  CHECK(platform.resources->cpu->cpus == "2-3");
  CHECK(platform.resources->devices[0].type == std::nullopt);
  CHECK(platform.resources->devices[2].type == config::DeviceRuleType::b);
  CHECK(platform.resources->block_io->weight_device[0].leaf_weight == 300);
  CHECK(platform.resources->block_io->throttle_write_iops_device[0].rate == 300);
  CHECK(platform.rootfs_propagation == "slave");
  CHECK(platform.seccomp->architectures.size() == 2);
  CHECK(platform.seccomp->syscalls[0].action == config::SeccompAction::errno_return);
  CHECK_FALSE(platform.seccomp->flags);
  CHECK(platform.time_offsets.at("boottime").secs == 604800);
  CHECK(platform.find(config::NamespaceType::time) == &platform.namespaces[7]);
  CHECK(platform.masked_paths.size() == 4);
  CHECK(platform.mount_label.starts_with("system_u"));
}

TEST_CASE("absence and emptiness are told apart", "[config]") {
  const auto bare = config::load(R"({"ociVersion":"1.3.0","process":{"cwd":"/"},"linux":{"seccomp":{}}})");
  REQUIRE(bare);
  CHECK_FALSE(bare->process->env);
  CHECK_FALSE(bare->process->capabilities);
  CHECK_FALSE(bare->process->oom_score_adj);
  CHECK_FALSE(bare->process->user.umask);
  CHECK_FALSE(bare->linux->seccomp->default_action);
  CHECK(config::save(*bare) ==
        R"({"ociVersion":"1.3.0","process":{"user":{"uid":0,"gid":0},"cwd":"/"},"linux":{"seccomp":{}}})");
  const auto full = config::load(R"({"ociVersion":"1.3.0","process":{"cwd":"/","env":[],"capabilities":{},
      "oomScoreAdj":0,"user":{"umask":0}},"linux":{"seccomp":{"defaultAction":"","flags":[]},
      "resources":{"memory":{"limit":0},"pids":{"limit":0}}}})");
  REQUIRE(full);
  CHECK(full->process->env == std::vector<std::string>{});
  CHECK(full->process->capabilities == config::Capabilities{});
  CHECK(full->process->oom_score_adj == 0);
  CHECK(full->process->user.umask == 0u);
  CHECK_FALSE(full->linux->seccomp->default_action);
  CHECK(full->linux->seccomp->flags == std::vector<config::SeccompFlag>{});
  CHECK(full->linux->resources->memory->limit == 0);
  CHECK(config::load(config::save(*full)) == *full);
}

TEST_CASE("a pids limit of 0 is no limit before version 1.3.0", "[config]") {
  const auto limit = [](const std::string& version, const std::string& pids) {
    const auto spec =
        config::load(R"({"ociVersion":")" + version + R"(","linux":{"resources":{"pids":)" + pids + "}}}");
    REQUIRE(spec);
    return spec->linux->resources->pids->limit;
  };
  for (const char* old : {"1.0.0", "1.0.2-dev", "1.1.0", "1.2.1+build", "1.3.0-rc.1"}) {
    INFO(old);
    CHECK(limit(old, R"({"limit":0})") == -1);
    CHECK(limit(old, R"({"limit":5})") == 5);
    CHECK(limit(old, R"({"limit":-1})") == -1);
    CHECK(limit(old, "{}") == std::nullopt);
  }
  for (const char* present : {"1.3.0", "1.3.1-dev", "1.30.0", "1.4.0"}) {
    INFO(present);
    CHECK(limit(present, R"({"limit":0})") == 0);
  }
  // What was saved has its meaning already.
  const auto saved = config::load_saved(R"({"ociVersion":"1.0.2","linux":{"resources":{"pids":{"limit":0}}}})");
  CHECK(saved->linux->resources->pids->limit == 0);
}

TEST_CASE("a document that is no config", "[config]") {
  CHECK(fault("null") == "config cannot be null []");
  CHECK(fault("[]") == "expected an object, not an array []");
  CHECK(fault("{}") == "a required value is missing [/ociVersion]");
  CHECK(fault("{\"ociVersion\":\n\"1.3.0\",}") == "invalid JSON at line 2, column 9: expected the name of a member []");
  CHECK(fault("") == "invalid JSON at line 1, column 1: the document is empty []");
}

TEST_CASE("words outside closed sets", "[config]") {
  const auto of = [](std::string_view rest) { return fault(R"({"ociVersion":"1.3.0",)" + std::string(rest) + "}"); };
  CHECK(of(R"("process":{"cwd":"/","rlimits":[{"type":"RLIMIT_NOFILE","soft":1,"hard":2},
                                              {"type":"RLIMIT_NOPE","soft":1,"hard":2}]})") ==
        "wrong rlimit value: 'RLIMIT_NOPE' [/process/rlimits/1/type]");
  CHECK(of(R"("process":{"cwd":"/","rlimits":[{"type":"RLIMIT_CPU","soft":-1,"hard":2}]})") ==
        "expected an integer from 0 to 18446744073709551615 [/process/rlimits/0/soft]");
  CHECK(of(R"("process":{"cwd":"/","scheduler":{"policy":"SCHED_X"}})") ==
        "invalid scheduler policy: 'SCHED_X' [/process/scheduler/policy]");
  CHECK(of(R"("process":{"cwd":"/","scheduler":{}})") == "a required value is missing [/process/scheduler/policy]");
  CHECK(of(R"("process":{"cwd":"/","ioPriority":{"class":"X"}})") ==
        "invalid ioPriority.Class: 'X' [/process/ioPriority/class]");
  CHECK(of(R"("linux":{"namespaces":[{"type":"pid"},{"type":"net"}]})") ==
        "namespace 'net' does not exist [/linux/namespaces/1/type]");
  CHECK(of(R"("linux":{"devices":[{"type":"x","path":"/dev/x"}]})") ==
        "invalid device type 'x' [/linux/devices/0/type]");
  CHECK(of(R"("linux":{"resources":{"devices":[{"allow":true,"type":"p"}]}})") ==
        "invalid cgroup device type 'p' [/linux/resources/devices/0/type]");
  CHECK(of(R"("linux":{"seccomp":{"defaultAction":"SCMP_ACT_X"}})") ==
        "unknown seccomp action 'SCMP_ACT_X' [/linux/seccomp/defaultAction]");
  CHECK(of(R"("linux":{"seccomp":{"flags":["X"]}})") == "unknown seccomp flag 'X' [/linux/seccomp/flags/0]");
  CHECK(of(R"("linux":{"seccomp":{"architectures":["X"]}})") ==
        "unknown seccomp architecture 'X' [/linux/seccomp/architectures/0]");
  CHECK(of(R"("linux":{"memoryPolicy":{"mode":"X"}})") == "invalid memory policy mode 'X' [/linux/memoryPolicy/mode]");
  CHECK(of(R"("linux":{"personality":{"domain":"X"}})") ==
        "invalid personality domain 'X' [/linux/personality/domain]");
  CHECK(of(R"("root":{})") == "a required value is missing [/root/path]");
  CHECK(of(R"("mounts":[{"type":"tmpfs"}])") == "a required value is missing [/mounts/0/destination]");
  CHECK(of(R"("root":{"path":"a\u0000b"})") == "a string must not contain a NUL byte [/root/path]");
}

TEST_CASE("a process and resources by themselves", "[config]") {
  const auto process = config::load_process(R"({"cwd":"/","args":["id"],"terminal":true})");
  REQUIRE(process);
  CHECK(process->terminal);
  CHECK(config::load_process(config::save_process(*process)) == *process);
  CHECK(config::load_process(R"({"args":"id"})").error().pointer() == "/process/args");
  CHECK(config::load_process(R"({"args":"id"})", "").error().pointer() == "/args");
  CHECK(config::load_resources(R"({"memory":{"limit":-1}})")->memory->limit == -1);
  CHECK(config::load_resources(R"({"memory":{"limit":"x"}})").error().pointer() == "/linux/resources/memory/limit");
  CHECK(config::load_resources("null").error().what() == "config cannot be null");
}

TEST_CASE("the example is sound", "[config]") {
  for (const bool rootless : {false, true}) {
    const auto spec = config::example({.rootless = rootless, .uid = 1000, .gid = 100});
    CHECK(verdict::of(spec) == "ok");
    CHECK(config::load(config::save_indented(spec)) == spec);
    CHECK(spec.oci_version == "1.3.0");
    CHECK(spec.hostname == "caisson");
    CHECK((spec.linux->find(config::NamespaceType::network) == nullptr) == rootless);
    CHECK((spec.linux->find(config::NamespaceType::user) != nullptr) == rootless);
    CHECK(spec.linux->resources.has_value() != rootless);
    CHECK(spec.linux->find(config::NamespaceType::cgroup) == nullptr);
    const auto on_v2 = config::example({.rootless = rootless, .cgroup_v2 = true});
    CHECK(verdict::of(on_v2) == "ok");
    CHECK(on_v2.linux->find(config::NamespaceType::cgroup) != nullptr);
  }
  const auto of_user = config::example({.rootless = true, .uid = 1000, .gid = 100});
  CHECK(of_user.linux->uid_mappings[0] == config::IdMapping{0, 1000, 1});
  CHECK(of_user.linux->gid_mappings[0] == config::IdMapping{0, 100, 1});
}
