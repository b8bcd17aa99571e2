// SPDX-License-Identifier: Apache-2.0
#include "integration/support/world.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace caisson::testing {

namespace fs = std::filesystem;

namespace {

int worlds = 0;

/// Every directory /sys/fs/cgroup/[<hierarchy>/]<mark>.
std::vector<std::string> cgroups_of(const std::string& mark) {
  std::vector<std::string> found;
  if (exists("/sys/fs/cgroup/" + mark)) found.push_back("/sys/fs/cgroup/" + mark);
  for (const auto& hierarchy : names_in("/sys/fs/cgroup")) {
    const std::string dir = "/sys/fs/cgroup/" + hierarchy + "/" + mark;
    struct stat info {};
    if (::lstat(("/sys/fs/cgroup/" + hierarchy).c_str(), &info) == 0 && S_ISDIR(info.st_mode) && exists(dir))
      found.push_back(dir);
  }
  return found;
}

/// The directory and all beneath it, deepest first.
std::vector<std::string> tree_of(const std::string& dir) {
  std::vector<std::string> dirs{dir};
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(dir, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error))
    if (it->is_directory(error)) dirs.push_back(it->path());
  std::sort(dirs.begin(), dirs.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return dirs;
}

/// Processes that have CAISSON_TEST=<mark> in their environment, and those of the given cgroups.
std::vector<pid_t> processes_of(const std::string& mark) {
  std::vector<pid_t> found;
  const std::string variable = "CAISSON_TEST=" + mark;
  for (const auto& name : names_in("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const pid_t pid = std::atoi(name.c_str());
    if (pid != ::getpid() && contains(slurp("/proc/" + name + "/environ"), variable) && alive(pid))
      found.push_back(pid);
  }
  for (const auto& top : cgroups_of(mark))
    for (const auto& dir : tree_of(top)) {
      std::istringstream pids(slurp(dir + "/cgroup.procs"));
      for (pid_t pid = 0; pids >> pid;)
        if (std::find(found.begin(), found.end(), pid) == found.end()) found.push_back(pid);
    }
  return found;
}

std::vector<std::string> mounts_below(const std::string& dir) {
  std::vector<std::string> found;
  std::istringstream lines(slurp("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skip, target;
    words >> skip >> skip >> skip >> skip >> target;
    if (contains(target, dir)) found.push_back(target);
  }
  return found;
}

/// prctl(PR_SET_MM, PR_SET_MM_MAP, ...) is EPERM; asking how large its argument is goes through.
bool refuse_image_changes() {
  const auto load = [](std::size_t at) {
    return sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<std::uint32_t>(at)};
  };
  const auto unless = [](std::uint32_t value, std::uint8_t skip) {
    return sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value};
  };
  sock_filter steps[] = {load(offsetof(seccomp_data, nr)),
                         unless(SYS_prctl, 5),
                         load(offsetof(seccomp_data, args[0])),
                         unless(PR_SET_MM, 3),
                         load(offsetof(seccomp_data, args[1])),
                         unless(PR_SET_MM_MAP, 1),
                         {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPERM},
                         {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
  const sock_fprog program{std::size(steps), steps};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

[[noreturn]] void become_caisson(const std::vector<std::string>& args, const How& how, const Ran& files,
                                 const std::string& mark, const std::string& cwd, const std::string& input) {
  std::map<int, int> wanted = how.descriptors;
  if (!how.closed_stdio) {
    if (!wanted.contains(0)) wanted[0] = ::open(input.c_str(), O_RDONLY);
    if (!wanted.contains(1)) wanted[1] = ::open(files.out_path.c_str(), O_WRONLY | O_APPEND);
    if (!wanted.contains(2)) wanted[2] = ::open(files.err_path.c_str(), O_WRONLY | O_APPEND);
  }
  // Away from the low numbers first, so that no dup2 overwrites one that is still needed.
  for (auto& [number, ours] : wanted) ours = ::fcntl(ours, F_DUPFD_CLOEXEC, 100);
  for (int fd = 0; fd < 100; ++fd) ::close(fd);
  for (const auto& [number, ours] : wanted) ::dup2(ours, number);
  ::syscall(SYS_close_range, 100U, ~0U, 0U);
  if (::chdir(cwd.c_str()) != 0) ::_exit(120);
  if (how.uid != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(how.uid) != 0 || ::setuid(how.uid) != 0)) ::_exit(121);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  if (how.odd_signals) {
    for (const int number : {SIGCHLD, SIGPIPE, SIGUSR1}) ::signal(number, SIG_IGN);
    for (const int number : {SIGTERM, SIGUSR2}) ::sigaddset(&blocked, number);
  }
  ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
  if (how.same_image && !refuse_image_changes()) ::_exit(120);
  std::vector<char*> argv, envp;
  for (const auto& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  const std::string variable = "CAISSON_TEST=" + mark;
  envp.push_back(const_cast<char*>(variable.c_str()));
  const std::string own_pid = "LISTEN_PID=" + std::to_string(::getpid());
  for (const auto& entry : how.env)
    envp.push_back(const_cast<char*>((entry == "LISTEN_PID=self" ? own_pid : entry).c_str()));
  // The first of a name is the one that counts.
  envp.push_back(const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"));
  envp.push_back(nullptr);
  if (how.traced) ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  ::execve(argv[0], argv.data(), envp.data());
  ::_exit(122);
}

}  // namespace

World::World() {
  mark_ = "caisson-test-" + std::to_string(::getpid()) + "-" + std::to_string(worlds++);
  const char* tmp = std::getenv("TMPDIR");
  dir_ = std::string(tmp && *tmp ? tmp : "/tmp") + "/" + mark_;
  root_ = dir_ + "/state";
  make_dirs(dir_);
  ::chmod(dir_.c_str(), 0755);
}

World::~World() { sweep(); }

void World::give_to(uid_t uid) const {
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(dir_, error); !error && it != fs::recursive_directory_iterator();
       it.increment(error))
    if (it->path().filename() != "probe" && it->path().parent_path().filename() != "bin") [[maybe_unused]]
      const int done = ::lchown(it->path().c_str(), uid, uid);
  [[maybe_unused]] const int done = ::chown(dir_.c_str(), uid, uid);
}

pid_t World::start_call(const std::vector<std::string>& args, const How& how, Ran& files) const {
  const std::string number = std::to_string(calls_++);
  files.out_path = dir_ + "/out-" + number;
  files.err_path = dir_ + "/err-" + number;
  spit(files.out_path, "", 0666);
  spit(files.err_path, "", 0666);
  std::string input = "/dev/null";
  if (!how.input.empty()) spit(input = dir_ + "/in-" + number, how.input);
  std::vector<std::string> all{Places::get().caisson};
  if (how.global_root) all.insert(all.end(), {"--root", root_});
  all.insert(all.end(), args.begin(), args.end());
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) become_caisson(all, how, files, mark_, how.cwd.empty() ? dir_ : how.cwd, input);
  return pid;
}

Ran World::finish_call(pid_t pid, Ran files, double seconds) const {
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd wait{pidfd, POLLIN, 0};
  const bool ended = ::poll(&wait, 1, static_cast<int>(seconds * patience() * 1000)) == 1;
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(pidfd);
  if (ended) files.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  files.out = slurp(files.out_path);
  files.err = slurp(files.err_path);
  return files;
}

Ran World::call(const std::vector<std::string>& args, const How& how) const {
  Ran files;
  const pid_t pid = start_call(args, how, files);
  return finish_call(pid, files, how.seconds);
}

Ran World::run(const Bundle& bundle, const std::vector<std::string>& flags, const How& how) const {
  bundle.write();
  std::vector<std::string> args{"run", "--bundle", bundle.dir};
  args.insert(args.end(), flags.begin(), flags.end());
  args.push_back(bundle.id);
  return call(args, how);
}

Ran World::create(const Bundle& bundle, const std::vector<std::string>& flags, const How& how) const {
  bundle.write();
  std::vector<std::string> args{"create", "--bundle", bundle.dir};
  args.insert(args.end(), flags.begin(), flags.end());
  args.push_back(bundle.id);
  return call(args, how);
}

Ran World::started(const Bundle& bundle, const std::vector<std::string>& flags, const How& how) const {
  const Ran created = create(bundle, flags, how);
  INFO("create: " << created.err);
  REQUIRE(created.code == 0);
  How start;
  start.uid = how.uid;
  start.env = how.env;
  start.global_root = how.global_root;
  const Ran ran = call({"start", bundle.id}, start);
  INFO("start: " << ran.err);
  REQUIRE(ran.code == 0);
  return created;
}

Json World::report(Bundle bundle, const std::vector<std::string>& questions, const How& how) const {
  bundle.probe(questions);
  const Ran ran = run(bundle, {}, how);
  INFO("run: code " << ran.code << ", " << ran.err);
  REQUIRE(ran.code == 0);
  return Json(ran.out.substr(0, ran.out.find('\n')));
}

Json World::exec_report(const Bundle& bundle, const std::vector<std::string>& flags,
                        const std::vector<std::string>& questions) const {
  std::vector<std::string> args{"exec"};
  args.insert(args.end(), flags.begin(), flags.end());
  args.insert(args.end(), {bundle.id, "/probe"});
  args.insert(args.end(), questions.begin(), questions.end());
  const Ran ran = call(args);
  INFO("exec: code " << ran.code << ", " << ran.err);
  REQUIRE(ran.code == 0);
  return Json(ran.out.substr(0, ran.out.find('\n')));
}

std::string World::status(const Bundle& bundle) const {
  const Ran ran = call({"state", bundle.id});
  return ran.code == 0 ? Json(ran.out).str("/status") : "";
}

int World::pid(const Bundle& bundle) const {
  const Ran ran = call({"state", bundle.id});
  return ran.code == 0 ? static_cast<int>(Json(ran.out).num("/pid")) : 0;
}

Ran World::kill(const Bundle& bundle, const std::string& signal) const { return call({"kill", bundle.id, signal}); }

Ran World::remove(const Bundle& bundle, bool force) const {
  return force ? call({"delete", "--force", bundle.id}) : call({"delete", bundle.id});
}

std::vector<std::string> World::leftovers() const {
  std::vector<std::string> found;
  for (const auto& name : names_in(root_)) found.push_back("state directory " + root_ + "/" + name);
  for (const auto& top : cgroups_of(mark_))
    for (const auto& dir : tree_of(top))
      if (dir != top) found.push_back("cgroup " + dir);
  for (const pid_t pid : processes_of(mark_))
    found.push_back("process " + std::to_string(pid) + " " + trimmed(slurp("/proc/" + std::to_string(pid) + "/comm")));
  for (const auto& target : mounts_below(dir_)) found.push_back("mount " + target);
  return found;
}

void World::nothing_left() const {
  // A process that was just killed may take a moment to leave /proc.
  eventually([&] { return leftovers().empty(); }, 2);
  const auto found = leftovers();
  std::string some;
  for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 5); ++i) some += "\n  " + found[i];
  if (found.size() > 5) some += "\n  and " + std::to_string(found.size() - 5) + " more";
  if (!found.empty()) FAIL_CHECK("left behind:" << some);
}

void World::sweep() const {
  for (const auto& id : names_in(root_)) {
    How how;
    how.seconds = 10;
    call({"delete", "--force", id}, how);
  }
  for (int round = 0; round < 100; ++round) {
    for (const auto& top : cgroups_of(mark_))
      for (const auto& dir : tree_of(top)) {
        std::ofstream(dir + (contains(dir, "/freezer/") ? "/freezer.state" : "/cgroup.freeze"), std::ios::in)
            << (contains(dir, "/freezer/") ? "THAWED" : "0");
      }
    const auto pids = processes_of(mark_);
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (pids.empty()) break;
    ::usleep(20000);
  }
  for (const auto& top : cgroups_of(mark_))
    for (const auto& dir : tree_of(top)) ::rmdir(dir.c_str());
  for (const auto& target : mounts_below(dir_)) ::umount2(target.c_str(), MNT_DETACH);
  std::error_code error;
  fs::remove_all(dir_, error);
}

}  // namespace caisson::testing
