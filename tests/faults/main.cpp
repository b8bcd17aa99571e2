// SPDX-License-Identifier: Apache-2.0
// Makes each system call of each command fail, or kills the process that makes it, and looks at what is left.
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "faults/calls.hpp"
#include "faults/sweep.hpp"
#include "faults/tally.hpp"

namespace caisson::faults {
namespace {

constexpr const char* kUsage = R"(usage: faults [options]
  --runtime PATH     another runtime than the caisson of this build: crun, runc
  --name NAME        what it is: caisson, crun or runc; the default is the file's name
  --operation NAME   only this one; may be repeated. --list names them
  --class CLASS      only SIGKILL, signals or errors; may be repeated
  --each N           so many points for each operation and class, always the same ones; the default is all of them
  --only TEXT        only points whose text has TEXT in it, as failures print it: "runtime.1 openat2 #3 ENOMEM"
  --jobs N           workers side by side; the default is the number of processors
  --seconds N        begin no further point after so long
  --table            print the table alone
  --list             print the operations and how many points they have
)";

struct Options {
  Runtime runtime;
  std::vector<std::string> operations, classes;
  std::string only;
  std::size_t each = 0;
  int jobs = 1;
  long seconds = 0;
  bool table = false, list = false;
};

/// Set by a signal: the sweep ends after the present point, and clears up.
volatile sig_atomic_t stopped = 0;

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

/// FNV-1a: the same points in each run, in an order that has nothing to do with the program's.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

bool chosen(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

/// The trials of an operation, in the order of their hashes.
std::vector<Trial> pick(const Sweep& sweep, const Options& options) {
  std::vector<std::pair<std::uint64_t, Trial>> ranked;
  for (const auto& trial : sweep.trials()) {
    const std::string text = to_string(trial);
    const bool wanted = options.only.empty() || text.find(options.only) != std::string::npos;
    if (wanted && chosen(options.classes, class_of(trial.fault))) ranked.emplace_back(hash_of(text), trial);
  }
  std::ranges::sort(ranked, {}, [](const auto& entry) { return entry.first; });
  std::vector<Trial> picked;
  std::map<std::string, std::size_t> counts;
  for (const auto& [hash, trial] : ranked)
    if (options.each == 0 || counts[class_of(trial.fault)]++ < options.each) picked.push_back(trial);
  return picked;
}

void say(int out, const Result& result) {
  const std::string line = to_line(result);
  if (::write(out, line.data(), line.size()) < 0) ::_exit(1);
}

const char* verdict_name(Verdict::Kind kind) {
  switch (kind) {
    case Verdict::Kind::clean: return "clean";
    case Verdict::Kind::missed: return "missed";
    case Verdict::Kind::broken: break;
  }
  return "broken";
}

void sweep_operation(Sandbox& box, const Operation& operation, const Options& options, int worker, int out) {
  Sweep sweep(box, operation);
  if (options.list) {
    if (worker == 0)
      std::printf("%-24s %zu points, %zu trials\n", operation.name, sweep.points().size(), sweep.trials().size());
    return;
  }
  for (const auto& trial : pick(sweep, options)) {
    if (hash_of(to_string(trial)) / 7 % static_cast<unsigned>(options.jobs) != static_cast<unsigned>(worker)) continue;
    if (stopped != 0 || (options.seconds > 0 && ::time(nullptr) > options.seconds)) return;
    const Verdict verdict = sweep.run(trial);
    const std::string text = to_string(trial) + ": " + verdict.why;
    say(out, {operation.name, class_of(trial.fault), verdict_name(verdict.kind), text});
  }
}

/// crun wants the hugetlb hierarchy where cgroup v1 is used: a copy of /sys/fs/cgroup, in our mount namespace, that
/// has it.
void mount_hugetlb() {
  const std::string top = "/sys/fs/cgroup", copy = "/tmp/caisson-faults-cgroup";
  if (!exists(top + "/memory") || exists(top + "/hugetlb")) return;
  ::mkdir(copy.c_str(), 0755);
  ::mount("tmpfs", copy.c_str(), "tmpfs", 0, "mode=755");
  for (const auto& name : names_in(top)) {
    ::mkdir((copy + "/" + name).c_str(), 0755);
    ::mount((top + "/" + name).c_str(), (copy + "/" + name).c_str(), nullptr, MS_BIND, nullptr);
  }
  ::mkdir((copy + "/hugetlb").c_str(), 0755);
  ::mount("hugetlb", (copy + "/hugetlb").c_str(), "cgroup", 0, "hugetlb");
  ::mount(copy.c_str(), top.c_str(), nullptr, MS_MOVE, nullptr);
  ::rmdir(copy.c_str());
}

[[noreturn]] void work(const Options& options, int worker, int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // What a faulty runtime would leave mounted, or make of network devices, ends with us.
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    std::perror("namespaces for the sweep");
    ::_exit(1);
  }
  if (options.runtime.name == "crun") mount_hugetlb();
  {
    Sandbox box(options.runtime, worker);
    for (const auto& operation : operations()) {
      if (stopped != 0 || !chosen(options.operations, operation.name)) continue;
      if (operation.only_caisson && options.runtime.name != "caisson") continue;
      try {
        sweep_operation(box, operation, options, worker, out);
      } catch (const std::exception& failure) {
        say(out, {operation.name, "undisturbed", "error", failure.what()});
      }
    }
  }
  std::fflush(stdout);
  ::_exit(0);
}

Tally collect(int in, const std::vector<pid_t>& workers) {
  Tally tally;
  std::string text;
  char buffer[65536];
  for (ssize_t got = 0; (got = ::read(in, buffer, sizeof buffer)) != 0;) {
    if (got < 0) {
      if (stopped != 0)
        for (const pid_t pid : workers) ::kill(pid, SIGTERM);
      continue;
    }
    text.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      const Result result = from_line(text.substr(0, end));
      if (result.verdict == "broken" && ::isatty(2)) std::fprintf(stderr, "%s\n", result.text.c_str());
      tally.add(result);
    }
  }
  return tally;
}

int run(const Options& options) {
  int results[2];
  if (::pipe(results) != 0) return 1;
  std::vector<pid_t> workers;
  stop_on_signals();
  for (int worker = 0; worker < options.jobs; ++worker) {
    const pid_t pid = ::fork();
    if (pid == 0) work(options, worker, results[1]);
    workers.push_back(pid);
  }
  ::close(results[1]);
  const Tally tally = collect(results[0], workers);
  bool all_ended = true;
  for (const pid_t pid : workers) {
    int status = 0;
    all_ended = ::waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 && all_ended;
  }
  if (!options.list || !tally.all_clean())
    std::fputs(options.table ? tally.table().c_str() : tally.lines("faults").c_str(), stdout);
  if (!all_ended) std::puts("FAILED  faults: a worker did not end by itself");
  if (!options.table) std::puts("end of faults");
  return all_ended && tally.all_clean() ? 0 : 1;
}

bool read_options(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--table" || name == "--list") {
      (name == "--table" ? options.table : options.list) = true;
      continue;
    }
    if (++i >= argc) return false;
    const std::string value = argv[i];
    if (name == "--runtime")
      options.runtime.path = value, options.runtime.name = std::filesystem::path(value).filename();
    else if (name == "--name")
      options.runtime.name = value;
    else if (name == "--operation")
      options.operations.push_back(value);
    else if (name == "--class")
      options.classes.push_back(value);
    else if (name == "--each")
      options.each = std::strtoul(value.c_str(), nullptr, 10);
    else if (name == "--only")
      options.only = value;
    else if (name == "--jobs")
      options.jobs = std::max(1, std::atoi(value.c_str()));
    else if (name == "--seconds")
      options.seconds = ::time(nullptr) + std::atol(value.c_str());
    else
      return false;
  }
  return true;
}

}  // namespace
}  // namespace caisson::faults

int main(int argc, char** argv) {
  using namespace caisson::faults;
  const std::filesystem::path tests = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
  Options options;
  options.runtime.path = std::filesystem::weakly_canonical(tests / "../caisson");
  options.runtime.probe = tests / "guest/probe";
  options.jobs = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  if (!read_options(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (::geteuid() != 0) {
    std::puts("skipped  faults: all of it: it needs root\nend of faults");
    return 0;
  }
  ::umask(022);
  return run(options);
}
