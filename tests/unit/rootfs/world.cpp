// SPDX-License-Identifier: Apache-2.0
#include "world.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include <catch2/catch.hpp>

#include "plan/namespaces.hpp"
#include "rootfs/device_nodes.hpp"
#include "rootfs/mounter.hpp"
#include "rootfs/switch_root.hpp"
#include "sys/namespace.hpp"
#include "sys/process.hpp"

namespace caisson::test {
namespace {

void send(int fd, const std::string& text) { (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

std::string receive(int fd) {
  std::string buffer(1 << 16, '\0');
  ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
  buffer.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return buffer;
}

// What init does, with the steps in its order.
Status build(const Scenario& s, const plan::RootfsPlan& plan, rootfs::Environment& environment) {
  auto root = CAISSON_TRY(rootfs::enter_rootfs(plan, environment));
  CAISSON_TRY(rootfs::attach_mounts(root, plan, environment));
  CAISSON_TRY(rootfs::make_devices(root, plan, {}, environment.notes));
  if (s.before_switch) s.before_switch();
  auto inside = CAISSON_TRY(rootfs::switch_root(std::move(root), plan));
  CAISSON_TRY(rootfs::make_cwd(inside, s.cwd));
  if (s.before_finish) s.before_finish(inside);
  return rootfs::finish_rootfs(inside, plan);
}

[[noreturn]] void container(const Scenario& s, const plan::RootfsPlan& plan, std::vector<FileDescriptor> prepared,
                            int socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (receive(socket) != "go") ::_exit(1);
  if (s.namespaces & CLONE_NEWUSER) (void)sys::become_namespace_root(FdView::of(::open("/proc", O_PATH | O_CLOEXEC)));
  rootfs::Environment environment{};
  environment.prepared = std::move(prepared);
  if (s.join_cgroups)
    environment.wait_for_cgroups = [&]() -> Status {
      s.join_cgroups();
      return {};
    };
  auto built = build(s, plan, environment);
  if (!built) {
    send(socket, "E" + built.error().message());
    ::_exit(0);
  }
  std::string text;
  if (s.inside)
    text = s.inside([&](const std::string& word) {
      send(socket, "A" + word);
      return receive(socket);
    });
  send(socket, "T" + text);
  ::_exit(0);
}

Result<Outcome> as_host(const World& world, const Scenario& s) {
  auto namespaces = plan::NamespacePlan{};
  namespaces.create = s.namespaces;
  if (s.namespaces & CLONE_NEWUSER) namespaces.uid_map = namespaces.gid_map = "0 100000 65536\n";
  auto plan = CAISSON_TRY(plan::make_rootfs(s.spec, s.facts, namespaces,
                                            {.bundle = world.bundle(), .no_pivot = s.no_pivot, .cgroups = s.cgroups}));
  std::vector<std::string> notes;
  auto prepared = CAISSON_TRY(rootfs::prepare_trees(plan, notes));
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) < 0) return fail_errno("socketpair");
  // The cgroup namespace is made by the container when it has joined its cgroups.
  auto child = CAISSON_TRY(sys::clone3({.flags = s.namespaces & ~std::uint64_t{CLONE_NEWCGROUP}}));
  if (child.pid == 0) container(s, plan, std::move(prepared), ends[1]);
  ::close(ends[1]);
  if (s.namespaces & CLONE_NEWUSER) {
    CAISSON_TRY(sys::write_id_map(child.pid, "uid_map", namespaces.uid_map));
    CAISSON_TRY(sys::write_id_map(child.pid, "gid_map", namespaces.gid_map));
  }
  send(ends[0], "go");
  Outcome outcome;
  for (;;) {
    std::string message = receive(ends[0]);
    if (message.empty()) outcome.error = "the container's process ended without a word";
    if (message.starts_with('A')) {
      send(ends[0], s.on_host(message.substr(1)));
      continue;
    }
    if (message.starts_with('E')) outcome.error = message.substr(1);
    if (message.starts_with('T')) outcome.text = message.substr(1);
    break;
  }
  ::close(ends[0]);
  ::waitpid(child.pid, nullptr, 0);
  if (s.host_check) outcome.text += s.host_check();
  return outcome;
}

}  // namespace

World::World() {
  std::string name = "/tmp/caisson-rootfs-XXXXXX";
  REQUIRE(::mkdtemp(name.data()));
  ::chmod(name.c_str(), 0755);
  bundle_ = name;
  for (const char* sub : {"rootfs", "rootfs/bin", "rootfs/etc", "rootfs/proc", "rootfs/tmp"}) directory(sub);
  file("rootfs/etc/marker", "inside");
}

World::~World() {
  const std::string command = "rm -rf --one-file-system '" + bundle_ + "'";
  if (std::system(command.c_str()) != 0) WARN("could not remove " << bundle_);
}

void World::directory(const std::string& name, mode_t mode) const {
  ::mkdir(path(name).c_str(), mode);
  ::chmod(path(name).c_str(), mode);
}
void World::file(const std::string& name, const std::string& text, mode_t mode) const {
  std::ofstream(path(name)) << text;
  ::chmod(path(name).c_str(), mode);
}
void World::link(const std::string& name, const std::string& target) const {
  REQUIRE(::symlink(target.c_str(), path(name).c_str()) == 0);
}
std::string World::read(const std::string& name) const { return text_of_file(path(name)); }
bool World::exists(const std::string& name) const {
  struct stat st {};
  return ::lstat(path(name).c_str(), &st) == 0;
}

Scenario::Scenario(const World&) {
  spec.root = config::Root{.path = "rootfs"};
  spec.linux.emplace();
  spec.mounts.push_back({"/proc", "proc", "proc", {}, {}, {}});
  facts.cgroup_flavour = plan::CgroupFlavour::v1;
  namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET;
}

Scenario& Scenario::mount(config::Mount mount) {
  spec.mounts.push_back(std::move(mount));
  return *this;
}

Scenario& Scenario::user_namespace(const World& world) {
  namespaces |= CLONE_NEWUSER;
  const std::string command = "chown -hR 100000:100000 '" + world.path("rootfs") + "'";
  REQUIRE(std::system(command.c_str()) == 0);
  return *this;
}

Outcome run(const World& world, const Scenario& scenario) {
  std::array<int, 2> ends;
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  const pid_t host = ::fork();
  REQUIRE(host >= 0);
  if (host == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close(ends[0]);
    Outcome outcome;
    if (::unshare(CLONE_NEWNS) < 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ||
        (scenario.share_host && ::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) < 0)) {
      outcome.error = "could not make the test's host";
    } else {
      if (scenario.host_setup) scenario.host_setup();
      auto result = as_host(world, scenario);
      outcome = result ? *result : Outcome{result.error().message(), ""};
    }
    const std::string text = outcome.error + '\0' + outcome.text;
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = ::read(ends[0], buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(host, nullptr, 0);
  const std::size_t zero = text.find('\0');
  if (zero == std::string::npos) return {"the test's host ended without a word", ""};
  return {text.substr(0, zero), text.substr(zero + 1)};
}

namespace {
bool in_list(const std::string& list, const std::string& word) {
  return ("," + list + ",").find("," + word + ",") != std::string::npos;
}
}  // namespace

bool MountLine::has(const std::string& option) const { return in_list(options, option); }
bool MountLine::super_has(const std::string& option) const { return in_list(super, option); }

std::vector<MountLine> all_mounts() {
  std::vector<MountLine> lines;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    MountLine m;
    std::string skip, tag;
    in >> m.id >> skip >> skip >> m.root >> m.point >> m.options;
    while (in >> tag && tag != "-") m.tags += (m.tags.empty() ? "" : " ") + tag;
    in >> m.type >> m.source >> m.super;
    lines.push_back(std::move(m));
  }
  return lines;
}

MountLine mount_at(const std::string& point) {
  MountLine found;
  for (auto& line : all_mounts())
    if (line.point == point) found = line;
  return found;
}

std::string brief(const std::string& point) {
  const MountLine line = mount_at(point);
  std::string out = line.options + "|";
  for (const char* tag : {"shared", "master", "unbindable"})
    if (line.tags.find(tag) != std::string::npos) out += (out.back() == '|' ? "" : "+") + std::string(tag);
  return out;
}

std::string errno_name(int error) { return ::strerrorname_np(error); }

std::string try_create(const std::string& path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return errno_name(errno);
  ::close(fd);
  return "";
}

std::string try_write(const std::string& path) {
  int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno_name(errno);
  ::close(fd);
  return "";
}

std::string text_of_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string look(const std::string& path) {
  struct stat st {};
  if (::lstat(path.c_str(), &st) < 0) return "none";
  std::ostringstream out;
  if (S_ISLNK(st.st_mode)) {
    std::string target(4096, '\0');
    target.resize(static_cast<std::size_t>(::readlink(path.c_str(), target.data(), target.size())));
    return "l " + target;
  }
  const char type = S_ISDIR(st.st_mode)    ? 'd'
                    : S_ISCHR(st.st_mode)  ? 'c'
                    : S_ISBLK(st.st_mode)  ? 'b'
                    : S_ISFIFO(st.st_mode) ? 'p'
                                           : '-';
  out << type << ' ';
  if (type == 'c' || type == 'b') out << major(st.st_rdev) << ':' << minor(st.st_rdev) << ' ';
  out << '0' << std::oct << (st.st_mode & 07777) << std::dec << ' ' << st.st_uid << ':' << st.st_gid;
  if (type == '-') out << ' ' << st.st_size;
  return out.str();
}

}  // namespace caisson::test
