// SPDX-License-Identifier: Apache-2.0
#include "plan/identity.hpp"

#include <linux/capability.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>

namespace caisson::plan {

namespace {

constexpr std::uint64_t bit(int number) { return std::uint64_t{1} << number; }

HostFacts root_facts() {
  HostFacts facts;
  facts.bounding_capabilities = (bit(41) - 1) & ~bit(CAP_SYS_RESOURCE);
  return facts;
}

struct Made {
  Result<IdentityPlan> plan;
  std::vector<std::string> warnings;
};

Made make(const config::Process& process, const config::Linux* section = nullptr, HostFacts facts = root_facts(),
          bool in_user_namespace = false) {
  Made made;
  made.plan = make_identity(process, section, facts, in_user_namespace, "/process", made.warnings);
  return made;
}

/// Pointer of the error that `process` makes; "" without one.
std::string fault(const Made& made) { return made.plan ? std::string() : made.plan.error().pointer(); }

}  // namespace

TEST_CASE("capability names and numbers agree with the kernel's", "[plan][capabilities]") {
  CHECK(capability_number("CAP_CHOWN") == CAP_CHOWN);
  CHECK(capability_number("CAP_SYS_ADMIN") == CAP_SYS_ADMIN);
  CHECK(capability_number("CAP_CHECKPOINT_RESTORE") == CAP_CHECKPOINT_RESTORE);
  CHECK_FALSE(capability_number("cap_chown"));
  CHECK_FALSE(capability_number("CHOWN"));
  CHECK(capability_name(CAP_NET_RAW) == "CAP_NET_RAW");
  CHECK(capability_name(41).empty());
  CHECK(capability_name(-1).empty());
  CHECK(capability_names().size() == CAP_LAST_CAP + 1);
}

TEST_CASE("capability sets become masks, and only what is there is dropped", "[plan][capabilities]") {
  config::Process process;
  process.capabilities.emplace();
  process.capabilities->bounding = {"CAP_KILL", "CAP_NET_RAW"};
  process.capabilities->permitted = {"CAP_KILL", "CAP_NET_RAW"};
  process.capabilities->effective = {"CAP_KILL"};
  process.capabilities->inheritable = {"CAP_NET_RAW"};
  process.capabilities->ambient = {"CAP_NET_RAW"};
  const auto made = make(process);
  REQUIRE(made.plan);
  CHECK(made.warnings.empty());
  const auto& sets = made.plan->capabilities;
  CHECK(sets.bounding == (bit(CAP_KILL) | bit(CAP_NET_RAW)));
  CHECK(sets.permitted == sets.bounding);
  CHECK(sets.effective == bit(CAP_KILL));
  CHECK(sets.inheritable == bit(CAP_NET_RAW));
  CHECK(sets.ambient == bit(CAP_NET_RAW));
  CHECK(sets.drop_bounding == ((bit(41) - 1) & ~sets.bounding & ~bit(CAP_SYS_RESOURCE)));

  HostFacts bare = root_facts();
  bare.bounding_capabilities = sets.bounding;
  CHECK(make(process, nullptr, bare).plan->capabilities.drop_bounding == 0);
  CHECK(make(process, nullptr, bare, true).plan->capabilities.drop_bounding == ((bit(41) - 1) & ~sets.bounding));
}

TEST_CASE("a process without capabilities has none, as one with empty sets", "[plan][capabilities]") {
  config::Process process;
  const auto absent = make(process);
  CHECK(absent.plan->capabilities.permitted == 0);
  CHECK(absent.plan->capabilities.drop_bounding == root_facts().bounding_capabilities);
  CHECK(absent.warnings.empty());
  process.capabilities.emplace();
  CHECK(make(process).plan->capabilities == absent.plan->capabilities);
}

TEST_CASE("capabilities outside the bounding set are warned of and left out", "[plan][capabilities]") {
  config::Process process;
  process.capabilities.emplace();
  process.capabilities->bounding = {"CAP_KILL"};
  process.capabilities->permitted = {"CAP_KILL", "CAP_CHOWN"};
  process.capabilities->effective = {"CAP_KILL", "CAP_CHOWN", "CAP_FOWNER"};
  for (const bool in_user_namespace : {false, true}) {
    const auto made = make(process, nullptr, root_facts(), in_user_namespace);
    REQUIRE(made.plan);
    CHECK(made.plan->capabilities.permitted == bit(CAP_KILL));
    CHECK(made.plan->capabilities.effective == bit(CAP_KILL));
    CHECK(made.warnings ==
          std::vector<std::string>{
              "ignoring permitted capabilities that are not in the bounding set: [CAP_CHOWN]",
              "ignoring effective capabilities that are not in the bounding set: [CAP_CHOWN CAP_FOWNER]"});
  }
}

TEST_CASE("ambient capabilities beside an empty inheritable set are a note and no warning", "[plan][capabilities]") {
  config::Process process;
  process.capabilities.emplace();
  process.capabilities->bounding = {"CAP_KILL", "CAP_CHOWN"};
  process.capabilities->permitted = {"CAP_KILL", "CAP_CHOWN"};
  process.capabilities->ambient = {"CAP_KILL"};
  const auto old = make(process);
  CHECK(old.warnings.empty());
  CHECK(old.plan->capabilities.ambient == 0);
  CHECK(old.plan->capabilities.note ==
        "ambient capabilities are not raised, for the inheritable set is empty: [CAP_KILL]");
  process.capabilities->inheritable = {"CAP_CHOWN"};
  const auto asked = make(process);
  CHECK(asked.warnings == std::vector<std::string>{
                              "ignoring ambient capabilities that are not both permitted and inheritable: [CAP_KILL]"});
  CHECK(asked.plan->capabilities.note.empty());
}

TEST_CASE("a capability that no Linux has, and one that this host lacks, is a warning", "[plan][capabilities]") {
  config::Process process;
  process.capabilities.emplace();
  process.capabilities->bounding = {"CAP_KILL", "CAP_TYPO"};
  CHECK(make(process).warnings == std::vector<std::string>{"ignoring unknown capabilities: [CAP_TYPO]"});

  process.capabilities->bounding = {"CAP_SYS_RESOURCE"};
  process.capabilities->effective = {"CAP_SYS_RESOURCE"};
  const auto made = make(process);
  REQUIRE(made.plan);
  CHECK(made.warnings == std::vector<std::string>{"ignoring unavailable capabilities: [CAP_SYS_RESOURCE]"});
  CHECK(made.plan->capabilities.bounding == 0);
  // A user namespace gives them all.
  const auto inside = make(process, nullptr, root_facts(), true);
  CHECK(inside.plan->capabilities.bounding == bit(CAP_SYS_RESOURCE));
}

TEST_CASE("capabilities that the kernel would refuse are warned of", "[plan][capabilities]") {
  config::Process process;
  process.capabilities.emplace();
  process.capabilities->effective = {"CAP_KILL"};
  process.capabilities->inheritable = {"CAP_CHOWN"};
  process.capabilities->ambient = {"CAP_CHOWN"};
  const auto made = make(process);
  REQUIRE(made.plan);
  CHECK(made.plan->capabilities.effective == 0);
  CHECK(made.plan->capabilities.inheritable == 0);
  CHECK(made.plan->capabilities.ambient == 0);
  CHECK(made.warnings.size() == 3);
}

TEST_CASE("of an environment name the last stays where it stands", "[plan][env]") {
  config::Process process;
  process.env = {"A=1", "B=2", "A=3", "PATH=/bin", "HOME=/h"};
  auto made = make(process);
  CHECK(made.plan->env == std::vector<std::string>{"B=2", "A=3", "PATH=/bin", "HOME=/h"});
  CHECK_FALSE(made.plan->add_home);

  process.env = {"HOME=/h", "X=", "HOME="};
  made = make(process);
  CHECK(made.plan->add_home);
  CHECK(made.plan->env == std::vector<std::string>{"X="});

  process.env = std::vector<std::string>{};
  CHECK(make(process).plan->add_home);
  process.env.reset();
  CHECK(make(process).plan->add_home);
}

TEST_CASE("ids outside the user namespace's maps are refused", "[plan][user]") {
  config::Process process;
  config::Linux section;
  section.uid_mappings = {{0, 100000, 10}};
  section.gid_mappings = {{0, 100000, 10}, {100, 5, 1}};
  process.user.uid = 10;
  CHECK(fault(make(process, &section, root_facts(), true)) == "/process/user/uid");
  CHECK(fault(make(process, &section)) == "");
  process.user.uid = 9;
  process.user.gid = 99;
  CHECK(fault(make(process, &section, root_facts(), true)) == "/process/user/gid");
  process.user.gid = 100;
  process.user.additional_gids = {1, 11};
  CHECK(fault(make(process, &section, root_facts(), true)) == "/process/user/additionalGids/1");
}

TEST_CASE("a rootless container has no additional groups", "[plan][user]") {
  HostFacts facts = root_facts();
  facts.euid = 1000;
  config::Process process;
  CHECK(make(process, nullptr, facts, true).plan->set_groups);
  process.user.additional_gids = {5};
  const auto made = make(process, nullptr, facts, true);
  CHECK(fault(made) == "/process/user/additionalGids");
  CHECK(made.plan.error().message().contains("cannot set any additional groups in a rootless container"));
}

TEST_CASE("an annotation keeps the caller's groups in place of the config's", "[plan][user]") {
  CHECK(read_groups_annotation({}).value() == Groups::set);
  CHECK(read_groups_annotation({{"run.oci.keep_original_groups", "1"}}).value() == Groups::keep);
  CHECK(read_groups_annotation({{"run.oci.keep_original_groups", "0"}}).value() == Groups::set);
  const auto odd = read_groups_annotation({{"run.oci.keep_original_groups", "yes!"}});
  REQUIRE_FALSE(odd);
  CHECK(odd.error().pointer() == "/annotations/run.oci.keep_original_groups");
  HostFacts facts = root_facts();
  facts.euid = 1000;
  config::Process process;
  process.user.additional_gids = {5};
  std::vector<std::string> warnings;
  const auto plan = make_identity(process, nullptr, facts, true, "/process", warnings, Groups::keep);
  REQUIRE(plan);
  CHECK_FALSE(plan->set_groups);
  CHECK(plan->groups.empty());
}

TEST_CASE("umask defaults to 0022", "[plan][user]") {
  config::Process process;
  CHECK(make(process).plan->umask == 0022);
  process.user.umask = 0;
  CHECK(make(process).plan->umask == 0);
  process.user.umask = 01000;
  CHECK(fault(make(process)) == "/process/user/umask");
}

TEST_CASE("limits, scheduler, I/O priority", "[plan]") {
  config::Process process;
  process.rlimits = {{config::RlimitType::nofile, 10, 20}, {config::RlimitType::rttime, ~0ULL, ~0ULL}};
  process.scheduler = {.policy = config::SchedulerPolicy::batch,
                       .nice = 5,
                       .flags = {config::SchedulerFlag::reset_on_fork, config::SchedulerFlag::keep_params}};
  process.io_priority = {config::IoPriorityClass::be, 4};
  const auto plan = *make(process).plan;
  CHECK(plan.rlimits[0] == ResourceLimit{RLIMIT_NOFILE, 10, 20, "RLIMIT_NOFILE", "/process/rlimits/0"});
  CHECK(plan.rlimits[1].resource == RLIMIT_RTTIME);
  CHECK(plan.scheduler->policy == 3);
  CHECK(plan.scheduler->flags == 0x11);
  CHECK(plan.scheduler->nice == 5);
  CHECK(plan.io_priority->level == (2 << 13 | 4));
}

TEST_CASE("processor lists become masks", "[plan]") {
  config::Process process;
  process.exec_cpu_affinity = {.initial = "0-1, 3", .final_cpus = "64"};
  auto plan = *make(process).plan;
  CHECK(plan.initial_affinity->processors == std::vector<unsigned long>{0b1011});
  CHECK(plan.final_affinity->processors == std::vector<unsigned long>{0, 1});
  process.exec_cpu_affinity->initial = "3-1";
  CHECK(fault(make(process)) == "/process/execCPUAffinity/initial");
  process.exec_cpu_affinity = {.initial = {}, .final_cpus = "9000"};
  CHECK(fault(make(process)) == "/process/execCPUAffinity/final");
}

TEST_CASE("personality and memory policy", "[plan]") {
  config::Process process;
  config::Linux section;
  section.personality = {.domain = config::PersonalityDomain::linux32, .flags = {}};
  section.memory_policy = {
      .mode = config::MemoryPolicyMode::interleave, .nodes = "0,2", .flags = {config::MemoryPolicyFlag::static_nodes}};
  const auto plan = *make(process, &section).plan;
  CHECK(plan.personality->persona == 8);
  CHECK(plan.memory_policy->mode == (3 | 1 << 15));
  CHECK(plan.memory_policy->nodes == std::vector<unsigned long>{0b101});
  section.personality->flags = {"ADDR_NO_RANDOMIZE"};
  CHECK(fault(make(process, &section)) == "/linux/personality/flags/0");
  section.personality = config::Personality{};
  CHECK(fault(make(process, &section)) == "/linux/personality/domain");
}

TEST_CASE("labels need their module", "[plan][lsm]") {
  config::Process process;
  process.apparmor_profile = "docker-default";
  auto made = make(process);
  CHECK(fault(made) == "/process/apparmorProfile");
  CHECK(made.plan.error().what() == "apparmor: config provided but apparmor not supported");
  process.apparmor_profile = "unconfined";
  CHECK(make(process).plan->apparmor_profile.empty());
  HostFacts facts = root_facts();
  facts.apparmor = facts.selinux = true;
  CHECK(make(process, nullptr, facts).plan->apparmor_profile == "unconfined");

  process.selinux_label = "system_u:system_r:container_t:s0:c1,c2";
  CHECK(fault(make(process)) == "/process/selinuxLabel");
  CHECK(make(process, nullptr, facts).plan->selinux_label == process.selinux_label);
}

TEST_CASE("the console's size is the terminal's", "[plan][terminal]") {
  config::Process process;
  process.console_size = {40, 70000};
  CHECK(make(process).plan->console_rows == 0);
  process.terminal = true;
  CHECK(fault(make(process)) == "/process/consoleSize/width");
  process.console_size = {40, 120};
  CHECK(make(process).plan->console_rows == 40);
  CHECK(make(process).plan->console_columns == 120);
}

TEST_CASE("an identity is described", "[plan]") {
  config::Process process;
  process.args = {"sh"};
  process.cwd = "/";
  process.env = {"A=b"};
  process.no_new_privileges = true;
  HostFacts bare = root_facts();
  bare.bounding_capabilities = 0;
  CHECK(describe(*make(process, nullptr, bare).plan) ==
        "user 0:0 groups [] umask 0022\ncwd /\narg sh\nenv A=b\nenv HOME by /etc/passwd\nbounding [] drop []\n"
        "effective []\npermitted []\ninheritable []\nambient []\nno new privileges\n");
}

}  // namespace caisson::plan
