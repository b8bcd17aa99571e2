// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sstream>

#include "json_out.hpp"

namespace guest {

std::string errno_name(int error) {
  if (error == 0) return "ok";
  const char* name = ::strerrorname_np(error);
  return name ? name : std::to_string(error);
}

bool read_text(const std::string& path, std::string& text) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return false;
  text.clear();
  char buffer[4096];
  ssize_t got = 0;
  while (text.size() < 65536 && (got = ::read(fd, buffer, sizeof buffer)) > 0)
    text.append(buffer, static_cast<std::size_t>(got));
  const int error = errno;
  ::close(fd);
  errno = error;
  return got >= 0;
}

namespace {

std::string link_text(const std::string& path) {
  char target[4096];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length < 0 ? "" : std::string(target, static_cast<std::size_t>(length));
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  if (!dir) return names;
  const int own = ::dirfd(dir);
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    if (name != "." && name != ".." && !(path == "/proc/self/fd" && name == std::to_string(own))) names.push_back(name);
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

/// The value of "Name:\tvalue" in /proc/self/status.
std::string status_line(const std::string& status, const std::string& name) {
  const auto at = ("\n" + status).find("\n" + name + ":\t");
  if (at == std::string::npos) return "";
  const auto start = at + name.size() + 2;
  return status.substr(start, status.find('\n', start) - start);
}

void numbers(JsonOut& out, const std::string& text) {
  out.open('[');
  std::istringstream words(text);
  std::uint64_t number = 0;
  while (words >> number) out.value(number);
  out.close(']');
}

void namespaces(JsonOut& out) {
  out.key("namespaces");
  out.open('{');
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"})
    out.member(kind, link_text(std::string("/proc/self/ns/") + kind));
  out.close('}');
}

/// Octal escapes of mountinfo ("\040") as the bytes they stand for.
std::string unescape(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

void mounts(JsonOut& out) {
  std::string text;
  // Larger than read_text's bound when the host has many mounts: read by stream.
  if (FILE* file = ::fopen("/proc/self/mountinfo", "re")) {
    char buffer[4096];
    std::size_t got = 0;
    while ((got = ::fread(buffer, 1, sizeof buffer, file)) > 0) text.append(buffer, got);
    ::fclose(file);
  }
  out.key("mounts");
  out.open('[');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, target, options, optional, word, type, source, super;
    words >> id >> parent >> device >> root >> target >> options;
    while (words >> word && word != "-") optional += (optional.empty() ? "" : " ") + word;
    words >> type >> source >> super;
    out.open('{');
    out.member("id", std::strtoull(id.c_str(), nullptr, 10));
    out.member("parent", std::strtoull(parent.c_str(), nullptr, 10));
    out.member("device", device);
    out.member("root", unescape(root));
    out.member("target", unescape(target));
    out.member("options", options);
    out.member("propagation", optional);
    out.member("type", type);
    out.member("source", unescape(source));
    out.member("super", super);
    out.close('}');
  }
  out.close(']');
}

void identity(JsonOut& out, const std::string& status) {
  out.key("ids");
  out.open('{');
  out.key("uid");
  numbers(out, status_line(status, "Uid"));
  out.key("gid");
  numbers(out, status_line(status, "Gid"));
  out.key("groups");
  numbers(out, status_line(status, "Groups"));
  out.member("umask", static_cast<unsigned>(std::strtoul(status_line(status, "Umask").c_str(), nullptr, 8)));
  for (const char* name : {"uid_map", "gid_map", "setgroups", "loginuid"}) {
    std::string text;
    read_text(std::string("/proc/self/") + name, text);
    out.member(name, text);
  }
  out.close('}');
  out.key("capabilities");
  out.open('{');
  out.member("inheritable", status_line(status, "CapInh"));
  out.member("permitted", status_line(status, "CapPrm"));
  out.member("effective", status_line(status, "CapEff"));
  out.member("bounding", status_line(status, "CapBnd"));
  out.member("ambient", status_line(status, "CapAmb"));
  out.close('}');
  out.member("seccomp", std::atoi(status_line(status, "Seccomp").c_str()));
  out.member("seccomp_filters", std::atoi(status_line(status, "Seccomp_filters").c_str()));
  out.member("no_new_privs", std::atoi(status_line(status, "NoNewPrivs").c_str()));
  out.member("spec_store_bypass", status_line(status, "Speculation_Store_Bypass"));
  out.member("signals_ignored", status_line(status, "SigIgn"));
  out.member("signals_blocked", status_line(status, "SigBlk"));
}

void limits(JsonOut& out) {
  static constexpr struct {
    const char* name;
    int number;
  } kLimits[] = {{"RLIMIT_CPU", RLIMIT_CPU},           {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                 {"RLIMIT_DATA", RLIMIT_DATA},         {"RLIMIT_STACK", RLIMIT_STACK},
                 {"RLIMIT_CORE", RLIMIT_CORE},         {"RLIMIT_RSS", RLIMIT_RSS},
                 {"RLIMIT_NPROC", RLIMIT_NPROC},       {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                 {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},   {"RLIMIT_AS", RLIMIT_AS},
                 {"RLIMIT_LOCKS", RLIMIT_LOCKS},       {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                 {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE}, {"RLIMIT_NICE", RLIMIT_NICE},
                 {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},     {"RLIMIT_RTTIME", RLIMIT_RTTIME}};
  out.key("rlimits");
  out.open('{');
  for (const auto& limit : kLimits) {
    rlimit value{};
    ::getrlimit(static_cast<__rlimit_resource>(limit.number), &value);
    out.key(limit.name);
    out.open('[');
    out.value(static_cast<std::uint64_t>(value.rlim_cur));
    out.value(static_cast<std::uint64_t>(value.rlim_max));
    out.close(']');
  }
  out.close('}');
}

/// The layout of struct sched_attr (sched_setattr(2)), which glibc 2.36 does not have.
struct SchedAttributes {
  std::uint32_t size, policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime, deadline, period;
  std::uint32_t util_min, util_max;
};

void scheduling(JsonOut& out) {
  SchedAttributes attributes{};
  ::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0);
  out.key("scheduler");
  out.open('{');
  out.member("policy", attributes.policy);
  out.member("flags", attributes.flags);
  out.member("nice", static_cast<int>(attributes.nice));
  out.member("priority", attributes.priority);
  out.member("runtime", attributes.runtime);
  out.member("deadline", attributes.deadline);
  out.member("period", attributes.period);
  out.close('}');
  constexpr int kWhoProcess = 1;
  const long priority = ::syscall(SYS_ioprio_get, kWhoProcess, 0);
  out.key("ioprio");
  out.open('{');
  out.member("class", static_cast<int>(priority >> 13));
  out.member("priority", static_cast<int>(priority & 7));
  out.close('}');
  out.key("affinity");
  out.open('[');
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) out.value(cpu);
  out.close(']');
  out.member("personality", static_cast<unsigned>(::personality(0xffffffff)));
  int mode = -1;
  unsigned long nodes[16] = {};
  if (::syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, nullptr, 0) == 0) {
    out.key("mempolicy");
    out.open('{');
    out.member("mode", mode);
    out.member("nodes", static_cast<std::uint64_t>(nodes[0]));
    out.close('}');
  }
}

void descriptors(JsonOut& out) {
  out.key("fds");
  out.open('{');
  for (const auto& name : names_in("/proc/self/fd")) out.member(name, link_text("/proc/self/fd/" + name));
  out.close('}');
}

void one_stat(JsonOut& out, const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    out.open('{');
    out.member("error", errno_name(errno));
    out.close('}');
    return;
  }
  const char* type = S_ISREG(info.st_mode)    ? "file"
                     : S_ISDIR(info.st_mode)  ? "directory"
                     : S_ISLNK(info.st_mode)  ? "link"
                     : S_ISCHR(info.st_mode)  ? "char"
                     : S_ISBLK(info.st_mode)  ? "block"
                     : S_ISFIFO(info.st_mode) ? "fifo"
                                              : "socket";
  out.open('{');
  out.member("type", type);
  out.member("mode", static_cast<unsigned>(info.st_mode & 07777));
  out.member("uid", info.st_uid);
  out.member("gid", info.st_gid);
  out.member("size", static_cast<std::int64_t>(info.st_size));
  out.member("inode", static_cast<std::uint64_t>(info.st_ino));
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
    out.member("rdev", std::to_string(major(info.st_rdev)) + ":" + std::to_string(minor(info.st_rdev)));
  if (S_ISLNK(info.st_mode)) out.member("link", link_text(path));
  out.close('}');
}

void devices(JsonOut& out) {
  out.key("devices");
  out.open('{');
  for (const auto& name : names_in("/dev")) {
    out.key("/dev/" + name);
    one_stat(out, "/dev/" + name);
  }
  out.close('}');
}

void terminal(JsonOut& out) {
  out.key("tty");
  if (!::isatty(0)) {
    out.null();
    return;
  }
  winsize size{};
  ::ioctl(0, TIOCGWINSZ, &size);
  struct stat info {};
  ::fstat(0, &info);
  out.open('{');
  const char* name = ::ttyname(0);
  out.member("name", name ? name : "");
  out.member("rows", static_cast<unsigned>(size.ws_row));
  out.member("columns", static_cast<unsigned>(size.ws_col));
  out.member("uid", info.st_uid);
  out.member("gid", info.st_gid);
  out.member("foreground", ::tcgetpgrp(0) == ::getpgrp());
  out.member("controlling", ::tcgetsid(0) == ::getsid(0));
  out.close('}');
}

void interfaces(JsonOut& out) {
  out.key("interfaces");
  out.open('{');
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (struct if_nameindex* all = ::if_nameindex()) {
    for (auto* each = all; each->if_name; ++each) {
      ifreq request{};
      std::strncpy(request.ifr_name, each->if_name, IFNAMSIZ - 1);
      ::ioctl(socket, SIOCGIFFLAGS, &request);
      out.member(each->if_name, (request.ifr_flags & IFF_UP) ? "up" : "down");
    }
    ::if_freenameindex(all);
  }
  if (socket >= 0) ::close(socket);
  out.close('}');
}

void world(JsonOut& out) {
  utsname names{};
  ::uname(&names);
  out.member("hostname", names.nodename);
  out.member("domainname", names.domainname);
  out.member("machine", names.machine);
  std::string text;
  out.member("cgroup", read_text("/proc/self/cgroup", text) ? text : "");
  out.member("oom_score_adj", read_text("/proc/self/oom_score_adj", text) ? std::atoi(text.c_str()) : -9999);
  out.member("timens_offsets", read_text("/proc/self/timens_offsets", text) ? text : "");
  out.key("clocks");
  out.open('{');
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  out.member("monotonic", static_cast<std::int64_t>(now.tv_sec));
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  out.member("boottime", static_cast<std::int64_t>(now.tv_sec));
  out.close('}');
  char description[256] = "";
  ::syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, description, sizeof description - 1);
  out.member("keyring", description);
}

void strings(JsonOut& out, std::string_view name, char** list) {
  out.key(name);
  out.open('[');
  for (; *list; ++list) out.value(*list);
  out.close(']');
}

/// One object of path -> answer for each question of one kind.
template <class F>
void answers(JsonOut& out, std::string_view name, const std::vector<std::string>& questions, F answer) {
  out.key(name);
  out.open('{');
  for (const auto& question : questions) {
    out.key(question);
    answer(question);
  }
  out.close('}');
}

std::string open_answer(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
  if (fd < 0) return errno_name(errno);
  ::close(fd);
  if (flags & O_EXCL) ::unlink(path.c_str());
  return "ok";
}

std::string call_answer(const std::string& text) {
  long words[7] = {};
  std::size_t count = 0;
  std::istringstream list(text);
  for (std::string word; count < 7 && std::getline(list, word, ',');)
    words[count++] = std::strtol(word.c_str(), nullptr, 0);
  const long result = ::syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
  return result < 0 ? errno_name(errno) : "ok";
}

void asked(JsonOut& out, const Questions& questions) {
  answers(out, "stat", questions.stats, [&](const std::string& path) { one_stat(out, path); });
  answers(out, "read", questions.reads, [&](const std::string& path) {
    std::string text;
    out.value(read_text(path, text) ? text : "error " + errno_name(errno));
  });
  answers(out, "sysctl", questions.sysctls, [&](const std::string& name) {
    std::string path = "/proc/sys/" + name, text;
    std::replace(path.begin() + 10, path.end(), '.', '/');
    if (!read_text(path, text)) text = "error " + errno_name(errno);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    out.value(text);
  });
  answers(out, "open", questions.opens, [&](const std::string& path) { out.value(open_answer(path, O_RDONLY)); });
  answers(out, "write", questions.writes, [&](const std::string& path) { out.value(open_answer(path, O_WRONLY)); });
  answers(out, "create", questions.creates,
          [&](const std::string& path) { out.value(open_answer(path, O_WRONLY | O_CREAT | O_EXCL)); });
  answers(out, "list", questions.lists, [&](const std::string& path) {
    out.open('[');
    for (const auto& name : names_in(path)) out.value(name);
    out.close(']');
  });
  answers(out, "syscall", questions.calls, [&](const std::string& call) { out.value(call_answer(call)); });
}

}  // namespace

std::string report(const Questions& questions, char** argv, char** envp) {
  std::string status;
  read_text("/proc/self/status", status);
  JsonOut out;
  out.open('{');
  out.member("pid", static_cast<int>(::getpid()));
  out.member("ppid", static_cast<int>(::getppid()));
  out.member("sid", static_cast<int>(::getsid(0)));
  out.member("pgid", static_cast<int>(::getpgrp()));
  char cwd[4096];
  out.member("cwd", ::getcwd(cwd, sizeof cwd) ? cwd : "");
  strings(out, "argv", argv);
  strings(out, "env", envp);
  descriptors(out);  // before anything else of the report can have opened one
  namespaces(out);
  mounts(out);
  identity(out, status);
  limits(out);
  scheduling(out);
  devices(out);
  terminal(out);
  interfaces(out);
  world(out);
  asked(out, questions);
  out.close('}');
  return out.text() + "\n";
}

}  // namespace guest
