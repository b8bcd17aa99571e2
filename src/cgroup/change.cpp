// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <vector>

#include "base/text.hpp"
#include "cgroup/common.hpp"

namespace caisson::cgroup {

namespace {

/// The file that a write goes to: its other one where the kernel does not have the first.
std::optional<std::string> read_target(const std::string& dir, const plan::CgroupWrite& write, std::string& file) {
  file = write.file;
  auto present = read_value(dir, file);
  if (!present && present.error().sys_errno() == ENOENT && !write.other_file.empty()) {
    file = write.other_file;
    present = read_value(dir, file);
  }
  // Absent, or one that is only written to: nothing to put back.
  if (!present) return {};
  return std::move(*present);
}

/// BFQ forgets the weights of single disks when the one of all is set: they go first, to be put back after it.
void keep_device_weights(const std::string& dir, const std::string& file, const std::string& present,
                         std::vector<KeptValue>& kept) {
  const bool v1 = file.starts_with("blkio.");
  const std::string other = v1 ? file + "_device" : file;
  const std::string lines = v1 ? read_value(dir, other).value_or("") : present;
  for (auto line : text::split(lines, '\n'))
    if (!line.empty() && !line.starts_with("default")) kept.push_back({dir, other, std::string(line)});
}

void keep(const std::string& dir, const plan::CgroupWrite& write, std::vector<KeptValue>& kept) {
  std::string file;
  const auto present = read_target(dir, write, file);
  if (!present) return;
  const std::string& value = file == write.file ? write.value : write.other_value;
  // An idle cgroup loses its weight, and has to be one that is not idle to get it back: this goes first, to be put back
  // after the other.
  if (file == "cpu.idle" && *present == "0")
    for (const char* weight : {"cpu.shares", "cpu.weight"})
      if (auto shares = read_value(dir, weight)) kept.push_back({dir, weight, std::move(*shares)});
  if (plan::sets_weight_of_all_devices(file, value)) keep_device_weights(dir, file, *present, kept);
  if (auto old = plan::value_to_restore(file, value, *present)) kept.push_back({dir, std::move(file), std::move(*old)});
}

/// Those that depend on each other (limit and limit with swap, quota and period) find their order by trying again.
std::vector<std::string> put_back(const std::vector<KeptValue>& kept) {
  std::vector<KeptValue> open(kept.rbegin(), kept.rend());
  for (bool progress = true; progress && !open.empty();) {
    std::vector<KeptValue> refused;
    for (auto& one : open)
      if (!write_value(one.dir, one.file, one.value)) refused.push_back(std::move(one));
    progress = refused.size() < open.size();
    open = std::move(refused);
  }
  std::vector<std::string> lost;
  for (const auto& one : open) lost.push_back(one.dir + '/' + one.file);
  return lost;
}

}  // namespace

std::vector<KeptValue> CommonManager::keep(const plan::CgroupChange& change) {
  std::vector<KeptValue> kept;
  for (const auto& write : change.writes)
    if (const std::string* dir = dir_for(write)) cgroup::keep(*dir, write, kept);
  return kept;
}

Status CommonManager::change(const plan::CgroupChange& change, const Kept& before) {
  if (dirs_.empty()) return fail(ErrorKind::system, "the container has no cgroup");
  bool devices_touched = before.resumed;
  auto done = [&]() -> Status {
    if (change.memory_check) CAISSON_TRY(check_usage(*change.memory_check));
    CAISSON_TRY(write_all(change.writes));
    if (!change.devices) return {};
    devices_touched = true;
    return change_devices(*change.devices);
  }();
  if (done) return {};
  auto undone = undo_change(change, {before.values, devices_touched});
  if (undone) return done;
  return std::unexpected(std::move(done.error()).with(undone.error().message()));
}

Status CommonManager::undo_change(const plan::CgroupChange& change, const Kept& before) {
  if (change.devices_before && before.resumed) (void)change_devices(*change.devices_before);
  // Files that hold what they held are left alone: writing the same limit again may be refused when it is in use.
  std::vector<KeptValue> kept = before.values;
  std::erase_if(kept, [](const KeptValue& one) {
    return !one.file.contains("bfq") && read_value(one.dir, one.file).value_or("") == one.value;
  });
  const auto lost = put_back(kept);
  if (lost.empty()) return {};
  std::string files;
  for (const auto& file : lost) (files += files.empty() ? "" : ", ") += file;
  return fail(ErrorKind::system, "cannot put back what was in {}", files);
}

}  // namespace caisson::cgroup
