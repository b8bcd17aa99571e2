// SPDX-License-Identifier: Apache-2.0
#include "nsinit/directory.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "container/files.hpp"
#include "container/probe.hpp"
#include "container/security.hpp"
#include "nsinit/apparmor_profile.hpp"

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
  return at(CAISSON_TRY(physical_path(given != nullptr && *given != '\0' ? given : "."), "data_path"));
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
  auto text = container::read_regular_file(dir_, config_name_);
  if (!text && text.error().sys_errno() == ENOENT)
    return fail(ErrorKind::config, "'{}' is not there: nsinit runs the container of the directory it stands in",
                config_path());
  return text;
}

Result<std::optional<State>> Directory::read_state() const {
  auto text = container::read_regular_file(dir_, kState);
  if (!text && text.error().sys_errno() == ENOENT) return std::optional<State>();
  if (!text) return std::optional(State{});
  auto state = nsinit::read_state(*text);
  return std::optional(state ? std::move(*state) : State{});
}

Status Directory::write_state(const State& state) const {
  return container::replace_file(dir_, kState, nsinit::write_state(state));
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
  if (config.root_fs.empty()) return path_;
  auto path = physical_path(config.root_fs);
  if (!path) return std::unexpected(std::move(path).error().with("rootfs").at("/root_fs"));
  return path;
}

Result<Facts> look_at_host() {
  plan::HostFacts facts;
  container::probe_lsm(facts);
  Facts found{facts.apparmor, facts.selinux, {}};
  if (found.selinux && container::selinux_is_enforcing()) found.mcs = CAISSON_TRY(container::random_level());
  return found;
}

Status prepare_labels(const Lowered& lowered) {
  if (lowered.spec.process->apparmor_profile == kDefaultProfile &&
      !container::apparmor_profile_is_loaded(kDefaultProfile)) {
    const ApparmorParts parts{.tunables = ::access("/etc/apparmor.d/tunables/global", F_OK) == 0,
                              .abstractions = ::access("/etc/apparmor.d/abstractions/base", F_OK) == 0};
    auto loaded = container::load_apparmor_profile("docker", default_profile_text(parts));
    if (!loaded) return std::unexpected(std::move(loaded).error().at("/apparmor_profile"));
  }
  for (const auto& wanted : lowered.relabels) {
    auto done = container::relabel(wanted.path, wanted.label);
    if (!done) return std::unexpected(std::move(done).error().at(wanted.origin));
  }
  return {};
}

}  // namespace caisson::nsinit
