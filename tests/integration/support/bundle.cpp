// SPDX-License-Identifier: Apache-2.0
#include "integration/support/world.hpp"

namespace caisson::testing {

namespace {

/// What most containers of the tests are: private in all but user and time, the usual file systems, few capabilities.
constexpr const char* kConfig = R"({
  "ociVersion": "1.3.0",
  "process": {
    "user": {"uid": 0, "gid": 0},
    "args": ["/probe"],
    "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin:/"],
    "cwd": "/",
    "capabilities": {
      "bounding": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "effective": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"],
      "permitted": ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
    }
  },
  "root": {"path": "rootfs"},
  "hostname": "box",
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
     "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
  ],
  "linux": {
    "resources": {"devices": [{"allow": false, "access": "rwm"}]},
    "namespaces": [
      {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"}
    ]
  }
})";

}  // namespace

Bundle& Bundle::args(const std::vector<std::string>& args) {
  config.set_strings("/process/args", args);
  return *this;
}

Bundle& Bundle::probe(const std::vector<std::string>& args) {
  std::vector<std::string> all{"/probe"};
  all.insert(all.end(), args.begin(), args.end());
  return this->args(all);
}

Bundle& Bundle::set(const std::string& pointer, const std::string& json) {
  config.set(pointer, json);
  return *this;
}

Bundle& Bundle::remove(const std::string& pointer) {
  config.remove(pointer);
  return *this;
}

Bundle& Bundle::set_cwd(const std::string& cwd) {
  config.set_string("/process/cwd", cwd);
  return *this;
}

Bundle& Bundle::without_namespace(const std::string& type) {
  for (std::size_t i = 0; i < config.size("/linux/namespaces"); ++i) {
    const std::string at = "/linux/namespaces/" + std::to_string(i);
    if (config.str(at + "/type") == type) config.remove(at);
  }
  return *this;
}

Bundle& Bundle::add_namespace(const std::string& type, const std::string& path) {
  without_namespace(type);
  Json entry;
  entry.set_string("/type", type);
  if (!path.empty()) entry.set_string("/path", path);
  return set("/linux/namespaces/-", entry.text());
}

Bundle& Bundle::mount(const std::string& destination, const std::string& type, const std::string& source,
                      const std::vector<std::string>& options) {
  Json entry;
  entry.set_string("/destination", destination).set_string("/type", type).set_string("/source", source);
  entry.set_strings("/options", options);
  return set("/mounts/-", entry.text());
}

Bundle& Bundle::env(const std::string& name, const std::string& value) {
  return set("/process/env/-", quoted(name + "=" + value));
}

void Bundle::write() const { spit(dir + "/config.json", config.text()); }

Bundle World::bundle(const std::string& name) {
  Bundle bundle;
  bundle.id = mark_ + "-" + name + (bundles_ == 0 ? "" : std::to_string(bundles_));
  ++bundles_;
  bundle.dir = dir_ + "/" + bundle.id;
  bundle.rootfs = bundle.dir + "/rootfs";
  make_dirs(bundle.rootfs);
  install(Places::get().probe, bundle.rootfs + "/probe");
  bundle.config = Json(kConfig);
  bundle.config.set_string("/linux/cgroupsPath", "/" + mark_ + "/" + bundle.id);
  bundle.env("CAISSON_TEST", mark_);
  return bundle;
}

Bundle World::busybox_bundle(const std::string& name) {
  Bundle bundle = this->bundle(name);
  make_dirs(bundle.rootfs + "/bin");
  install(Places::get().busybox, bundle.rootfs + "/bin/busybox");
  for (const char* applet :
       {"sh", "cat", "echo", "id", "ls", "mount", "ps", "sleep", "stty", "true", "tty", "hostname"})
    install(bundle.rootfs + "/bin/busybox", bundle.rootfs + "/bin/" + applet);
  return bundle;
}

}  // namespace caisson::testing
