// SPDX-License-Identifier: Apache-2.0
#include "process/executable.hpp"

#include <elf.h>
#include <sys/stat.h>

#include <cstring>

#include "in_child.hpp"
#include "process/apply_identity.hpp"

namespace caisson::process {

namespace {

using test::in_child;
using test::write_text;

/// An ELF file of no use but to be looked at: a header, and a PT_INTERP when `loader` is not empty.
template <class Header, class Segment>
std::string elf_file(unsigned char elf_class, unsigned machine, const std::string& loader) {
  Header header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = elf_class;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = static_cast<decltype(header.e_machine)>(machine);
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof(Header);
  header.e_ehsize = sizeof(Header);
  header.e_phentsize = sizeof(Segment);
  header.e_phnum = loader.empty() ? 0 : 1;
  std::string file(reinterpret_cast<const char*>(&header), sizeof(header));
  if (loader.empty()) return file;
  Segment segment{};
  segment.p_type = PT_INTERP;
  segment.p_offset = sizeof(Header) + sizeof(Segment);
  segment.p_filesz = loader.size() + 1;
  file.append(reinterpret_cast<const char*>(&segment), sizeof(segment));
  return file + loader + '\0';
}

std::string elf64(unsigned machine, const std::string& loader) {
  return elf_file<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64, machine, loader);
}

/// The text with which the execution of `path` fails in a child.
std::string failure_of(const std::string& path) {
  return in_child([&] {
    const std::vector<std::string> args{path};
    return execute(path, args, {}).message();
  });
}

std::string search(const std::string& name, const std::vector<std::string>& env) {
  const auto found = find_executable(name, env);
  return found ? *found : found.error().message();
}

}  // namespace

TEST_CASE("a program is found in PATH of its own environment", "[process][executable]") {
  const test::TemporaryDirectory directory;
  for (const char* name : {"one", "two"}) ::mkdir((directory / name).c_str(), 0755);
  write_text(directory / "one/tool", "", 0644);
  write_text(directory / "two/tool", "", 0755);
  write_text(directory / "one/plain", "", 0644);
  ::mkdir((directory / "one/dir").c_str(), 0755);
  const std::vector<std::string> env{"PATH=" + directory / "none:" + directory / "one:" + directory / "two"};
  CHECK(search("tool", env) == directory / "two/tool");
  CHECK(search("absent", env) == "exec: \"absent\": executable file not found in $PATH");
  CHECK(search("dir", env) == "exec: \"dir\": executable file not found in $PATH");
  CHECK(search("plain", env).starts_with("exec: \"plain\": executable file not found in $PATH ("));
  CHECK(search("tool", {}) == "exec: \"tool\": executable file not found in $PATH (PATH is not set)");
  CHECK(search("tool", {"PATH="}).starts_with("exec: \"tool\": executable file not found in $PATH"));
  CHECK(search("", env) == "exec: \"\": executable file not found in $PATH");
  // The last PATH counts, and an empty part of it is the working directory.
  CHECK(search("tool", {"PATH=/", env[0]}) == directory / "two/tool");
  CHECK(in_child([&] {
          return ::chdir((directory / "two").c_str()) == 0 ? search("tool", {"PATH=/none:"}) : "chdir";
        }) == "./tool");
}

TEST_CASE("a path is taken as it is", "[process][executable]") {
  const test::TemporaryDirectory directory;
  write_text(directory / "plain", "", 0644);
  CHECK(search("/bin/sh", {}) == "/bin/sh");
  CHECK(search(directory / "none", {}) ==
        "exec: \"" + directory / "none\": stat " + directory / "none: no such file or directory");
  CHECK(search(directory / "plain/x", {}).ends_with(": no such file or directory"));
  CHECK(search(directory / "plain", {}) == "exec: \"" + directory / "plain\": permission denied");
  CHECK(search(directory.path(), {}) == "exec: \"" + directory.path() + "\": permission denied: it is a directory");
  const auto named = find_executable(directory / "none", {}, "/process/args/0");
  CHECK(named.error().pointer() == "/process/args/0");
}

TEST_CASE("what is no regular file is named, whatever its permissions", "[process][executable]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0755) == 0);
  CHECK(search(path, {}) == "exec: \"" + path + "\": permission denied: it is a FIFO and no regular file");
  CHECK(search("fifo", {"PATH=" + directory.path()}) ==
        "exec: \"fifo\": executable file not found in $PATH ('" + path + "' is a FIFO and no regular file)");
  CHECK(search("/dev/null", {}).ends_with("permission denied: it is a device and no regular file"));
  // A file that was one when it was looked for.
  CHECK(failure_of(path).ends_with("permission denied: it is a FIFO and no regular file"));
}

TEST_CASE("the caller's permissions count", "[process][executable]") {
  CAISSON_NEEDS_ROOT();
  const test::TemporaryDirectory directory;
  write_text(directory / "private", "", 0700);
  CHECK(in_child([&]() -> std::string {
          if (::setresuid(1234, 1234, 1234) != 0) return "setresuid";
          return search(directory / "private", {});
        }).ends_with("permission denied"));
}

TEST_CASE("a program runs with its arguments and its environment", "[process][executable]") {
  const test::TemporaryDirectory directory;
  const std::string script = "echo \"$0 $1 $A\" > " + directory / "out";
  CHECK(in_child([&] {
          const std::vector<std::string> args{"sh", "-c", script, "zero", "one"};
          const std::vector<std::string> env{"A=b"};
          return execute("/bin/sh", args, env).message();
        }) == "");
  CHECK(test::read_text(directory / "out") == "zero one b\n");
}

TEST_CASE("a script without its interpreter", "[process][executable]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "script";
  write_text(path, "#! /none/perl -w\n", 0755);
  // Engines look for these very words: "exec /script: no such file or directory".
  CHECK(failure_of(path) == "exec " + path + ": no such file or directory: its #! interpreter '/none/perl' is missing");
  write_text(path, "#!/bin/sh\r\n", 0755);
  CHECK(failure_of(path).ends_with("is missing (its #! line ends in a carriage return)"));
  write_text(directory / "plain", "#!/bin/sh\n", 0644);
  write_text(path, "#!" + directory / "plain\n", 0755);
  CHECK(failure_of(path) ==
        "exec " + path + ": permission denied: its #! interpreter '" + directory / "plain' may not be executed");
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0755) == 0);
  for (const auto& [interpreter, kind] :
       {std::pair(directory / "fifo", "a FIFO"), std::pair(directory.path(), "a directory")}) {
    write_text(path, "#!" + interpreter + "\n", 0755);
    CHECK(failure_of(path) == "exec " + path + ": permission denied: its #! interpreter '" + interpreter + "' is " +
                                  kind + " and no regular file");
  }
  // An interpreter that is there and lacks something itself.
  write_text(directory / "elf", elf64(EM_X86_64, "/none/ld.so"), 0755);
  write_text(path, "#!" + directory / "elf\n", 0755);
#ifdef __x86_64__
  CHECK(failure_of(path) == "exec " + path + ": no such file or directory: '" + directory / "elf': its ELF loader " +
                                "'/none/ld.so' is missing");
#endif
}

#ifdef __x86_64__
TEST_CASE("a program without its loader, or of another machine", "[process][executable]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "program";
  write_text(path, elf64(EM_X86_64, "/none/ld-linux.so"), 0755);
  CHECK(failure_of(path) ==
        "exec " + path + ": no such file or directory: its ELF loader '/none/ld-linux.so' is missing");
  write_text(path, elf64(EM_AARCH64, ""), 0755);
  CHECK(failure_of(path) == "exec " + path + ": exec format error: built for aarch64, and this machine is x86_64");
  write_text(path, elf64(EM_AARCH64, "/lib/ld-linux-aarch64.so.1"), 0755);
  CHECK(failure_of(path).contains("built for aarch64"));
  std::string big_endian = elf64(0x1600, "");  // 22, s390, as a big-endian machine writes it
  big_endian[EI_DATA] = ELFDATA2MSB;
  write_text(path, big_endian, 0755);
  CHECK(failure_of(path).contains("built for s390x"));
}
#endif

TEST_CASE("a file that is no program", "[process][executable]") {
  const test::TemporaryDirectory directory;
  const std::string path = directory / "file";
  write_text(path, "hello\n", 0755);
  CHECK(failure_of(path) == "exec " + path + ": exec format error: neither an ELF program nor a script with '#!'");
  write_text(path, "", 0755);
  CHECK(failure_of(path).ends_with("exec format error: the file is empty"));
  write_text(path, "#!\n", 0755);
  CHECK(failure_of(path).ends_with("#! line names no interpreter"));
  CHECK(failure_of(directory / "none").ends_with("no such file or directory"));
  CHECK(failure_of(directory.path()).ends_with("is a directory"));
  // Truncated and lying headers are only read, not believed.
  std::string torn = elf64(EM_X86_64, "/none/ld.so");
  torn.resize(sizeof(Elf64_Ehdr) + 10);
  write_text(path, torn, 0755);
  CHECK(failure_of(path).starts_with("exec " + path + ": "));
  write_text(path, "\177ELF", 0755);
  CHECK(failure_of(path).starts_with("exec " + path + ": "));
}

TEST_CASE("all but the kept descriptors are closed", "[process][descriptors]") {
  const test::TemporaryDirectory directory;
  // By a file: the channel of in_child() is among those that are closed.
  in_child([&]() -> std::string {
    for (int i = 0; i < 10; ++i)
      if (::open("/dev/null", O_RDONLY) < 0) return "open";
    for (int fd : {40, 50, 60})
      if (::dup2(0, fd) < 0) return "dup2";
    const std::array keep{60, 4, 50};
    std::string text = test::text_of(close_descriptors(3, keep));
    for (int fd = 3; fd < 100; ++fd)
      if (::fcntl(fd, F_GETFD) >= 0) text += std::to_string(fd) + " ";
    write_text(directory / "out", text);
    return {};
  });
  CHECK(test::read_text(directory / "out") == "4 50 60 ");
}

}  // namespace caisson::process
