// SPDX-License-Identifier: Apache-2.0
#include "rootfs/tree_attributes.hpp"

#include <sys/mount.h>

#include <array>
#include <utility>

#include "sys/mount.hpp"

namespace caisson::rootfs {
namespace {

struct Clearable {
  std::uint64_t bit;
  const char* asked;
  const char* stays;
};
constexpr auto kClearable = std::to_array<Clearable>({
    {MOUNT_ATTR_RDONLY, "rw", "ro"},
    {MOUNT_ATTR_NOSUID, "suid", "nosuid"},
    {MOUNT_ATTR_NODEV, "dev", "nodev"},
    {MOUNT_ATTR_NOEXEC, "exec", "noexec"},
    {MOUNT_ATTR_NODIRATIME, "diratime", "nodiratime"},
    {MOUNT_ATTR_NOSYMFOLLOW, "symfollow", "nosymfollow"},
});
// What MNT_LOCK_ATIME holds: can_change_locked_flags() in the kernel's fs/namespace.c.
constexpr std::uint64_t kAccessTimes = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;

Status explained(Status status) {
  if (!status && status.error().sys_errno() == EPERM)
    return std::unexpected(std::move(status.error()).with("cannot clear locked flags or change locked atime flags"));
  return status;
}

/// Changes one thing that the kernel may refuse. A recursive change is refused as a whole when one mount of the tree
/// refuses it, so the top mount is tried alone then.
Status try_change(FdView tree, sys::AttributeChange change, const std::string& stays, std::vector<std::string>& notes) {
  auto changed = sys::set_attributes(tree, change);
  if (changed || changed.error().sys_errno() != EPERM) return changed;
  notes.push_back(stays);
  if (!change.recursive) return {};
  change.recursive = false;
  changed = sys::set_attributes(tree, change);
  return changed || changed.error().sys_errno() == EPERM ? Status() : changed;
}

/// Sets what may always be set, then clears bit by bit what is not locked.
Status change_unlocked(FdView tree, const plan::MountAttributes& wanted, bool recursive, const std::string& source,
                       std::vector<std::string>& notes) {
  if (wanted.empty()) return {};
  if (const std::uint64_t strict = wanted.set & ~kAccessTimes; strict != 0)
    CAISSON_TRY(sys::set_attributes(tree, {.set = strict, .recursive = recursive}));
  for (const auto& [bit, asked, stays] : kClearable)
    if ((wanted.clear & ~wanted.set & bit) != 0)
      CAISSON_TRY(try_change(
          tree, {.clear = bit, .recursive = recursive},
          fmt::format("bind mount of '{}': '{}' has no effect, '{}' of the source is locked", source, asked, stays),
          notes));
  const std::string times =
      fmt::format("bind mount of '{}': the access time flags of the source are locked and stay", source);
  if ((wanted.clear & MOUNT_ATTR__ATIME) != 0)
    CAISSON_TRY(try_change(tree,
                           {.set = wanted.set & MOUNT_ATTR__ATIME, .clear = MOUNT_ATTR__ATIME, .recursive = recursive},
                           times, notes));
  if ((wanted.set & MOUNT_ATTR_NODIRATIME) != 0)
    CAISSON_TRY(try_change(tree, {.set = MOUNT_ATTR_NODIRATIME, .recursive = recursive}, times, notes));
  return {};
}

}  // namespace

Status change_tree(FdView tree, const plan::MountAttributes& attributes, const plan::MountAttributes& recursive,
                   const std::vector<plan::Propagation>& propagation) {
  // Propagation is part of the call before it when both reach equally far and that call has none yet.
  sys::AttributeChange pending;
  bool is_pending = false;
  const auto flush = [&]() -> Status {
    if (!std::exchange(is_pending, false)) return {};
    return explained(sys::set_attributes(tree, pending));
  };
  for (const auto& [change, reach] : {std::pair{&attributes, false}, std::pair{&recursive, true}}) {
    if (change->empty()) continue;
    CAISSON_TRY(flush());
    pending = {.set = change->set, .clear = change->clear, .recursive = reach};
    is_pending = true;
  }
  for (const auto& step : propagation) {
    if (!is_pending || pending.recursive != step.recursive || pending.propagation != 0) {
      CAISSON_TRY(flush());
      pending = {.recursive = step.recursive};
      is_pending = true;
    }
    pending.propagation = step.kind;
  }
  return flush();
}

Status change_copied_tree(FdView tree, const plan::Attach& op, const std::string& source,
                          std::vector<std::string>& notes) {
  const auto changed = change_tree(tree, op.attributes, op.recursive, op.propagation);
  if (changed || changed.error().sys_errno() != EPERM) return changed;
  CAISSON_TRY(change_unlocked(tree, op.attributes, false, source, notes));
  CAISSON_TRY(change_unlocked(tree, op.recursive, true, source, notes));
  return change_tree(tree, {}, {}, op.propagation);
}

}  // namespace caisson::rootfs
