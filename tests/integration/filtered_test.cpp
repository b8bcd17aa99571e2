// SPDX-License-Identifier: Apache-2.0
// The runtime behind a seccomp filter that knows none of the newer system calls, as in an older outer container.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstring>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>

#include "integration/support/world.hpp"
#include "support/skip.hpp"

using namespace caisson::testing;

namespace {

struct Filter {
  std::vector<unsigned> refused;  ///< numbers of system calls
  int error = 0;
};

bool load(const Filter& filter) {
  std::vector<sock_filter> steps{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const unsigned number : filter.refused) {
    steps.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
    steps.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(filter.error)));
  }
  steps.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// A program with its arguments behind the filter.
Ran execute_behind(const World& world, const Filter& filter, std::vector<std::string> args) {
  static int calls = 0;
  const std::string out = world.dir() + "/filtered-" + std::to_string(++calls);
  std::vector<char*> argv;
  for (auto& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  std::string mark = "CAISSON_TEST=" + world.mark();
  char* const envp[] = {mark.data(), const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nullptr};
  const pid_t pid = ::fork();
  if (pid == 0) {
    for (int fd = 0; fd < 100; ++fd) ::close(fd);
    const bool opened = ::open("/dev/null", O_RDONLY) == 0 &&
                        ::open((out + ".out").c_str(), O_WRONLY | O_CREAT, 0600) == 1 &&
                        ::open((out + ".err").c_str(), O_WRONLY | O_CREAT, 0600) == 2;
    ::alarm(static_cast<unsigned>(30 * patience()));
    if (!opened || ::chdir(world.dir().c_str()) != 0 || !load(filter)) ::_exit(121);
    ::execve(argv[0], argv.data(), envp);
    ::_exit(122);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  Ran ran;
  ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ran.out = slurp(out + ".out");
  ran.err = slurp(out + ".err");
  return ran;
}

/// caisson --root ROOT WORDS behind the filter.
Ran call_behind(const World& world, const Filter& filter, const std::vector<std::string>& words) {
  std::vector<std::string> args{Places::get().caisson, "--root", world.root()};
  args.insert(args.end(), words.begin(), words.end());
  return execute_behind(world, filter, std::move(args));
}

struct Named {
  const char* name;
  unsigned number;
};

/// Those that have another way.
constexpr Named kReplaced[] = {
    {"clone3", SYS_clone3},
    {"close_range", SYS_close_range},
    {"faccessat2", SYS_faccessat2},
    {"pidfd_open", SYS_pidfd_open},
    {"pidfd_send_signal", SYS_pidfd_send_signal},
    {"memfd_create", SYS_memfd_create},
    {"execveat", SYS_execveat},
    {"keyctl", SYS_keyctl},
};

/// Those that have none.
constexpr Named kRequired[] = {
    {"openat2", SYS_openat2},       {"open_tree", SYS_open_tree}, {"mount_setattr", SYS_mount_setattr},
    {"fsopen", SYS_fsopen},         {"fsconfig", SYS_fsconfig},   {"fsmount", SYS_fsmount},
    {"move_mount", SYS_move_mount},
};

void add_user_namespace(Bundle& bundle) {
  const char* map = R"([{"containerID":0,"hostID":0,"size":65536}])";
  bundle.add_namespace("user").set("/linux/uidMappings", map).set("/linux/gidMappings", map);
}

void live(const World& world, Bundle& bundle, const Filter& filter) {
  const auto call = [&](const std::vector<std::string>& words) {
    const Ran ran = call_behind(world, filter, words);
    INFO(words.front() << ": " << ran.err);
    CHECK(ran.code == 0);
    return ran;
  };
  bundle.args({"/bin/busybox", "echo", "ran"}).write();
  CHECK(call({"run", "--bundle", bundle.dir, bundle.id}).out == "ran\n");
  bundle.args({"/bin/busybox", "sleep", "1000"}).write();
  call({"create", "--bundle", bundle.dir, bundle.id});
  call({"start", bundle.id});
  CHECK(Json(call({"state", bundle.id}).out).str("/status") == "running");
  // Found by PATH, so that the look for it is made.
  CHECK(call({"exec", "--env", "PATH=/bin", bundle.id, "echo", "joined"}).out == "joined\n");
  call({"kill", bundle.id, "KILL"});
  CHECK(eventually([&] { return world.status(bundle) == "stopped"; }));
  call({"delete", bundle.id});
  call({"run", "--detach", "--bundle", bundle.dir, bundle.id});
  call({"delete", "--force", bundle.id});
  world.nothing_left();
}

}  // namespace

TEST_CASE("a container lives behind a filter that refuses a newer system call", "[filtered]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  const bool user = GENERATE(false, true);
  if (user) add_user_namespace(bundle);
  for (const auto& call : kReplaced)
    for (const int error : {EPERM, ENOSYS}) {
      INFO(call.name << ": " << strerrorname_np(error) << (user ? ", in a user namespace" : ""));
      live(world, bundle, {{call.number}, error});
    }
}

TEST_CASE("a container with hooks lives behind a filter that refuses all of the newer system calls",
          "[filtered][hooks]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  const bool user = GENERATE(false, true);
  if (user) add_user_namespace(bundle);
  const std::string made = world.dir() + "/made";
  bundle.set("/hooks/createRuntime", R"([{"path":"/bin/sh","args":["sh","-c","echo hook >>)" + made + R"("]}])");
  Filter filter;
  for (const auto& call : kReplaced) filter.refused.push_back(call.number);
  for (const int error : {EPERM, ENOSYS}) {
    INFO(strerrorname_np(error));
    filter.error = error;
    live(world, bundle, filter);
  }
  CHECK(slurp(made) == "hook\nhook\nhook\nhook\nhook\nhook\n");
}

TEST_CASE("a filter that refuses a call without another way is named, and so is the call", "[filtered][errors]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  bundle.args({"/bin/busybox", "true"}).write();
  for (const auto& call : kRequired)
    for (const int error : {EPERM, ENOSYS}) {
      const Ran ran = call_behind(world, {{call.number}, error}, {"run", "--bundle", bundle.dir, bundle.id});
      INFO(call.name << " " << strerrorname_np(error) << ": " << ran.err);
      CHECK(ran.code == 1);
      CHECK(contains(ran.err, std::string("a seccomp filter around the runtime refuses ") + call.name + "(2)"));
      world.nothing_left();
    }
}

TEST_CASE("vm.memfd_noexec keeps no container from starting, with and without privileges", "[filtered][rootless]") {
  if (!exists("/proc/sys/vm/memfd_noexec")) CAISSON_SKIP("the kernel has no vm.memfd_noexec (Linux 6.3)");
  constexpr uid_t kUser = 4242;
  World world;
  Bundle bundle = world.busybox_bundle();
  const bool user = GENERATE(false, true);
  const std::string id = user ? std::to_string(kUser) : "0";
  const std::string map = R"([{"containerID":0,"hostID":)" + id + R"(,"size":1}])";
  bundle.add_namespace("user").set("/linux/uidMappings", map).set("/linux/gidMappings", map);
  bundle.remove("/linux/cgroupsPath").remove("/linux/resources").args({"/bin/busybox", "echo", "ran"}).write();
  make_dirs(world.dir() + "/run");
  if (user) world.give_to(kUser);
  for (const std::string level : {"1", "2"}) {
    INFO("level " << level << (user ? ", a user" : ", root"));
    // The sysctl is of the PID namespace and of those below it.
    std::vector<std::string> args{"/usr/bin/unshare", "--mount", "--pid", "--fork", "--mount-proc", "/bin/sh", "-c"};
    args.push_back("echo " + level + R"( >/proc/sys/vm/memfd_noexec && exec "$@")");
    args.emplace_back("sh");
    if (user)
      for (const char* word : {"setpriv", "--reuid=4242", "--regid=4242", "--clear-groups"}) args.emplace_back(word);
    for (const auto& word : {std::string("env"), "XDG_RUNTIME_DIR=" + world.dir() + "/run", Places::get().caisson})
      args.push_back(word);
    if (!user) args.insert(args.end(), {"--root", world.root()});
    args.insert(args.end(), {"run", "--bundle", bundle.dir, bundle.id});
    const Ran ran = execute_behind(world, {}, args);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "ran\n");
  }
  world.nothing_left();
}
