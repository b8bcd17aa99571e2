// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "cgroup/find.hpp"
#include "fuzz/targets.hpp"
#include "plan/mount_options.hpp"
#include "plan/users.hpp"
#include "sys/mount_info.hpp"
#include "sys/process.hpp"

namespace caisson::fuzz {

namespace {

/// The part before the first NUL byte, and the rest.
std::string_view take(std::string_view& text) {
  const auto end = std::min(text.find('\0'), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

}  // namespace

/// One option a line.
void read_mount_options(std::string_view text) {
  std::vector<std::string> options;
  for (const auto& line : text::split(text, '\n')) options.emplace_back(line);
  const auto read = plan::read_options(options, "/mounts/0");
  if (!read) return;
  const auto both = [](const plan::MountAttributes& attributes) {
    return (attributes.set & attributes.clear & ~0x70ULL) != 0;  // but for access times: MOUNT_ATTR__ATIME
  };
  require(!both(read->attributes) && !both(read->recursive), "an attribute is both set and cleared");
}

/// The user, passwd(5) and group(5), each ended by a NUL byte.
void find_user(std::string_view text) {
  const auto wanted = take(text), passwd = take(text), group = take(text);
  const auto found = plan::find_user(wanted, passwd, group, 7, 8);
  if (found) require(found->uid <= 0x7fffffff && found->gid <= 0x7fffffff, "an id out of range");
}

/// mountinfo and stat as the kernel writes them: names in them are anybody's.
void read_kernel_files(std::string_view text) {
  for (const auto& line : cgroup::read_mountinfo(text)) {
    require(!line.mountpoint.empty(), "a mount without a place");
    (void)cgroup::relative_to_root("/a/b", line.root);
  }
  for (const std::uint64_t id : {0ULL, 1ULL, 22ULL}) (void)sys::find_mount(text, id);
  (void)sys::parse_stat(text);
  (void)text::parse_id_list(text);
}

}  // namespace caisson::fuzz
