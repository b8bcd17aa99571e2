// SPDX-License-Identifier: Apache-2.0
#include "integration/support/nsinit.hpp"

#include <catch2/catch.hpp>

namespace caisson::testing {

namespace {

constexpr const char* kConfig = R"({
  "hostname": "koye",
  "environment": ["PATH=/bin:/usr/bin:/sbin:/usr/sbin:/"],
  "namespaces": [{"name": "NEWNS"}, {"name": "NEWUTS"}, {"name": "NEWIPC"}, {"name": "NEWPID"}, {"name": "NEWNET"}],
  "capabilities": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "MKNOD", "NET_RAW", "NET_ADMIN", "SETUID", "SETGID"],
  "networks": [{"type": "loopback", "address": "127.0.0.1/0", "gateway": "localhost", "mtu": 1500}],
  "mount_config": {"mounts": [{"type": "tmpfs", "destination": "/tmp"}]}
})";

}  // namespace

NsinitBox::NsinitBox(const World& world, const std::string& name, bool apart) : world_(&world), name_(name) {
  dir_ = world.dir() + "/" + name;
  rootfs_ = apart ? dir_ + "/root" : dir_;
  make_dirs(rootfs_ + "/bin");
  make_dirs(rootfs_ + "/etc");
  install(Places::get().probe, rootfs_ + "/probe");
  install(Places::get().busybox, rootfs_ + "/bin/busybox");
  for (const char* applet : {"sh", "cat", "echo", "id", "ls", "ps", "sleep", "true", "tty", "hostname", "ping", "ping6",
                             "ip", "nc", "readlink", "grep", "touch", "stat"})
    install(rootfs_ + "/bin/busybox", rootfs_ + "/bin/" + applet);
  spit(rootfs_ + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:x:2:3:daemon:/sbin:/bin/false\n");
  spit(rootfs_ + "/etc/group", "root:x:0:root\nadm:x:4:daemon\ndaemon:x:3:\nwheel:x:10:daemon\n");
  config = Json(kConfig);
  if (apart) config.set_string("/root_fs", rootfs_);
  config.set("/environment/-", quoted("CAISSON_TEST=" + world.mark()));
  config.set("/cgroups", "{}");
  config.set_string("/cgroups/name", name).set_string("/cgroups/parent", world.mark());
  config.set("/cgroups/allowed_devices",
             R"([{"type": 99, "major_number": -1, "minor_number": -1, "cgroup_permissions": "m"}])");
}

NsinitBox& NsinitBox::set(const std::string& pointer, const std::string& json) {
  config.set(pointer, json);
  return *this;
}

NsinitBox& NsinitBox::namespaces(const std::vector<std::string>& names) {
  config.set("/namespaces", "[]");
  for (const auto& name : names) {
    Json entry;
    entry.set_string("/name", name);
    config.set("/namespaces/-", entry.text());
  }
  return *this;
}

NsinitBox& NsinitBox::sample(const std::string& name) {
  config = Json(slurp(Places::get().source + "/config-samples/nsinit/" + name + ".json"));
  config.set("/environment/-", quoted("CAISSON_TEST=" + world_->mark()));
  config.set_string("/cgroups/name", name_).set_string("/cgroups/parent", world_->mark());
  return set("/tty", "false");
}

void NsinitBox::write() const { spit(dir_ + "/container.json", config.text()); }

Ran NsinitBox::call(const std::vector<std::string>& words, How how) const {
  std::vector<std::string> all{"nsinit"};
  all.insert(all.end(), words.begin(), words.end());
  if (how.cwd.empty()) how.cwd = dir_;
  if (!exists(dir_ + "/container.json")) write();
  return world_->call(all, how);
}

Ran NsinitBox::exec(const std::vector<std::string>& command, const How& how) const {
  std::vector<std::string> words{"exec"};
  words.insert(words.end(), command.begin(), command.end());
  return call(words, how);
}

pid_t NsinitBox::start(const std::vector<std::string>& command, Ran& files, How how) const {
  std::vector<std::string> words{"nsinit", "exec"};
  words.insert(words.end(), command.begin(), command.end());
  if (how.cwd.empty()) how.cwd = dir_;
  if (!exists(dir_ + "/container.json")) write();
  return world_->start_call(words, how, files);
}

pid_t NsinitBox::started(Ran& files, const std::vector<std::string>& command, const How& how) const {
  const pid_t pid = start(command, files, how);
  const bool up = eventually([&] { return contains(slurp(files.out_path), "up"); });
  INFO("nsinit: " << slurp(files.err_path));
  REQUIRE(up);
  return pid;
}

Json NsinitBox::report(const std::vector<std::string>& questions) const {
  std::vector<std::string> command{"/probe"};
  command.insert(command.end(), questions.begin(), questions.end());
  const Ran ran = exec(command);
  INFO("nsinit: code " << ran.code << ", " << ran.err);
  REQUIRE(ran.code == 0);
  return Json(ran.out.substr(0, ran.out.find('\n')));
}

void NsinitBox::nothing_left() const {
  CHECK_FALSE(exists(state_path()));
  world_->nothing_left();
}

}  // namespace caisson::testing
