// SPDX-License-Identifier: Apache-2.0
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "integration/support/terminal.hpp"
#include "integration/support/world.hpp"

using namespace caisson::testing;

namespace {

/// "NR,args": what the probe's --syscall takes.
std::string call(long number, const std::string& args = "") {
  return std::to_string(number) + (args.empty() ? "" : "," + args);
}

std::string answer(const Json& report, const std::string& question) { return report.str("/syscall/" + step(question)); }

}  // namespace

TEST_CASE("seccomp: errno values, argument rules, default action", "[seccomp]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_AARCH64"],
    "syscalls":[
      {"names":["getsid","no_such_call_anywhere"],"action":"SCMP_ACT_ERRNO"},
      {"names":["getpgid"],"action":"SCMP_ACT_ERRNO","errnoRet":5},
      {"names":["alarm"],"action":"SCMP_ACT_ERRNO","errnoRet":7,"args":[{"index":0,"value":1000,"op":"SCMP_CMP_GE"}]},
      {"names":["umask"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":448,"valueTwo":64,"op":"SCMP_CMP_MASKED_EQ"}]}]})");
  bundle.set("/linux/seccomp/architectures", R"(["SCMP_ARCH_X86_64","SCMP_ARCH_X86","SCMP_ARCH_X32"])");
  const std::string sid = call(SYS_getsid, "0"), pgid = call(SYS_getpgid, "0"), pid = call(SYS_getpid);
  const std::string small = call(SYS_alarm, "0"), large = call(SYS_alarm, "2000");
  const std::string masked = call(SYS_umask, "0101"), unmasked = call(SYS_umask, "022");
  const Json report = world.report(bundle, {"--syscall", sid, "--syscall", pgid, "--syscall", pid, "--syscall", small,
                                            "--syscall", large, "--syscall", masked, "--syscall", unmasked});
  CHECK(report.num("/seccomp") == 2);
  CHECK(answer(report, sid) == "EPERM");
  CHECK(answer(report, pgid) == "EIO");
  CHECK(answer(report, pid) == "ok");
  CHECK(answer(report, small) == "ok");
  CHECK(answer(report, large) == "E2BIG");
  CHECK(answer(report, masked) == "EPERM");
  CHECK(answer(report, unmasked) == "ok");
}

TEST_CASE("seccomp: with and without noNewPrivileges, and in exec", "[seccomp][exec]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getsid"],"action":"SCMP_ACT_ERRNO"}]})");
  const std::string sid = call(SYS_getsid, "0");
  for (const char* nnp : {"false", "true"}) {
    bundle.set("/process/noNewPrivileges", nnp).probe({"--quiet", "--hold"});
    world.started(bundle);
    const Json report = world.exec_report(bundle, {}, {"--syscall", sid});
    CHECK(report.num("/seccomp") == 2);
    CHECK(report.num("/seccomp_filters") == 1);
    CHECK(answer(report, sid) == "EPERM");
    CHECK(world.remove(bundle, true).code == 0);
  }
  world.nothing_left();
}

TEST_CASE("seccomp: a user without capabilities and without noNewPrivileges gets the filter too", "[seccomp]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/user", R"({"uid":1000,"gid":1000})").set("/process/capabilities", R"({"bounding":[]})");
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getsid"],"action":"SCMP_ACT_ERRNO"}]})");
  const std::string sid = call(SYS_getsid, "0");
  const Json report = world.report(bundle, {"--syscall", sid});
  CHECK(answer(report, sid) == "EPERM");
  CHECK(report.num("/no_new_privs") == 0);
}

TEST_CASE("seccomp: a profile needs to allow no call of the runtime's but capset and execve", "[seccomp][exec]") {
  World world;
  Bundle bundle = world.bundle();
  // What a static program needs to start, print and end, and what the runtime cannot do without.
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_KILL_PROCESS","syscalls":[{"action":"SCMP_ACT_ALLOW","names":
    ["capset","execve","exit_group","brk","arch_prctl","set_tid_address","set_robust_list","rseq","prlimit64","readlink",
     "readlinkat","getrandom","mprotect","mmap","munmap","write","newfstatat","fstat","futex","rt_sigprocmask"]}]})");
  for (const char* user : {R"({"uid":0,"gid":0})", R"({"uid":1000,"gid":1000,"additionalGids":[7]})"})
    for (const char* nnp : {"false", "true"}) {
      INFO(user << " " << nnp);
      bundle.set("/process/user", user).set("/process/noNewPrivileges", nnp);
      bundle.probe({"--quiet", "--print", "out"});
      const Ran ran = world.run(bundle);
      INFO(ran.err);
      CHECK(ran.code == 0);
      CHECK(ran.out == "out\n");
      bundle.remove("/process/capabilities");
      CHECK(world.run(bundle).out == "out\n");
      bundle.set("/process/capabilities", R"({"bounding":["CAP_KILL"],"permitted":["CAP_KILL"]})");
    }
  world.nothing_left();
}

TEST_CASE("seccomp: startContainer hooks run behind the filter, too", "[seccomp][hooks]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
    {"names":["faccessat","faccessat2","getsid"],"action":"SCMP_ACT_KILL_PROCESS"}]})");
  bundle.probe({"--quiet", "--print", "ran"});
  for (const char* nnp : {"false", "true"}) {
    bundle.set("/process/noNewPrivileges", nnp);
    bundle.set("/hooks/startContainer", R"([{"path":"/probe","args":["hook","--quiet","--syscall","124,0"]}])");
    CHECK(world.run(bundle).out == "ran\n");  // quiet asks nothing
    bundle.set("/hooks/startContainer", R"([{"path":"/probe","args":["hook","--syscall","124,0"]}])");
    const Ran ran = world.run(bundle);
    INFO(ran.err);
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "error running startContainer hook #0"));
    CHECK(contains(ran.err, "bad system call"));
  }
  world.nothing_left();
}

TEST_CASE("seccomp: an unknown new system call is ENOSYS where the default is to deny", "[seccomp]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/process/noNewPrivileges", "true");  // the filter is then the last step before execve
  // The probe's own calls stay allowed; getsid is denied by the default, 4000 is no call of any kernel.
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"syscalls":[{"names":[
    "access","arch_prctl","brk","capget","chdir","clock_gettime","close","clone","clone3","execve","execveat","exit","exit_group","fchdir",
    "fcntl","fstat","fstatfs","futex","getcwd","getdents64","getegid","geteuid","getgid","getpgrp","getpid","getppid","getrandom",
    "getrlimit","getuid","ioctl","ioprio_get","keyctl","lseek","lstat","mmap","mprotect","munmap","newfstatat","open","openat","openat2",
    "personality","pread64","prctl","prlimit64","read","readlink","readlinkat","rseq","rt_sigaction","rt_sigprocmask","rt_sigreturn",
    "sched_getaffinity","sched_getattr","set_robust_list","set_tid_address","socket","stat","statx","sysinfo","uname","write","writev",
    "get_mempolicy","close_range","poll","ppoll","recvfrom","recvmsg","sendto","sendmsg","setgroups","setgid","setuid","capset",
    "setresuid","setresgid","umask","accept","accept4","bind","connect","getsockname","pidfd_open","wait4","waitid","tgkill","gettid",
    "seccomp","fchown","kill","restart_syscall","nanosleep","dup","dup2","dup3","epoll_wait","epoll_ctl","epoll_create1","pipe2"],
    "action":"SCMP_ACT_ALLOW"}]})");
  const std::string sid = call(SYS_getsid, "0"), future = call(4000);
  const Json report = world.report(bundle, {"--syscall", sid, "--syscall", future});
  CHECK(answer(report, sid) == "EPERM");
  CHECK(answer(report, future) == "ENOSYS");
}

TEST_CASE("seccomp: kill ends the process", "[seccomp]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set(
      "/linux/seccomp",
      R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getsid"],"action":"SCMP_ACT_KILL_PROCESS"}]})");
  bundle.probe({});  // the report itself calls getsid
  CHECK(world.run(bundle).code == 128 + 31);
  world.nothing_left();
}

TEST_CASE("seccomp: flags", "[seccomp]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC"],"syscalls":[{"names":["getsid"],"action":"SCMP_ACT_ERRNO"}]})");
  CHECK(world.report(bundle).num("/seccomp") == 2);
}

TEST_CASE("seccomp: notify hands the listener to the agent", "[seccomp]") {
  World world;
  Bundle bundle = world.bundle();
  const Listener agent(world.dir() + "/agent");
  bundle.set("/linux/seccomp", R"({"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"told",
    "syscalls":[{"names":["getsid"],"action":"SCMP_ACT_NOTIFY"}]})");
  bundle.config.set_string("/linux/seccomp/listenerPath", world.dir() + "/agent");
  bundle.probe({"--quiet", "--hold"});
  bundle.write();
  Ran files;
  const pid_t creating = world.start_call({"create", "--bundle", bundle.dir, bundle.id}, {}, files);
  const Delivery delivery = agent.receive();
  const Ran created = world.finish_call(creating, files, 10);
  INFO(created.err);
  REQUIRE(created.code == 0);
  CHECK(delivery.descriptors == 1);
  REQUIRE(Json::valid(delivery.text));
  const Json state(delivery.text);
  CHECK(state.text("/fds") == "[\"seccompFd\"]");
  CHECK(state.str("/metadata") == "told");
  CHECK(state.num("/pid") == world.pid(bundle));
  CHECK(state.str("/state/id") == bundle.id);
  ::close(delivery.fd);
  CHECK(world.remove(bundle, true).code == 0);
  world.nothing_left();
}

TEST_CASE("seccomp: what cannot be honoured is named", "[seccomp][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.set("/linux/seccomp",
             R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["getsid"],"action":"SCMP_ACT_ERRNO"}]})");
  std::string where;
  SECTION("an unknown action") {
    bundle.set("/linux/seccomp/syscalls/0/action", "\"SCMP_ACT_TEA\"");
    where = "/linux/seccomp/syscalls/0/action";
  }
  SECTION("an unknown operator") {
    bundle.set("/linux/seccomp/syscalls/0/args", R"([{"index":0,"value":1,"op":"SCMP_CMP_ALMOST"}])");
    where = "/linux/seccomp/syscalls/0/args/0/op";
  }
  SECTION("an unknown flag") {
    bundle.set("/linux/seccomp/flags", R"(["SECCOMP_FILTER_FLAG_TEA"])");
    where = "/linux/seccomp/flags/0";
  }
  SECTION("notify without a listener") {
    bundle.set("/linux/seccomp/syscalls/0/action", "\"SCMP_ACT_NOTIFY\"");
    where = "/linux/seccomp";
  }
  SECTION("notify as the default") {
    bundle.set("/linux/seccomp/defaultAction", "\"SCMP_ACT_NOTIFY\"").set("/linux/seccomp/listenerPath", "\"/x\"");
    where = "/linux/seccomp/defaultAction";
  }
  SECTION("an agent that is not there") {
    bundle.set("/linux/seccomp/syscalls/0/action", "\"SCMP_ACT_NOTIFY\"");
    bundle.set("/linux/seccomp/listenerPath", "\"/nowhere/agent\"");
    where = "/nowhere/agent";
  }
  SECTION("no name") {
    bundle.set("/linux/seccomp/syscalls/0/names", "[\"\"]");
    where = "/linux/seccomp/syscalls/0/names/0";
  }
  const Ran ran = world.run(bundle);
  INFO(ran.err);
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, where));
  world.nothing_left();
}
