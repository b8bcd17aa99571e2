// SPDX-License-Identifier: Apache-2.0
#include "process/executable.hpp"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/fd.hpp"
#include "sys/credential.hpp"
#include "sys/descriptors.hpp"
#include "sys/filtered.hpp"

namespace caisson::process {

namespace {

#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr unsigned kMachine = EM_RISCV;
#elif defined(__s390x__)
constexpr unsigned kMachine = EM_S390;
#elif defined(__powerpc64__)
constexpr unsigned kMachine = EM_PPC64;
#else
#error "the ELF machine number of this architecture is needed here"
#endif

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_386: return "i386";
    case EM_X86_64: return "x86_64";
    case EM_ARM: return "arm";
    case EM_AARCH64: return "aarch64";
    case EM_RISCV: return "riscv";
    case EM_S390: return "s390x";
    case EM_PPC64: return "ppc64";
    case EM_PPC: return "ppc";
    case EM_MIPS: return "mips";
    case 258: return "loongarch64";  // EM_LOONGARCH, newer than glibc 2.36's <elf.h> on some hosts
    default: return fmt::format("ELF machine {}", machine);
  }
}

/// Engines look for the phrases and for the quotes around the name, as the peers print them.
Error not_executable(const std::string& name, std::string_view why) {
  return Error(ErrorKind::system, fmt::format("exec: \"{}\": {}", name, why));
}

/// What stands at `path` and no permission makes a program: "a FIFO"; empty for a regular file, and when nothing does.
std::string_view odd_kind(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return {};
  if (S_ISDIR(status.st_mode)) return "a directory";
  if (S_ISFIFO(status.st_mode)) return "a FIFO";
  return S_ISSOCK(status.st_mode) ? "a socket" : "a device";
}

/// Whether a file can be executed by the caller: 0, or an errno; EISDIR for a directory.
int check(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno;
  if (S_ISDIR(status.st_mode)) return EISDIR;
  if (!S_ISREG(status.st_mode)) return EACCES;
  // By the call itself: libc falls back on an answer of ENOSYS alone, and filters have answered EPERM.
  if (::syscall(SYS_faccessat2, AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return 0;
  if (!sys::may_be_filtered(errno)) return errno;
  // The real ids are the effective ones by now, but access(2) ignores the capabilities of a user that is not root.
  if (::syscall(SYS_faccessat, AT_FDCWD, path.c_str(), X_OK) == 0) return 0;
  const int refused = errno;
  const auto held = sys::capabilities();
  const bool overrides = held && (held->effective >> CAP_DAC_OVERRIDE & 1U) != 0;
  return refused == EACCES && overrides && (status.st_mode & 0111) != 0 ? 0 : refused;
}

std::string_view value_of(std::span<const std::string> env, std::string_view name) {
  for (auto entry = env.rbegin(); entry != env.rend(); ++entry)
    if (entry->size() > name.size() && entry->starts_with(name) && (*entry)[name.size()] == '=')
      return std::string_view(*entry).substr(name.size() + 1);
  return {};
}

Error explain_path(const std::string& name, int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR: return not_executable(name, fmt::format("stat {}: no such file or directory", name));
    // podman and docker end with 126 for the phrase "permission denied", as shells do for a directory.
    case EISDIR: return not_executable(name, "permission denied: it is a directory");
    case EACCES: {
      const auto kind = odd_kind(name);
      if (kind.empty()) return not_executable(name, "permission denied");
      return not_executable(name, fmt::format("permission denied: it is {} and no regular file", kind));
    }
    default: return Error(ErrorKind::system, fmt::format("exec: \"{}\"", name), error);
  }
}

/// What the head of a file says of how the kernel would run it.
struct Program {
  enum class Kind { unreadable, empty, script, elf, foreign, other } kind = Kind::unreadable;
  std::string interpreter;  ///< script: after #!; elf: PT_INTERP, empty when static
  unsigned machine = 0;     ///< elf and foreign
};

template <class Header, class Segment>
std::string elf_loader(int fd, const char* head) {
  Header header;
  std::memcpy(&header, head, sizeof(header));
  if (header.e_phentsize != sizeof(Segment)) return {};
  for (unsigned i = 0; i < header.e_phnum && i < 128; ++i) {
    Segment segment;
    const auto at = static_cast<off_t>(header.e_phoff + i * sizeof(Segment));
    if (::pread(fd, &segment, sizeof(segment), at) != static_cast<ssize_t>(sizeof(segment))) return {};
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX) return {};
    std::string path(segment.p_filesz, '\0');
    const ssize_t size = ::pread(fd, path.data(), path.size(), static_cast<off_t>(segment.p_offset));
    if (size != static_cast<ssize_t>(path.size())) return {};
    return path.c_str();
  }
  return {};
}

Program read_program(const std::string& path) {
  struct stat status {};
  // Neither a FIFO nor a device is opened: that could block, or have an effect.
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return {};
  std::array<char, 256> head{};  // as much as the kernel looks at, BINPRM_BUF_SIZE
  const ssize_t size = ::read(fd.get(), head.data(), head.size());
  if (size < 0) return {};
  Program program;
  if (size == 0) {
    program.kind = Program::Kind::empty;
  } else if (size > 2 && head[0] == '#' && head[1] == '!') {
    program.kind = Program::Kind::script;
    std::string_view line(head.data() + 2, static_cast<std::size_t>(size) - 2);
    line = line.substr(0, line.find('\n'));
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    program.interpreter = line.substr(0, line.find_first_of(std::string_view(" \t\0", 3)));
  } else if (size >= static_cast<ssize_t>(sizeof(Elf32_Ehdr)) && std::memcmp(head.data(), ELFMAG, SELFMAG) == 0) {
    constexpr auto kOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
    const bool same_order = head[EI_DATA] == kOrder;
    std::uint16_t machine = 0;
    std::memcpy(&machine, head.data() + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
    program.machine = same_order ? machine : __builtin_bswap16(machine);
    program.kind = same_order && program.machine == kMachine ? Program::Kind::elf : Program::Kind::foreign;
    if (same_order)
      program.interpreter = head[EI_CLASS] == ELFCLASS64 && size >= static_cast<ssize_t>(sizeof(Elf64_Ehdr))
                                ? elf_loader<Elf64_Ehdr, Elf64_Phdr>(fd.get(), head.data())
                                : elf_loader<Elf32_Ehdr, Elf32_Phdr>(fd.get(), head.data());
  } else {
    program.kind = Program::Kind::other;
  }
  return program;
}

constexpr std::string_view kMissing = "no such file or directory";
constexpr std::string_view kDenied = "permission denied";
constexpr std::string_view kFormat = "exec format error";

/// What keeps `file`, which a program needs as its `role`, from being executed; empty when nothing does.
std::string obstacle(const std::string& role, const std::string& file) {
  switch (check(file)) {
    case 0: return {};
    case EACCES:
    case EISDIR: {
      const auto kind = odd_kind(file);
      if (kind.empty()) return fmt::format("{}: {} '{}' may not be executed", kDenied, role, file);
      return fmt::format("{}: {} '{}' is {} and no regular file", kDenied, role, file, kind);
    }
    default: return fmt::format("{}: {} '{}' is missing", kMissing, role, file);
  }
}

/// Follows the chain of interpreters to the one at fault; empty when the chain looks sound. ENOENT is never a foreign
/// machine's: the kernel runs such a program (i386 on x86_64, or by binfmt_misc) and misses its loader.
/// The errno's own words come first: they are what engines look for.
std::string explain(const std::string& path, int sys_errno, int depth) {
  // The kernel follows at most five interpreters, fs/exec.c.
  if (depth > 5) return "too many levels of symbolic links: its interpreters lead to each other";
  const Program program = read_program(path);
  const bool script = program.kind == Program::Kind::script;
  const std::string whose = depth == 0 ? "its" : fmt::format("'{}': its", path);
  if (program.kind == Program::Kind::foreign && sys_errno != ENOENT)
    return fmt::format("{}: {}built for {}, and this machine is {}", kFormat,
                       depth == 0 ? "" : fmt::format("'{}' is ", path), machine_name(program.machine),
                       machine_name(kMachine));
  if (script && program.interpreter.empty()) return fmt::format("{}: {} #! line names no interpreter", kFormat, whose);
  if (!program.interpreter.empty()) {
    const auto role = fmt::format("{} {}", whose, script ? "#! interpreter" : "ELF loader");
    if (auto text = obstacle(role, program.interpreter); !text.empty()) {
      if (program.interpreter.back() == '\r') text += " (its #! line ends in a carriage return)";
      return text;
    }
    auto deeper = explain(program.interpreter, sys_errno, depth + 1);
    if (!deeper.empty()) return deeper;
  }
  if (depth > 0) return {};
  if (program.kind == Program::Kind::empty) return fmt::format("{}: the file is empty", kFormat);
  if (program.kind == Program::Kind::other)
    return fmt::format("{}: neither an ELF program nor a script with '#!'", kFormat);
  return {};
}

}  // namespace

Result<std::string> find_executable(const std::string& name, std::span<const std::string> env,
                                    const std::string& pointer) {
  if (name.contains('/')) {
    const int error = check(name);
    if (error == 0) return name;
    return std::unexpected(explain_path(name, error).at(pointer));
  }
  std::string denied;  // the first that PATH leads to and may not be executed
  std::string_view rest = value_of(env, "PATH");
  const bool searched = !rest.empty() && !name.empty();
  while (searched) {
    const auto colon = rest.find(':');
    const auto directory = rest.substr(0, colon);
    std::string candidate(directory.empty() ? "." : directory);
    candidate.append("/").append(name);
    const int error = check(candidate);
    if (error == 0) return candidate;
    if (error == EACCES && denied.empty()) denied = candidate;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  std::string why = "executable file not found in $PATH";
  if (const auto kind = odd_kind(denied); !kind.empty())
    why += fmt::format(" ('{}' is {} and no regular file)", denied, kind);
  else if (!denied.empty())
    why += fmt::format(" ('{}' lacks the permission to be executed)", denied);
  else if (rest.data() == nullptr)
    why += " (PATH is not set)";
  return std::unexpected(not_executable(name, why).at(pointer));
}

Error diagnose(const std::string& path, int sys_errno) {
  // Errors of other kinds (E2BIG, ENOMEM, ETXTBSY ...) say all there is to say.
  if (sys_errno == ENOENT || sys_errno == EACCES || sys_errno == ENOEXEC || sys_errno == ELIBBAD ||
      sys_errno == ENOTDIR || sys_errno == EINVAL || sys_errno == ELOOP) {
    if (const int error = check(path); error != 0) return explain_path(path, error);
    const std::string why = explain(path, sys_errno, 0);
    if (!why.empty()) return Error(ErrorKind::system, fmt::format("exec {}: {}", path, why));
    if (sys_errno == EACCES)
      return Error(ErrorKind::system,
                   fmt::format("exec {}: {}: the file system is mounted noexec, or a security module forbids it", path,
                               kDenied));
    if (sys_errno == ENOEXEC) return Error(ErrorKind::system, fmt::format("exec {}: {}", path, kFormat));
  }
  return Error(ErrorKind::system, fmt::format("exec {}", path), sys_errno);
}

Error execute(const std::string& path, std::span<const std::string> args, std::span<const std::string> env) {
  auto pointers = [](std::span<const std::string> texts) {
    std::vector<char*> list;
    list.reserve(texts.size() + 1);
    for (const auto& text : texts) list.push_back(const_cast<char*>(text.c_str()));  // execve(2) does not write there
    list.push_back(nullptr);
    return list;
  };
  const auto argv = pointers(args);
  const auto envp = pointers(env);
  ::execve(path.c_str(), argv.data(), envp.data());
  return diagnose(path, errno);
}

Status close_descriptors(int first, std::span<const int> keep) {
  std::vector<int> kept(keep.begin(), keep.end());
  std::ranges::sort(kept);
  auto begin = static_cast<unsigned>(first);
  for (int fd : kept) {
    if (fd < static_cast<int>(begin)) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > begin) CAISSON_TRY(sys::end_descriptors(begin, number - 1, sys::DescriptorFate::close));
    begin = number + 1;
  }
  return sys::end_descriptors(begin, ~0U, sys::DescriptorFate::close);
}

}  // namespace caisson::process
