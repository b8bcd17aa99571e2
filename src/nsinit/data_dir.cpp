// SPDX-License-Identifier: Apache-2.0
#include "nsinit/data_dir.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "base/text.hpp"
#include "container/probe.hpp"
#include "nsinit/apparmor_profile.hpp"
#include "nsinit/host_lsm.hpp"
#include "nsinit/regular_file.hpp"

namespace caisson::nsinit {

namespace {

constexpr const char* kState = "state.json";

Result<std::string> physical_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), std::free);
  if (!real) return fail_errno("'{}'", path);
  return std::string(real.get());
}

}  // namespace

Result<Directory> Directory::open() {
  const char* given = ::getenv("data_path");
  const std::string here = CAISSON_TRY(physical_path("."));
  if (given == nullptr || *given == '\0') return at(here);
  Directory directory = CAISSON_TRY(at(CAISSON_TRY(physical_path(given), "data_path")));
  directory.default_rootfs_ = here;
  return directory;
}

Result<Directory> Directory::of_file(const std::string& file) {
  const auto slash = file.rfind('/');
  const std::string parent = slash == file.npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
  Directory directory = CAISSON_TRY(at(CAISSON_TRY(physical_path(parent))));
  directory.config_name_ = slash == file.npos ? file : file.substr(slash + 1);
  return directory;
}

Result<Directory> Directory::at(const std::string& path) {
  FileDescriptor dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return fail_errno("open('{}')", path);
  struct stat info {};
  if (::fstat(dir.get(), &info) != 0) return fail_errno("fstat('{}')", path);
  // The directory itself and not its name, which may have a space or be too long for an id, and may change.
  return Directory(std::move(dir), path, fmt::format("nsinit-{:x}-{}", info.st_dev, info.st_ino));
}

Result<std::string> Directory::read_config() const {
  auto text = read_regular_file(dir_, config_name_);
  if (!text && text.error().sys_errno() == ENOENT)
    return fail(ErrorKind::config, "'{}' is not there: nsinit runs the container of the directory it stands in",
                config_path());
  return text;
}

Result<std::optional<State>> Directory::read_state() const {
  auto text = read_regular_file(dir_, kState);
  if (!text && text.error().sys_errno() == ENOENT) return std::optional<State>();
  if (!text) return std::optional(State{});
  auto state = nsinit::read_state(*text);
  return std::optional(state ? std::move(*state) : State{});
}

Status Directory::write_state(const State& state) const {
  return replace_file(dir_, kState, nsinit::write_state(state));
}

Status Directory::remove_state() const {
  if (::unlinkat(dir_.get(), kState, 0) != 0 && errno != ENOENT) return fail_errno("unlink('{}')", state_path());
  return {};
}

void Directory::remove_state_of(int pid) const {
  if (pid == 0) return;
  const auto present = read_state();
  if (present && *present && (*present)->init_pid == pid) (void)remove_state();
}

Result<std::string> Directory::rootfs_of(const Container& config) const {
  if (config.root_fs.empty()) return default_rootfs_;
  auto path = physical_path(config.root_fs);
  if (!path) return std::unexpected(std::move(path).error().with("rootfs").at("/root_fs"));
  return path;
}

namespace {

/// A container without any label gets those that the policy has for containers, where its program can run with them.
void find_default_labels(const std::string& rootfs, Facts& found) {
  const auto known = selinux_container_labels();
  if (known.process.empty() || known.file.empty()) return;
  const std::string own = selinux_label_of(rootfs);
  const auto type_of = [](const std::string& label) {
    const auto parts = text::split(label, ':');
    return parts.size() < 3 ? std::string() : std::string(parts[2]);
  };
  if (type_of(own) == type_of(known.file)) {
    found.process_label = known.process;
    found.mount_label = known.file;
    return;
  }
  found.note = fmt::format(
      "going on without a label, though SELinux enforces: '{}' is '{}', and a container's files must be '{}' "
      "[config: /process_label]",
      rootfs, own, type_of(known.file));
}

}  // namespace

Result<Facts> look_at_host(const Container& config, const std::string& rootfs) {
  plan::HostFacts facts;
  container::probe_lsm(facts);
  Facts found;
  found.selinux = facts.selinux;
  if (!config.apparmor_profile.empty())
    found.no_apparmor = facts.apparmor ? why_no_apparmor(config.apparmor_profile) : "this host has no AppArmor";
  if (!found.selinux || !selinux_is_enforcing()) return found;
  found.mcs = CAISSON_TRY(random_level());
  const bool has_mount_label = config.mount_config && !config.mount_config->mount_label.empty();
  if (config.process_label.empty() && !has_mount_label) find_default_labels(rootfs, found);
  return found;
}

Status prepare_labels(const Lowered& lowered) {
  if (lowered.spec.process->apparmor_profile == kDefaultProfile && !apparmor_profile_is_loaded(kDefaultProfile)) {
    const ApparmorParts parts{.tunables = ::access("/etc/apparmor.d/tunables/global", F_OK) == 0,
                              .abstractions = ::access("/etc/apparmor.d/abstractions/base", F_OK) == 0};
    auto loaded = load_apparmor_profile("docker", default_profile_text(parts));
    if (!loaded) return std::unexpected(std::move(loaded).error().at("/apparmor_profile"));
  }
  for (const auto& wanted : lowered.relabels) {
    auto done = relabel(wanted.path, wanted.label);
    if (!done) return std::unexpected(std::move(done).error().at(wanted.origin));
  }
  return {};
}

}  // namespace caisson::nsinit
