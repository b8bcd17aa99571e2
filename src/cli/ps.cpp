// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/process_table.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  std::string format = "table";
  std::vector<std::string> args;
};

/// The first line that says anything.
std::string first_line(FdView file) {
  std::string text(1024, '\0');
  const ssize_t size = ::pread(file.get(), text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max(size, ssize_t{0})));
  text.erase(0, std::min(text.find_first_not_of('\n'), text.size()));
  return text.substr(0, text.find('\n'));
}

/// Standard output of the host's ps(1), whose columns are for its own options to choose.
Result<std::string> run_ps(const std::vector<std::string>& args) {
  std::vector<char*> argv{const_cast<char*>("ps")};
  for (const auto& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe2()");
  FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  // Its words are for our own one line: a page about how to use ps(1) is not.
  const FileDescriptor words(::memfd_create("ps", MFD_CLOEXEC));
  if (!words) return fail_errno("memfd_create()");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, words.get(), STDERR_FILENO);
  pid_t pid = -1;
  errno = ::posix_spawnp(&pid, "ps", &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (errno != 0) return fail_errno("run ps(1) of the host (--format json does without)");
  writer.reset();

  std::string text;
  char chunk[4096];
  for (ssize_t got = 1; got != 0;) {
    got = ::read(reader.get(), chunk, sizeof chunk);
    if (got > 0) text.append(chunk, static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const std::string said = first_line(words);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(ErrorKind::system, "ps(1) of the host failed{}{}", said.empty() ? "" : ": ", said);
  if (!said.empty()) log::warn("ps(1) of the host: {}", said);
  return text;
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_choice(app, "-f,--format", o->format, "table|json", "how to print it (default: table)");
  add_argument(app, "container-id", o->id);
  add_rest(app, "ps-options");
  end_options_at_first_argument(app);
  return [o, &app](const container::Globals& globals) -> Result<int> {
    o->args = rest(app);
    const auto pids = CAISSON_TRY(container::processes(globals, o->id), "ps {}", o->id);
    if (o->format == "json") {
      CAISSON_TRY(print(numbers_json(pids)));
      return 0;
    }
    if (!o->args.empty() && o->args.front() == "--") o->args.erase(o->args.begin());
    if (o->args.empty()) o->args = {"-ef"};
    const auto everything = CAISSON_TRY(run_ps(o->args), "ps {}", o->id);
    CAISSON_TRY(print(CAISSON_TRY(select_processes(everything, pids), "ps {}", o->id)));
    return 0;
  };
}

}  // namespace

extern const Command kPs{
    .name = "ps",
    .summary = "list the processes of a container",
    .bind = bind,
    .details =
        "As a table, it shows the lines of the host's ps(1) that are about the container's processes; the\n"
        "words after the container id are options of ps(1), -ef by default.",
};

}  // namespace caisson::cli
