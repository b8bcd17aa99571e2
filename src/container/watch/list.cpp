// SPDX-License-Identifier: Apache-2.0
#include <linux/openat2.h>

#include <array>
#include <map>

#include "cgroup/manager.hpp"
#include "container/commands.hpp"
#include "container/record/container_dir.hpp"
#include "container/watch/status.hpp"
#include "sys/file.hpp"
#include "sys/parallel.hpp"

namespace caisson::container {

namespace {

/// So many containers at a time are looked at by one thread: fewer are not worth another.
constexpr std::size_t kPiece = 32;

/// One of them, once it has been looked at.
struct Listed {
  ContainerState state;
  std::uint32_t owner = 0;
  bool seen = false;
};

/// By few system calls: as most containers can be looked at, of which all is in order. Nothing of the others.
Listed glance(FdView root, const std::string& id, cgroup::FrozenLook& frozen) {
  const FileDescriptor file(
      sys::try_open(root, (id + '/').append(kStateFile).c_str(), O_RDONLY | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS));
  if (!file) return {};
  std::array<char, 8192> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): the kernel fills it
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0 || static_cast<std::size_t>(size) == text.size()) return {};
  auto state = read_state({text.data(), static_cast<std::size_t>(size)});
  if (!state || state->id != id) return {};
  const std::uint32_t owner = state->owner_uid;
  auto seen = observe_process(std::move(*state), frozen);
  if (!seen || !*seen) return {};
  return Listed{std::move(**seen), owner, true};
}

Result<Listed> look(const Store& store, FdView root, const std::string& id) {
  const Entry entry = CAISSON_TRY(store.open_listed(root, id));
  const State state = CAISSON_TRY(entry.load_state());
  return Listed{CAISSON_TRY(observe(entry, state, Detail::status)), state.owner_uid, true};
}

}  // namespace

Result<std::vector<ContainerState>> list(const Globals& globals, std::vector<std::string>& warnings) {
  const Store store(globals.root);
  const std::vector<std::string> ids = CAISSON_TRY(store.ids(globals.root_is_default));
  if (ids.empty()) return std::vector<ContainerState>();
  const FileDescriptor root = CAISSON_TRY(store.open_root());
  std::vector<Listed> listed(ids.size());
  sys::share_out(ids.size(), kPiece, [&](std::size_t first, std::size_t last) {
    cgroup::FrozenLook frozen;
    for (std::size_t i = first; i < last; ++i) {
      listed[i] = glance(root, ids[i], frozen);
      if (!listed[i].seen) listed[i] = look(store, root, ids[i]).value_or(Listed{});
    }
  });
  std::vector<ContainerState> found;
  found.reserve(ids.size());
  std::map<std::uint32_t, std::string> owners;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!listed[i].seen) {
      // Once more, alone: several threads need more descriptors at a time than there may be.
      auto seen = look(store, root, ids[i]);
      if (!seen && seen.error().kind() != ErrorKind::destroyed)  // else it is just being made or removed
        warnings.push_back(fmt::format("load container {}: {}", ids[i], seen.error().message()));
      if (!seen) continue;
      listed[i] = std::move(*seen);
    }
    auto owner = owners.find(listed[i].owner);
    if (owner == owners.end()) owner = owners.emplace(listed[i].owner, owner_name(listed[i].owner)).first;
    found.push_back(std::move(listed[i].state));
    found.back().owner = owner->second;
  }
  return found;
}

}  // namespace caisson::container
