// SPDX-License-Identifier: Apache-2.0
// The library: this very program makes containers and is their init. The caisson executable has no part in it.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <optional>

#include "caisson/caisson.hpp"
#include "integration/support/world.hpp"

using namespace caisson::testing;
using caisson::Container;
using caisson::ErrorCode;

namespace {

/// A pipe whose writing end becomes a process' stream.
class Output {
 public:
  Output() { REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0); }
  Output(const Output&) = delete;
  ~Output() { close_all(); }

  int end() const { return ends_[1]; }
  /// Everything until the last holder has closed it.
  std::string all() {
    ::close(std::exchange(ends_[1], -1));
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t size = 0; (size = ::read(ends_[0], buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(size));
    return text;
  }
  /// What comes next, one write of the other side.
  std::string next() const {
    std::array<char, 4096> buffer{};
    pollfd ready{ends_[0], POLLIN, 0};
    if (::poll(&ready, 1, 10'000) <= 0) return "nothing within ten seconds";
    const ssize_t size = ::read(ends_[0], buffer.data(), buffer.size());
    return std::string(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  }

 private:
  void close_all() {
    for (const int end : ends_)
      if (end >= 0) ::close(end);
  }
  std::array<int, 2> ends_{-1, -1};
};

caisson::Factory factory(const World& world) { return caisson::Factory({.root = world.root()}); }

/// From a bundle, with standard output and error in `output`.
caisson::Result<Container> create(const World& world, const Bundle& bundle, const Output* output = nullptr) {
  bundle.write();
  caisson::CreateOptions options;
  if (output != nullptr) options.streams = {.in = -1, .out = output->end(), .err = output->end()};
  return factory(world).create(bundle.id, caisson::Bundle{bundle.dir}, options);
}

/// "" or what failed.
template <class T>
std::string error_of(const caisson::Result<T>& result) {
  return result ? std::string() : std::string(to_string(result.error().code())) + ": " + result.error().message();
}

template <class T>
std::optional<ErrorCode> code_of(const caisson::Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

std::string status_of(const Container& container) {
  const auto status = container.status();
  return status ? std::string(to_string(*status)) : error_of(status);
}

/// Descriptors of ours, to be the same afterwards.
std::size_t open_descriptors() { return names_in("/proc/self/fd").size(); }

bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

bool blocks_signals() {
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  return ::sigismember(&blocked, SIGTERM) != 0;
}

/// A process that needs more than the container's 32 MiB; the OOM killer's `kills`th there.
void run_out_of_memory(Container& container, caisson::OomNotices& notices, const std::string& cgroup,
                       std::uint64_t kills) {
  auto greedy = container.start({.args = {"/probe", "--quiet", "--allocate", "200"}});
  REQUIRE(error_of(greedy) == "");
  pollfd ready{notices.descriptor(), POLLIN, 0};
  CHECK(::poll(&ready, 1, 10'000) == 1);
  const auto notice = notices.wait();
  REQUIRE(error_of(notice) == "");
  REQUIRE(notice->has_value());
  CHECK((*notice)->cgroup == cgroup);
  CHECK((*notice)->limit == 33554432);
  CHECK((*notice)->peak > 30 << 20);
  CHECK(greedy->wait()->signal == SIGKILL);
  // On v1 the kernel tells before it kills, and may do so once more: what is told later counts the same kill.
  while (const auto late = *notices.wait_for(0)) CHECK(late->kills <= kills);
  CHECK(*container.stats()->oom_kills == kills);
}

}  // namespace

TEST_CASE("a program makes a container, runs it, enters it and destroys it, being its init itself", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "hello from inside", "--hold"});
  const std::size_t descriptors = open_descriptors();
  {
    Output output;
    auto container = create(world, bundle, &output);
    REQUIRE(error_of(container) == "");
    CHECK(status_of(*container) == "created");
    const auto init = container->init();
    REQUIRE(init);

    // What waits there to become the user's program is this test program.
    const bool ours = slurp("/proc/" + std::to_string(init->pid()) + "/exe") == slurp("/proc/self/exe");
    CHECK(ours);

    CHECK(error_of(container->start()) == "");
    CHECK(status_of(*container) == "running");
    CHECK(output.next() == "hello from inside\n");
    CHECK(code_of(container->start()) == ErrorCode::SystemError);

    Output answer;
    caisson::ProcessOptions options;
    options.args = {"/probe"};
    options.env = {"ADDED=yes"};
    options.streams.out = answer.end();
    options.uid = 12;
    options.gid = 34;
    options.cwd = "/dev";
    const auto process = container->start(options);
    REQUIRE(error_of(process) == "");
    const auto ended = process->wait();
    REQUIRE(ended);
    CHECK(ended->known);
    CHECK(ended->code == 0);
    CHECK(ended->signal == 0);
    const Json report(answer.all());
    CHECK(report.num("/ids/uid/0") == 12);
    CHECK(report.num("/ids/gid/0") == 34);
    CHECK(report.str("/cwd") == "/dev");
    CHECK(code_of(process->signal(SIGTERM)) == ErrorCode::ContainerDestroyed);

    const auto pids = container->processes();
    REQUIRE(pids);
    CHECK(*pids == std::vector<pid_t>{init->pid()});
    CHECK(error_of(container->destroy(Container::Force::yes)) == "");
    CHECK(init->wait()->signal == SIGKILL);
    CHECK(init->wait()->code == 128 + SIGKILL);
    CHECK(code_of(container->status()) == ErrorCode::ContainerDestroyed);
  }
  CHECK(open_descriptors() == descriptors);
  CHECK_FALSE(has_children());
  world.nothing_left();
}

TEST_CASE("a container from the text of a config, its state, config and counters", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"}).set("/annotations", R"({"org.example.key":"value"})");
  const auto container = factory(world).create(bundle.id, caisson::ConfigText{bundle.config.text(), bundle.dir});
  REQUIRE(error_of(container) == "");
  const auto state = container->state();
  REQUIRE(error_of(state) == "");
  CHECK(state->id == bundle.id);
  CHECK(state->status == caisson::Status::created);
  CHECK(state->pid == container->init()->pid());
  CHECK(state->bundle == bundle.dir);
  CHECK(state->rootfs == bundle.rootfs);
  CHECK(state->annotations.at("org.example.key") == "value");
  CHECK(contains(state->created, "T"));
  const auto config = container->config();
  REQUIRE(error_of(config) == "");
  CHECK(Json(*config).str("/process/args/0") == "/probe");
  const auto stats = container->stats();
  REQUIRE(error_of(stats) == "");
  CHECK(stats->memory_bytes.value_or(0) > 0);

  // Somebody else sees the same, and may do the same.
  auto other = factory(world).load(bundle.id);
  REQUIRE(error_of(other) == "");
  CHECK(factory(world).list()->size() == 1);
  CHECK(error_of(other->start()) == "");
  CHECK(status_of(*container) == "running");
  Container again = *other;
  CHECK(error_of(again.destroy(Container::Force::yes)) == "");
  CHECK(container->wait()->signal == SIGKILL);
  CHECK(factory(world).list()->empty());
  world.nothing_left();
}

TEST_CASE("exit codes and signals come back through wait", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  SECTION("an exit code, and the container stays until it is destroyed") {
    bundle.probe({"--quiet", "--exit", "42"});
    auto container = create(world, bundle);
    REQUIRE(error_of(container) == "");
    REQUIRE(error_of(container->start()) == "");
    CHECK(container->wait()->code == 42);
    CHECK(container->wait()->code == 42);
    CHECK(status_of(*container) == "stopped");
    CHECK(factory(world).load(bundle.id)->wait()->known == false);
    CHECK(code_of(container->signal(SIGTERM)) == ErrorCode::ContainerDestroyed);
    CHECK(code_of(container->start({.args = {"/probe"}})) == ErrorCode::ContainerDestroyed);
    CHECK(error_of(container->destroy()) == "");
  }
  SECTION("a signal") {
    bundle.probe({"--quiet", "--hold"});
    auto container = create(world, bundle);
    REQUIRE(error_of(container) == "");
    REQUIRE(error_of(container->start()) == "");
    CHECK_FALSE(container->init()->wait_for(0)->has_value());
    CHECK(code_of(container->destroy()) == ErrorCode::SystemError);  // it runs
    CHECK(error_of(container->signal(SIGKILL)) == "");
    CHECK(container->wait()->signal == SIGKILL);
    CHECK(error_of(container->destroy()) == "");
    CHECK(code_of(container->destroy()) == ErrorCode::ContainerDestroyed);
    CHECK(error_of(container->destroy(Container::Force::yes)) == "");
  }
  SECTION("a created container that never starts") {
    auto container = create(world, bundle);
    REQUIRE(error_of(container) == "");
    CHECK(error_of(container->destroy()) == "");
    CHECK(container->wait()->signal == SIGKILL);
  }
  CHECK_FALSE(has_children());
  world.nothing_left();
}

TEST_CASE("pause and resume", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  auto container = create(world, bundle);
  REQUIRE(error_of(container) == "");
  REQUIRE(error_of(container->start()) == "");
  CHECK(code_of(container->resume()) == ErrorCode::SystemError);
  CHECK(error_of(container->pause()) == "");
  CHECK(status_of(*container) == "paused");
  CHECK(code_of(container->pause()) == ErrorCode::ContainerPaused);
  CHECK(error_of(container->pause()) == "ContainerPaused: pause " + bundle.id + ": container already paused");
  CHECK(code_of(container->start({.args = {"/probe"}})) == ErrorCode::ContainerPaused);
  CHECK(error_of(container->resume()) == "");
  CHECK(status_of(*container) == "running");
  CHECK(error_of(container->destroy(Container::Force::yes)) == "");
  world.nothing_left();
}

TEST_CASE("a terminal's other side is the program's", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  auto appears = [](int console, const std::string& text) {
    std::string seen;
    std::array<char, 512> buffer{};
    while (!contains(seen, text)) {
      pollfd ready{console, POLLIN, 0};
      if (::poll(&ready, 1, 10'000) <= 0) return false;
      const ssize_t size = ::read(console, buffer.data(), buffer.size());
      if (size <= 0) return false;
      seen.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return true;
  };
  bundle.probe({"--quiet", "--print", "ready", "--echo-line", "--hold"}).set("/process/terminal", "true");
  auto container = create(world, bundle);
  REQUIRE(error_of(container) == "");
  const int console = container->init()->console();
  REQUIRE(console >= 0);
  REQUIRE(error_of(container->start()) == "");
  CHECK(appears(console, "ready\r\n"));

  caisson::ProcessOptions options;
  options.args = {"/probe", "--quiet", "--wait-winch", "--print", "done"};
  options.terminal = true;
  const auto process = container->start(options);
  REQUIRE(error_of(process) == "");
  REQUIRE(process->console() >= 0);
  // Its handler may stand a moment later than its execve.
  CHECK(eventually([&] {
    winsize size{};
    ::ioctl(process->console(), TIOCGWINSZ, &size);
    size.ws_row = static_cast<unsigned short>(size.ws_row + 1);
    size.ws_col = 100;
    ::ioctl(process->console(), TIOCSWINSZ, &size);
    return process->wait_for(0)->has_value();
  }));
  CHECK(process->wait()->code == 0);
  CHECK(error_of(container->destroy(Container::Force::yes)) == "");
  world.nothing_left();
}

TEST_CASE("each failure has its code, and leaves nothing", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  CHECK(code_of(factory(world).load("nobody")) == ErrorCode::ContainerDestroyed);
  CHECK(code_of(factory(world).load("../x")) == ErrorCode::InvalidIdFormat);
  CHECK(factory(world).list()->empty());
  const caisson::Factory nowhere({.root = "not/absolute"});
  CHECK(code_of(nowhere.create("x", caisson::Bundle{bundle.dir})) == ErrorCode::ConfigInvalid);
  CHECK(code_of(nowhere.load("x")) == ErrorCode::ConfigInvalid);
  CHECK(code_of(nowhere.list()) == ErrorCode::ConfigInvalid);
  CHECK(code_of(factory(world).create("a/b", caisson::Bundle{bundle.dir})) == ErrorCode::InvalidIdFormat);
  CHECK(code_of(factory(world).create("x", caisson::Bundle{world.dir()})) == ErrorCode::ConfigInvalid);
  CHECK(code_of(factory(world).create("x", caisson::Bundle{world.dir() + "/none"})) == ErrorCode::ConfigInvalid);
  const auto text = factory(world).create("x", caisson::ConfigText{"{\n  nonsense", bundle.dir});
  CHECK(code_of(text) == ErrorCode::ConfigInvalid);
  CHECK(contains(error_of(text), "line 2"));
  CHECK(code_of(factory(world).create("x", caisson::ConfigText{"", bundle.dir})) == ErrorCode::ConfigInvalid);

  bundle.set("/process/cwd", "\"relative\"");
  const auto place = create(world, bundle);
  REQUIRE_FALSE(place);
  CHECK(place.error().code() == ErrorCode::ConfigInvalid);
  CHECK(place.error().pointer() == "/process/cwd");
  bundle.set("/process/cwd", "\"/\"");
  world.nothing_left();

  bundle.args({"/not-there"});
  const auto missing = create(world, bundle);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().pointer() == "/process/args/0");
  CHECK(contains(missing.error().message(), "no such file or directory"));
  world.nothing_left();

  bundle.probe({"--quiet", "--hold"});
  auto container = create(world, bundle);
  REQUIRE(error_of(container) == "");
  CHECK(code_of(create(world, bundle)) == ErrorCode::IdInUse);
  CHECK(code_of(container->start({.args = {}})) == ErrorCode::ConfigInvalid);
  CHECK(code_of(container->start({.args = {"/probe"}, .gid = 5})) == ErrorCode::ConfigInvalid);
  const auto absent = container->start({.args = {"/not-there"}});
  REQUIRE_FALSE(absent);
  CHECK(contains(absent.error().message(), "no such file or directory"));
  CHECK(error_of(container->destroy(Container::Force::yes)) == "");
  CHECK_FALSE(has_children());
  world.nothing_left();
}

TEST_CASE("the embedding program keeps its descriptors, signals and streams to itself", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({});
  // Not close-on-exec: the program means it for children of its own.
  const int own = ::open("/etc/passwd", O_RDONLY);
  REQUIRE(own >= 0);
  ::setenv("LISTEN_FDS", "1", 1);
  Output output;
  auto container = create(world, bundle, &output);
  ::unsetenv("LISTEN_FDS");
  REQUIRE(error_of(container) == "");
  CHECK(::fcntl(own, F_GETFD) == 0);
  ::close(own);
  CHECK_FALSE(blocks_signals());
  REQUIRE(error_of(container->start()) == "");
  CHECK(container->wait()->code == 0);
  const Json report(output.all());
  CHECK(report.keys("/fds") == std::vector<std::string>{"0", "1", "2"});
  CHECK(error_of(container->destroy()) == "");
  world.nothing_left();
}

TEST_CASE("a container's want of memory is told to the program, until the container is gone", "[api][oom]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/resources/memory", R"({"limit":33554432,"swap":33554432})").probe({"--quiet", "--hold"});
  auto container = create(world, bundle);
  REQUIRE(error_of(container) == "");
  REQUIRE(error_of(container->start()) == "");
  auto notices = container->notify_on_oom();
  REQUIRE(error_of(notices) == "");
  pollfd ready{notices->descriptor(), POLLIN, 0};
  CHECK(::poll(&ready, 1, 0) == 0);
  CHECK_FALSE(notices->wait_for(0)->has_value());
  CHECK_FALSE(notices->ended());
  const std::string cgroup = cgroup_dir("memory", "/" + world.mark() + "/" + bundle.id);
  for (std::uint64_t kills = 1; kills <= 2; ++kills) run_out_of_memory(*container, *notices, cgroup, kills);
  CHECK(error_of(container->signal(SIGKILL)) == "");
  CHECK(container->wait()->signal == SIGKILL);
  // The cgroup is still there, and may have more to tell.
  CHECK_FALSE(notices->wait_for(0)->has_value());
  CHECK_FALSE(notices->ended());
  CHECK(code_of(container->notify_on_oom()) == ErrorCode::ContainerDestroyed);
  CHECK(error_of(container->destroy()) == "");
  CHECK_FALSE(notices->wait()->has_value());
  CHECK(notices->ended());
  CHECK(::poll(&ready, 1, 0) == 1);
  CHECK_FALSE(notices->wait()->has_value());
  world.nothing_left();
}

TEST_CASE("a failing hook's words reach the program", "[api]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/hooks", R"({"createRuntime":[{"path":"/bin/sh","args":["sh","-c","echo no luck >&2; exit 3"]}]})");
  const auto container = create(world, bundle);
  REQUIRE_FALSE(container);
  CHECK(contains(container.error().message(), "no luck"));
  CHECK(container.error().pointer() == "/hooks/createRuntime/0");
  CHECK_FALSE(blocks_signals());
  CHECK_FALSE(has_children());
  world.nothing_left();
}
