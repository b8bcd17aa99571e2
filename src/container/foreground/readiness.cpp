// SPDX-License-Identifier: Apache-2.0
#include "container/foreground/readiness.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.hpp"
#include "sys/interrupt.hpp"
#include "sys/socket.hpp"

namespace caisson::container {

namespace {

constexpr const char* kDirectory = "notify";
constexpr const char* kSocket = "notify.sock";
constexpr const char* kPlace = "/run/notify";

/// How long the service manager may take to read what it was sent, as sd_notify_barrier(3) is used elsewhere.
constexpr int kBarrierMs = 30'000;

/// The manager looks up who has sent a message: we stay until it has read ours.
Status wait_until_read(FdView manager) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno("pipe2()");
  const FileDescriptor ours(ends[0]);
  FileDescriptor theirs(ends[1]);
  CAISSON_TRY(sys::send_packet(manager, "BARRIER=1", {theirs}));
  theirs.reset();
  pollfd closed{ours.get(), 0, 0};
  while (::poll(&closed, 1, kBarrierMs) < 0) {
    if (errno != EINTR) return fail_errno("poll()");
    CAISSON_TRY(sys::go_on_unless_interrupted());
  }
  return {};
}

}  // namespace

std::string service_manager() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  return path != nullptr ? path : "";
}

void share_readiness(config::Spec& spec, const std::string& entry_path) {
  spec.mounts.push_back({.destination = kPlace,
                         .type = "bind",
                         .source = entry_path + "/" + kDirectory,
                         .options = {"bind", "nosuid", "noexec", "nodev", "ro"},
                         .uid_mappings = {},
                         .gid_mappings = {}});
  if (!spec.process->env) spec.process->env.emplace();
  auto& env = *spec.process->env;
  std::erase_if(env, [](const std::string& entry) { return entry.starts_with("NOTIFY_SOCKET="); });
  env.push_back(fmt::format("NOTIFY_SOCKET={}/{}", kPlace, kSocket));
}

Status make_readiness_directory(const Entry& entry) {
  if (::mkdirat(entry.dir().get(), kDirectory, 0755) != 0) return fail_errno("mkdirat('{}')", kDirectory);
  return {};
}

Result<std::optional<Readiness>> Readiness::open(const Entry& entry) {
  std::string manager = service_manager();
  if (manager.empty()) return std::nullopt;
  const FileDescriptor directory(
      ::openat(entry.dir().get(), kDirectory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) {
    if (errno == ENOENT) return std::nullopt;
    return fail_errno("open('{}/{}')", entry.path(), kDirectory);
  }
  FileDescriptor socket = CAISSON_TRY(sys::receive_at(directory, kSocket));
  // The container's user need not be root.
  if (::fchmodat(directory.get(), kSocket, 0777, 0) != 0) return fail_errno("fchmodat('{}')", kSocket);
  return Readiness(std::move(socket), std::move(manager));
}

Result<bool> Readiness::pass_on(pid_t main_pid) const {
  const auto packet = sys::receive_packet(socket_);
  // The container may send what it likes, also what is cut short: it is not the message then.
  if (!packet) return false;
  const auto lines = text::split(packet->bytes, '\n');
  const auto ready = std::ranges::find_if(lines, [](const auto& line) { return line.starts_with("READY="); });
  if (ready == lines.end()) return false;
  const FileDescriptor manager = CAISSON_TRY(
      manager_.front() == '@' ? sys::connect_abstract(manager_, SOCK_DGRAM) : sys::connect_path(manager_, SOCK_DGRAM),
      "NOTIFY_SOCKET");
  std::string word(*ready);
  if (main_pid > 0) word = fmt::format("MAINPID={}\n{}", main_pid, word);
  CAISSON_TRY(sys::send_packet(manager, word));
  CAISSON_TRY(wait_until_read(manager));
  return true;
}

void Readiness::pass_on_what_came() const {
  pollfd ready{socket_.get(), POLLIN, 0};
  while (::poll(&ready, 1, 0) == 1 && ready.revents != 0)
    if (const auto passed = pass_on(0); !passed || *passed) return;
}

Status Readiness::wait(const sys::ProcessHandle& init) const {
  for (;;) {
    // Without a pidfd (see ProcessHandle) poll(2) cannot tell of init's end: it is looked for between.
    const bool pollable = init.is_pollable();
    std::array<pollfd, 2> events{{{socket_.get(), POLLIN, 0}, {pollable ? init.pidfd().get() : -1, POLLIN, 0}}};
    if (!pollable && CAISSON_TRY(init.wait_for_end(0))) return {};
    if (::poll(events.data(), events.size(), pollable ? -1 : 20) < 0) {
      if (errno != EINTR) return fail_errno("poll()");
      CAISSON_TRY(sys::go_on_unless_interrupted());
      continue;
    }
    if (events[0].revents != 0 && CAISSON_TRY(pass_on(init.pid()))) return {};
    if (events[1].revents != 0 && events[0].revents == 0) return {};
  }
}

}  // namespace caisson::container
