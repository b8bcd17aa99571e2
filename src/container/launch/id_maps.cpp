// SPDX-License-Identifier: Apache-2.0
#include "container/launch/id_maps.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "sys/file.hpp"
#include "sys/namespace.hpp"

namespace caisson::container {

namespace {

/// "0 1000 1\n" for our own id: what the kernel lets anybody write.
bool is_own_id_alone(const std::string& map, std::uint32_t own) {
  const auto words = text::split(std::string_view(map).substr(0, map.find('\n')), ' ');
  return map.find('\n') + 1 == map.size() && words.size() == 3 && words[1] == fmt::format("{}", own) && words[2] == "1";
}

/// "uid range [0-1) -> [0-1) not allowed", without the program's own name and line ends.
std::string said(FdView file, std::string_view helper) {
  std::string text(1024, '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max(size, ssize_t{0})));
  while (text.ends_with('\n')) text.pop_back();
  if (text.starts_with(fmt::format("{}: ", helper))) text.erase(0, helper.size() + 2);
  return text.empty() ? "it says no more" : text;
}

/// Runs newuidmap or newgidmap: "newuidmap PID 0 100000 65536 ...".
Status run_map_helper(const char* helper, const char* pointer, pid_t pid, const std::string& map) {
  std::vector<std::string> words{helper, fmt::format("{}", pid)};
  for (const auto& line : text::split(map, '\n'))
    for (const auto& word : text::split(line, ' '))
      if (!word.empty()) words.emplace_back(word);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // What it has to say is part of our one line, not a line of its own.
  const FileDescriptor words_of_helper = CAISSON_TRY(sys::memfd(helper, {}, false));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, words_of_helper.get(), STDERR_FILENO);
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, helper, &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    return std::unexpected(
        Error(ErrorKind::system, fmt::format("'{}' is needed to map these ids without privilege", helper), failed)
            .at(pointer));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return fail_errno("waitpid({})", helper);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail_config(pointer, "{} refused the map '{}': {} (see /etc/subuid and /etc/subgid)", helper,
                       map.substr(0, map.size() - 1), said(words_of_helper, helper));
  return {};
}

}  // namespace

Status write_id_maps(pid_t pid, const plan::NamespacePlan& plan, const plan::HostFacts& facts) {
  const bool own_gid = is_own_id_alone(plan.gid_map, facts.egid);
  if (facts.privileged) {
    auto gids = sys::write_id_map(pid, "gid_map", plan.gid_map);
    if (!gids) return std::unexpected(std::move(gids).error().at("/linux/gidMappings"));
    auto uids = sys::write_id_map(pid, "uid_map", plan.uid_map);
    if (!uids) return std::unexpected(std::move(uids).error().at("/linux/uidMappings"));
    return {};
  }
  if (own_gid) {
    // Without setgroups denied, dropping a group could grant what that group is denied (CVE-2014-8989).
    CAISSON_TRY(sys::write_file(FdView::cwd(), fmt::format("/proc/{}/setgroups", pid), "deny"));
    CAISSON_TRY(sys::write_id_map(pid, "gid_map", plan.gid_map));
  } else {
    CAISSON_TRY(run_map_helper("newgidmap", "/linux/gidMappings", pid, plan.gid_map));
  }
  if (is_own_id_alone(plan.uid_map, facts.euid)) return sys::write_id_map(pid, "uid_map", plan.uid_map);
  return run_map_helper("newuidmap", "/linux/uidMappings", pid, plan.uid_map);
}

}  // namespace caisson::container
