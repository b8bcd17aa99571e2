// SPDX-License-Identifier: Apache-2.0
#include "faults/host.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

namespace caisson::faults {

namespace fs = std::filesystem;

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text, unsigned mode) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  ::chmod(path.c_str(), mode);
}

std::vector<std::string> names_in(const std::string& dir) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = fs::directory_iterator(dir, error); !error && it != fs::directory_iterator(); it.increment(error))
    names.push_back(it->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

void run_program(const std::vector<std::string>& args, const std::string& cwd, const std::string& out,
                 const std::string& err) {
  ::setpgid(0, 0);
  for (const int signal : {SIGALRM, SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const int files[] = {::open("/dev/null", O_RDONLY),
                       ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666),
                       ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666)};
  for (int fd = 0; fd < 3; ++fd) ::dup2(files[fd], fd);
  ::syscall(SYS_close_range, 3U, ~0U, 0U);
  if (::chdir(cwd.c_str()) != 0) ::_exit(121);
  std::vector<char*> argv;
  for (const auto& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char home[] = "HOME=/";
  char* environment[] = {path, home, nullptr};
  ::execve(argv[0], argv.data(), environment);
  ::_exit(122);
}

namespace {

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

/// Waits for one child and collects all others that end meanwhile: the init of a PID namespace cannot end before a
/// process in it that is our child has been collected. Absent: it did not end in time, and was killed.
std::optional<int> wait_for(pid_t wanted, double seconds) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  const double end = now() + seconds;
  bool killed = false;
  for (;;) {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
      if (pid == wanted) return killed ? std::nullopt : std::optional(status);
    const double left = end - now();
    if (left <= 0 && !std::exchange(killed, true)) ::kill(wanted, SIGKILL);
    const timespec limit{left > 0 ? static_cast<time_t>(left) : 1, 100'000'000};
    ::sigtimedwait(&child, nullptr, &limit);
  }
}

}  // namespace

Ran call_program(const std::vector<std::string>& args, const std::string& cwd, const std::string& scratch,
                 double seconds) {
  const std::string out = scratch + "/call.out", err = scratch + "/call.err";
  const pid_t pid = ::fork();
  if (pid == 0) run_program(args, cwd, out, err);
  const std::optional<int> status = wait_for(pid, seconds);
  Ran ran;
  if (status) ran.code = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
  ran.out = read_text(out);
  ran.err = read_text(err);
  return ran;
}

bool eventually(double seconds, const std::function<bool()>& condition) {
  const double end = now() + seconds;
  while (!condition()) {
    if (now() > end) return condition();
    ::usleep(2000);
  }
  return true;
}

namespace {

constexpr const char* kDevices[] = {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"};

/// The directories in which a cgroup of this name would stand: /sys/fs/cgroup itself on v2, else the hierarchies'.
std::vector<std::string> hierarchies() {
  if (exists("/sys/fs/cgroup/cgroup.controllers")) return {"/sys/fs/cgroup"};
  std::vector<std::string> found;
  for (const auto& name : names_in("/sys/fs/cgroup")) {
    struct stat info {};
    if (::lstat(("/sys/fs/cgroup/" + name).c_str(), &info) == 0 && S_ISDIR(info.st_mode))
      found.push_back("/sys/fs/cgroup/" + name);
  }
  return found;
}

/// The directory's own directories, deepest first.
std::vector<std::string> tree_of(const std::string& dir) {
  std::vector<std::string> dirs;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(dir, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error))
    if (it->is_directory(error)) dirs.push_back(it->path());
  std::ranges::sort(dirs, [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return dirs;
}

void add_files(Ledger& ledger, const std::string& dir) {
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(dir, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error))
    ledger.insert("file " + it->path().string());
}

void add_mounts(Ledger& ledger) {
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, target, options;
    words >> id >> parent >> device >> root >> target >> options;
    ledger.insert("mount " + target + " of " + root + " " + options);
  }
}

bool lives(pid_t pid) {
  const std::string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  const auto at = stat.rfind(')');
  return at != std::string::npos && at + 2 < stat.size() && stat[at + 2] != 'Z' && stat[at + 2] != 'X';
}

void add_children(pid_t pid, std::vector<pid_t>& found) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : names_in(tasks)) {
    std::istringstream children(read_text(tasks + "/" + task + "/children"));
    for (pid_t child = 0; children >> child;) {
      if (lives(child)) found.push_back(child);
      add_children(child, found);
    }
  }
}

}  // namespace

std::vector<pid_t> descendants() {
  std::vector<pid_t> found;
  add_children(::getpid(), found);
  return found;
}

void kill_descendants() {
  eventually(5, [] {
    for (const pid_t pid : descendants()) ::kill(pid, SIGKILL);
    reap();
    return descendants().empty();
  });
}

void reap() {
  while (::waitpid(-1, nullptr, WNOHANG | __WALL) > 0) {
  }
}

Ledger take_ledger(const Watched& watched) {
  Ledger ledger;
  add_files(ledger, watched.dir + "/state");
  for (const auto& name : names_in(watched.dir + "/bundle")) ledger.insert("file in the bundle " + name);
  for (const auto& top : hierarchies())
    for (const auto& dir : tree_of(top + "/" + watched.cgroup)) ledger.insert("cgroup " + dir);
  add_mounts(ledger);
  for (const pid_t pid : descendants())
    ledger.insert("process " + std::to_string(pid) + " " +
                  replaced(read_text("/proc/" + std::to_string(pid) + "/comm"), "\n", ""));
  for (const auto& link : names_in("/sys/class/net")) ledger.insert("network device " + link);
  for (const char* name : kDevices) {
    struct stat info {};
    if (::lstat((std::string("/dev/") + name).c_str(), &info) == 0)
      ledger.insert(std::string("device ") + name + " of " + std::to_string(info.st_uid) + ":" +
                    std::to_string(info.st_gid) + " mode " + std::to_string(info.st_mode));
  }
  return ledger;
}

std::vector<std::string> differences(const Ledger& before, const Ledger& now) {
  std::vector<std::string> found;
  for (const auto& line : now)
    if (!before.contains(line)) found.push_back("+ " + line);
  for (const auto& line : before)
    if (!now.contains(line)) found.push_back("- " + line);
  return found;
}

void make_cgroups(const std::string& name) {
  for (const auto& top : hierarchies()) {
    const std::string dir = top + "/" + name;
    ::mkdir(dir.c_str(), 0755);
    // A new cpuset of v1 is empty, and takes no process.
    for (const char* file : {"/cpuset.cpus", "/cpuset.mems"})
      if (exists(dir + file) && exists(top + "/cpuset.cpu_exclusive")) write_text(dir + file, read_text(top + file));
  }
}

void clear_cgroups(const std::string& name, bool top) {
  for (const auto& hierarchy : hierarchies()) {
    const std::string parent = hierarchy + "/" + name;
    auto dirs = tree_of(parent);
    if (top) dirs.push_back(parent);
    for (const auto& dir : dirs) {
      if (exists(dir + "/freezer.state")) write_text(dir + "/freezer.state", "THAWED");
      if (exists(dir + "/cgroup.freeze")) write_text(dir + "/cgroup.freeze", "0");
      eventually(2, [&] {
        std::istringstream pids(read_text(dir + "/cgroup.procs"));
        for (pid_t pid = 0; pids >> pid;) ::kill(pid, SIGKILL);
        reap();
        return ::rmdir(dir.c_str()) == 0 || errno == ENOENT;
      });
    }
  }
}

std::vector<std::string> cgroup_dirs(const std::string& path) {
  std::vector<std::string> found;
  for (const auto& top : hierarchies())
    if (exists(top + "/" + path)) found.push_back(top + "/" + path);
  return found;
}

}  // namespace caisson::faults
