// SPDX-License-Identifier: Apache-2.0
#include "container/launch/exec_spec.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "sys/file.hpp"

namespace caisson::container {

namespace {

Result<std::uint32_t> parse_id(std::string_view text, const std::string& whole) {
  const auto id = text::parse_uint(text);
  if (!id || *id > std::numeric_limits<std::uint32_t>::max() - 1)
    return fail(ErrorKind::config, "invalid user '{}': UID[:GID] is wanted, in digits", whole);
  return static_cast<std::uint32_t>(*id);
}

void add_missing(std::vector<std::string>& set, const std::string& name) {
  if (std::ranges::find(set, name) == set.end()) set.push_back(name);
}

std::string full_capability_name(const std::string& name) {
  std::string upper;
  for (const char c : name) upper += static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return upper.starts_with("CAP_") ? upper : "CAP_" + upper;
}

Status lay_over(config::Process& process, const ExecOptions& options) {
  if (options.args.empty()) return fail(ErrorKind::config, "exec args cannot be empty");
  process.args = options.args;
  process.terminal = options.tty.value_or(false);
  process.console_size.reset();
  if (!options.cwd.empty()) process.cwd = options.cwd;
  if (!options.env.empty()) {
    if (!process.env) process.env.emplace();
    process.env->insert(process.env->end(), options.env.begin(), options.env.end());
  }
  if (!options.user.empty()) CAISSON_TRY(set_user(options.user, process.user));
  process.user.additional_gids.insert(process.user.additional_gids.end(), options.additional_gids.begin(),
                                      options.additional_gids.end());
  for (const auto& option : options.caps) {
    const std::string name = full_capability_name(option);
    // A name that no Linux has stays in the sets: the plan warns of it, as of one in the config.
    if (!process.capabilities) process.capabilities.emplace();
    add_missing(process.capabilities->bounding, name);
    add_missing(process.capabilities->effective, name);
    add_missing(process.capabilities->permitted, name);
    // An inheritable set is the config's alone (CVE-2022-29162); where it has one, ambient ones are of use.
    if (!process.capabilities->inheritable.empty()) add_missing(process.capabilities->ambient, name);
  }
  if (!options.process_label.empty()) process.selinux_label = options.process_label;
  if (!options.apparmor.empty()) process.apparmor_profile = options.apparmor;
  if (options.no_new_privs) process.no_new_privileges = true;
  return {};
}

bool has_controller(const std::string& list, std::string_view wanted) {
  return std::ranges::any_of(text::split(list, ','), [wanted](const auto& name) { return name == wanted; });
}

Result<std::string> below(const std::string& path, const std::string& sub) {
  for (const auto& part : text::split(sub, '/'))
    if (part == "..") return fail(ErrorKind::config, "bad sub cgroup path: {} is not a sub cgroup path", sub);
  const std::string whole = path + "/" + sub;
  struct stat info {};
  if (::stat(whole.c_str(), &info) != 0) return fail_errno("bad sub cgroup path: '{}'", sub);
  return whole;
}

}  // namespace

Status set_user(const std::string& text, config::User& user) {
  const auto colon = text.find(':');
  user.uid = CAISSON_TRY(parse_id(std::string_view(text).substr(0, colon), text));
  if (colon != std::string::npos) user.gid = CAISSON_TRY(parse_id(std::string_view(text).substr(colon + 1), text));
  return {};
}

Result<config::Spec> make_exec_spec(const config::Spec& saved, const ExecOptions& options) {
  config::Spec spec;
  spec.oci_version = saved.oci_version;
  spec.annotations = saved.annotations;
  const config::Linux& linux = saved.linux_or_empty();
  spec.extension = saved.extension;
  spec.linux.emplace();
  spec.linux->uid_mappings = linux.uid_mappings;
  spec.linux->gid_mappings = linux.gid_mappings;
  spec.linux->personality = linux.personality;
  spec.linux->memory_policy = linux.memory_policy;
  if (options.process_file.empty()) {
    spec.process = saved.process;
    CAISSON_TRY(lay_over(*spec.process, options));
    return spec;
  }
  const std::string text = CAISSON_TRY(sys::read_file(FdView::cwd(), options.process_file));
  spec.process = CAISSON_TRY(config::load_process(text), "parse '{}'", options.process_file);
  // Other runtimes take the container's capabilities for a process that says nothing of its own.
  if (!spec.process->capabilities && saved.process) spec.process->capabilities = saved.process->capabilities;
  // Engines give --tty beside --process, and mean the terminal of the file.
  if (options.tty) spec.process->terminal = *options.tty;
  return spec;
}

Result<std::map<std::string, std::string>> sub_cgroups(const std::map<std::string, std::string>& paths,
                                                       const std::vector<std::string>& wanted) {
  std::map<std::string, std::string> result = paths;
  for (const auto& want : wanted) {
    const auto colon = want.find(':');
    const std::string sub = colon == std::string::npos ? want : want.substr(colon + 1);
    bool known = false;
    for (auto& [controller, path] : result) {
      if (colon != std::string::npos && !has_controller(want.substr(0, colon), controller)) continue;
      // Beneath the container's own, whatever an earlier --cgroup has said of this hierarchy.
      path = CAISSON_TRY(below(paths.at(controller), sub));
      known = true;
    }
    if (!known) return fail(ErrorKind::config, "bad --cgroup '{}': the container has no such controller", want);
  }
  return result;
}

}  // namespace caisson::container
