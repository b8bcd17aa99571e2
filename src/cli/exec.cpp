// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <memory>

#include "cli/command.hpp"
#include "cli/timeline_option.hpp"

namespace caisson::cli {
namespace {

bool is_id(std::string_view text) {
  std::uint32_t id = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), id);
  return read.ec == std::errc{} && read.ptr == text.data() + text.size();
}

/// Names mean nothing here: whose /etc/passwd would say so?
Status check_user(std::string_view user) {
  const auto colon = user.find(':');
  if (user.empty() ||
      (is_id(user.substr(0, colon)) && (colon == std::string_view::npos || is_id(user.substr(colon + 1)))))
    return {};
  return fail(ErrorKind::config, "invalid value '{}' for --user: neither UID nor UID:GID", user);
}

/// The file of --process says all about the process. Engines give --tty beside it, and older ones of podman --cap.
Status check_process_file(const container::ExecOptions& exec) {
  if (exec.process_file.empty()) return {};
  if (!exec.args.empty()) return fail(ErrorKind::config, "a command and --process exclude each other");
  const std::pair<const char*, bool> given[] = {
      {"user", !exec.user.empty()},        {"additional-gids", !exec.additional_gids.empty()},
      {"cwd", !exec.cwd.empty()},          {"env", !exec.env.empty()},
      {"no-new-privs", exec.no_new_privs}, {"process-label", !exec.process_label.empty()},
      {"apparmor", !exec.apparmor.empty()}};
  for (const auto& [name, is_given] : given)
    if (is_given) return fail(ErrorKind::config, "--{} and --process exclude each other: the file says it", name);
  return {};
}

struct Options {
  std::string id;
  container::ExecOptions exec;
  std::string timeline;
};

void add_options(CLI::App& app, container::ExecOptions& exec) {
  add_option(app, "-p,--process", exec.process_file, "FILE",
             "the whole process object, as JSON; of the options about it only --tty counts then");
  add_switch(app, "-t,--tty", exec.tty, "give the process a terminal");
  add_option(app, "-u,--user", exec.user, "UID[:GID]", "run as these ids");
  add_list(app, "-g,--additional-gids", exec.additional_gids, "GID", "supplementary group");
  add_option(app, "--cwd", exec.cwd, "DIR", "working directory in the container");
  add_list(app, "-e,--env", exec.env, "NAME=VALUE", "add to the environment");
  add_list(app, "-c,--cap", exec.caps, "CAP", "add a capability");
  add_switch(app, "--no-new-privs", exec.no_new_privs, "set no_new_privs");
  add_option(app, "--process-label", exec.process_label, "LABEL", "SELinux label");
  add_option(app, "--apparmor", exec.apparmor, "PROFILE", "AppArmor profile");
  add_list(app, "--cgroup", exec.cgroups, "[CTRL[,CTRL]:]PATH", "run in this cgroup below the container's");
  add_switch(app, "-d,--detach", exec.detach, "return once the process runs");
  add_option(app, "--pid-file", exec.pid_file, "FILE", "write the process id to FILE");
  add_option(app, "--console-socket", exec.console_socket, "SOCKET",
             "AF_UNIX socket that is sent the terminal's master");
  add_option(app, "--pidfd-socket", exec.pidfd_socket, "SOCKET", "AF_UNIX socket that is sent a pidfd of the process");
  add_option(app, "--preserve-fds", exec.preserve_fds, "N", "pass N more descriptors, from 3 + $LISTEN_FDS on");
  add_switch(app, "--ignore-paused", exec.ignore_paused,
             "enter a paused container; the process runs when it is resumed (not with --detach)");
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_options(app, o->exec);
  add_timeline_option(app, o->timeline);
  add_argument(app, "container-id", o->id);
  add_rest(app, "command");
  end_options_at_first_argument(app);
  return [o, &app](const container::Globals& globals) -> Result<int> {
    auto& args = o->exec.args;
    args = rest(app);
    if (!args.empty() && args.front() == "--") args.erase(args.begin());
    CAISSON_TRY(check_process_file(o->exec), "exec {}", o->id);
    CAISSON_TRY(check_user(o->exec.user), "exec {}", o->id);
    return CAISSON_TRY(with_timeline(o->timeline, [&] { return container::exec(globals, o->id, o->exec); }), "exec {}",
                       o->id);
  };
}

}  // namespace

extern const Command kExec{
    .name = "exec",
    .summary = "run another process in a container",
    .bind = bind,
    .details =
        "Options stand before the container id: all that follows it is the command. Without --process the\n"
        "process is the one of config.json with these changes.\n"
        "The exit code is the process' own, 128 + N when signal N killed it, 255 when it could not be run.",
    .failure = 255,
};

}  // namespace caisson::cli
