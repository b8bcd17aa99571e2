// SPDX-License-Identifier: Apache-2.0
// Makes, uses and removes containers for minutes or hours, and watches what the host is left with.
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
#include <ctime>
#include <filesystem>
#include <random>
#include <stdexcept>

#include "faults/sandbox.hpp"
#include "soak/counters.hpp"

namespace caisson::soak {
namespace {

using faults::Guest;
using faults::Ran;
using faults::Sandbox;
using faults::Shape;

constexpr const char* kUsage = R"(usage: soak [options]
  --minutes N    how long; the default is 3
  --hours N
  --jobs N       workers side by side, each with a container of its own; the default is twice the number of processors
  --samples N    how often the ledger is read; the default is 6
  --runtime PATH another runtime than the caisson of this build
)";

/// How much a counter may grow in all: objects that the kernel frees late, and other programs' own.
const Counters kMostGrowth{{"mounts", 0},
                           {"keys of root", 60},
                           {"network namespaces", 40},
                           {"mount namespaces", 60},
                           {"cgroups of v1 (memory)", 60},
                           {"cgroups of v2", 40},
                           {"dying cgroups of v2", 200},
                           {"open files", 2000},
                           {"slab KiB", 65536}};

struct Options {
  faults::Runtime runtime;
  double seconds = 180;
  int jobs = 2;
  int samples = 6;
};

/// A command that must succeed; the worker ends with the text otherwise.
void must(bool holds, const std::string& text) {
  if (!holds) throw std::runtime_error(text);
}

void run_once(Sandbox& box, Shape shape) {
  box.write_bundle(shape, Guest::ends);
  box.must({"run", "--bundle", box.bundle(), box.id()});
}

/// Everything that is done to one container in its life.
void live(Sandbox& box, Shape shape, std::mt19937& random) {
  box.write_bundle(shape, Guest::stays);
  box.must({"create", "--bundle", box.bundle(), box.id()});
  box.must({"start", box.id()});
  for (unsigned i = 0; i < 1 + random() % 4; ++i) box.must({"exec", box.id(), "/probe", "--quiet"});
  if (random() % 2 == 0) box.must({"exec", "--detach", box.id(), "/probe", "--quiet", "--sleep", "60"});
  box.must({"pause", box.id()});
  box.must({"resume", box.id()});
  box.must({"update", "--pids-limit", std::to_string(16 + random() % 16), box.id()});
  box.must({"state", box.id()});
  box.must({"events", "--stats", box.id()});
  if (random() % 2 == 0) {
    box.must({"delete", "--force", box.id()});
  } else {
    box.must({"kill", box.id(), "KILL"});
    must(faults::eventually(10, [&] { return box.status() == "stopped"; }), "a killed container does not stop");
    box.must({"delete", box.id()});
  }
}

/// A create that is refused late: after its cgroups, namespaces and most of its mounts are made.
void fail(Sandbox& box) {
  box.write_bundle(Shape::plain, Guest::ends);
  const std::string config = faults::read_text(box.bundle() + "/config.json");
  faults::write_text(box.bundle() + "/config.json", faults::replaced(config, "\"/probe\"", "\"/no-such-program\""));
  must(box.call({"run", "--bundle", box.bundle(), box.id()}).code != 0, "a program that is not there runs");
}

void one_round(Sandbox& box, std::mt19937& random) {
  switch (random() % 6) {
    case 0: return run_once(box, Shape::plain);
    case 1: return run_once(box, Shape::hooked);
    case 2: return run_once(box, Shape::mapped);
    case 3: return live(box, Shape::plain, random);
    case 4: return live(box, Shape::mapped, random);
    default: return fail(box);
  }
}

[[noreturn]] void work(const Options& options, int worker, int out) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const time_t end = ::time(nullptr) + static_cast<time_t>(options.seconds);
  std::string text;
  long rounds = 0;
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) ::_exit(1);
  {
    Sandbox box(options.runtime, worker);
    std::mt19937 random(static_cast<unsigned>(worker));
    const faults::Ledger before = faults::take_ledger(box.watched());
    try {
      for (; ::time(nullptr) < end; ++rounds) {
        one_round(box, random);
        faults::reap();
        for (const auto& name : faults::names_in(box.dir() + "/out")) ::unlink((box.dir() + "/out/" + name).c_str());
        if (faults::eventually(5, [&] { return faults::reap(), faults::take_ledger(box.watched()) == before; }))
          continue;
        for (const auto& line : faults::differences(before, faults::take_ledger(box.watched()))) text += line + "; ";
        break;
      }
    } catch (const std::exception& failure) {
      text = failure.what();
    }
  }
  const std::string line = std::to_string(rounds) + " " + faults::replaced(text, "\n", " ") + "\n";
  [[maybe_unused]] const auto put = ::write(out, line.data(), line.size());
  ::_exit(0);
}

int run(const Options& options) {
  int results[2];
  if (::pipe(results) != 0) return 1;
  std::vector<Counters> samples{read_counters()};
  for (int worker = 0; worker < options.jobs; ++worker)
    if (::fork() == 0) work(options, worker, results[1]);
  ::close(results[1]);
  for (int i = 1; i < options.samples; ++i) {
    ::usleep(static_cast<useconds_t>(options.seconds / (options.samples - 1) * 1e6));
    samples.push_back(read_counters());
  }
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(results[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  while (::wait(nullptr) > 0) {
  }
  long rounds = 0;
  int failed = 0;
  const auto lines = faults::lines_of(text);
  for (const auto& line : lines) {
    rounds += std::atol(line.c_str());
    const std::string why = line.substr(line.find(' ') + 1);
    if (why.empty()) continue;
    ++failed;
    std::printf("FAILED  soak: a worker found something left or broken\n    %s\n", why.c_str());
  }
  if (static_cast<int>(lines.size()) != options.jobs) std::printf("FAILED  soak: a worker died\n"), ++failed;
  const auto grown = growing(samples, kMostGrowth);
  for (const auto& line : grown) std::printf("FAILED  soak: a counter only grows\n    %s\n", line.c_str());
  if (failed == 0 && grown.empty()) std::printf("ok  soak: %ld containers, nothing left and nothing grown\n", rounds);
  std::fputs(table(samples).c_str(), stdout);
  std::puts("end of soak");
  return failed == 0 && grown.empty() ? 0 : 1;
}

bool read_options(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const double value = std::atof(argv[i + 1]);
    if (name == "--minutes")
      options.seconds = value * 60;
    else if (name == "--hours")
      options.seconds = value * 3600;
    else if (name == "--jobs")
      options.jobs = std::max(1, static_cast<int>(value));
    else if (name == "--samples")
      options.samples = std::max(2, static_cast<int>(value));
    else if (name == "--runtime")
      options.runtime.path = argv[i + 1];
    else
      return false;
  }
  return argc % 2 == 1;
}

}  // namespace
}  // namespace caisson::soak

int main(int argc, char** argv) {
  using namespace caisson::soak;
  const std::filesystem::path tests = std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
  Options options;
  options.runtime.path = std::filesystem::weakly_canonical(tests / "../caisson");
  options.runtime.probe = tests / "guest/probe";
  options.jobs = 2 * static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
  if (!read_options(argc, argv, options)) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  if (::geteuid() != 0) {
    std::puts("skipped  soak: it needs root\nend of soak");
    return 0;
  }
  ::umask(022);
  return run(options);
}
