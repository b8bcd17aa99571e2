// SPDX-License-Identifier: Apache-2.0
// The program's first instructions, before the C library's. A process that runs in a container must not have the host's
// binary as its program (CVE-2019-5736): this puts a read-only clone of it in place, as swap_image.hpp does later in
// four times the time: no variable has been written yet, so that they are mapped anew like all the rest and need not be
// copied.
//
// Runs before self-relocation: no absolute addresses (not even in a table that the compiler makes), no TLS, no libc
// calls. When a step fails nothing is changed, and selfexe::protect() does it later or reports why not.
#include <elf.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cstdint>

extern "C" {
/// See selfexe::take_early_image().
[[gnu::visibility("hidden")]] extern int caisson_early_tree;
[[gnu::visibility("hidden")]] extern int caisson_early_program;
/// `stack` as execve(2) lays it out: argc, argv, environ. `base`: the program's ELF header.
[[gnu::visibility("hidden"), gnu::used]] void caisson_prepare_image(const long* stack, long base);
}

#if defined(__x86_64__)
// The kernel gives the stack pointer alone, and zeros: x86-64 psABI, 3.4.1.
asm(R"(
  .section .text.caisson_entry, "ax", @progbits
  .globl caisson_entry
  .hidden caisson_entry
  .type caisson_entry, @function
caisson_entry:
  xorl %ebp, %ebp
  movq %rsp, %rdi
  leaq __ehdr_start(%rip), %rsi
  movq %rsp, %rbx
  call caisson_prepare_image
  movq %rbx, %rsp
  xorl %edx, %edx
  jmp _start
  .size caisson_entry, . - caisson_entry
  .text
)");
#endif

namespace {

long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  long result = number;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

long address(const volatile void* at) { return reinterpret_cast<long>(at); }

constexpr long kPage = 4096;
constexpr long page_down(long at) { return at & ~(kPage - 1); }
constexpr long page_up(long at) { return page_down(at + kPage - 1); }

/// Volatile, so that the compiler does not replace loops by calls of strlen(3) and the like.
using Text = const volatile char*;

bool is(Text word, Text other) {
  for (; *word != '\0' && *word == *other; ++word) ++other;
  return *word == *other;
}

/// Whether an option before the command is followed by its value.
bool takes_value(Text option) {
  if (is(option, "--debug") || is(option, "--systemd-cgroup")) return false;
  for (Text at = option; *at != '\0'; ++at)
    if (*at == '=') return false;
  return option[1] == '-';
}

/// Whether the command, which is the first word but for options, makes a process of a container.
bool makes_process(const char* const* words) {
  bool is_value = false;
  for (; *words != nullptr; ++words) {
    const bool is_option = !is_value && **words == '-';
    if (!is_value && !is_option && !is(*words, "nsinit"))
      return is(*words, "exec") || is(*words, "run") || is(*words, "create");
    is_value = is_option && takes_value(*words);
  }
  return false;
}

/// Negative when the kernel refuses.
long read_only_clone() {
  const long tree =
      call(SYS_open_tree, AT_FDCWD, address("/proc/self/exe"), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_NO_AUTOMOUNT);
  if (tree < 0) return tree;
  mount_attr read_only;
  read_only.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV;
  read_only.attr_clr = read_only.propagation = read_only.userns_fd = 0;
  // A standard stream that is closed stays closed.
  if (tree > 2 && call(SYS_mount_setattr, tree, address(""), AT_EMPTY_PATH, address(&read_only), sizeof read_only) == 0)
    return tree;
  call(SYS_close, tree);
  return -1;
}

long open_program(long tree) {
  char path[] = {'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 'f', 'd', '/', 0, 0, 0, 0, 0, 0, 0, 0};
  char* end = path + 14;
  long unit = 1;
  while (tree / unit >= 10) unit *= 10;
  for (; unit > 0; unit /= 10) *end++ = static_cast<char>('0' + tree / unit % 10);
  return call(SYS_openat, AT_FDCWD, address(path), O_RDONLY | O_CLOEXEC);
}

/// As execve(2) does: zero-initialised variables begin on the last page of the others.
void clear(long from, long to) {
  for (auto* at = reinterpret_cast<volatile char*>(from); address(at) < to; ++at) *at = 0;
}

bool map_segments(long program, long base) {
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(base);
  const auto* segment = reinterpret_cast<const Elf64_Phdr*>(base + static_cast<long>(header->e_phoff));
  for (const auto* end = segment + header->e_phnum; segment != end; ++segment) {
    if (segment->p_type != PT_LOAD) continue;
    const bool writable = (segment->p_flags & PF_W) != 0;
    const long at = base + static_cast<long>(segment->p_vaddr);
    const long end_of_file = at + static_cast<long>(segment->p_filesz);
    const long protection = PROT_READ | (writable ? PROT_WRITE : 0) | ((segment->p_flags & PF_X) != 0 ? PROT_EXEC : 0);
    if (call(SYS_mmap, page_down(at), page_up(end_of_file) - page_down(at), protection, MAP_PRIVATE | MAP_FIXED,
             program, page_down(static_cast<long>(segment->p_offset))) != page_down(at))
      return false;
    if (writable) clear(end_of_file, page_up(end_of_file));
  }
  return true;
}

/// Past its NUL.
long end_of(Text word) {
  while (*word != '\0') ++word;
  return address(word) + 1;
}

/// /proc/PID/cmdline and environ stay as they are; the kernel only reports the fields of code and data.
bool name_program(long program, const long* stack, long base) {
  const auto* words = reinterpret_cast<const char* const*>(stack + 1);
  const long count = *stack;
  const auto* variables = words + count + 1;
  const auto* last = variables;
  while (*last != nullptr) ++last;
  prctl_mm_map map;
  map.start_code = map.start_data = map.end_data = static_cast<std::uint64_t>(base);
  map.end_code = static_cast<std::uint64_t>(base + kPage);
  map.start_brk = map.brk = static_cast<std::uint64_t>(call(SYS_brk));
  map.start_stack = static_cast<std::uint64_t>(address(stack));
  map.arg_start = static_cast<std::uint64_t>(address(words[0]));
  map.arg_end = static_cast<std::uint64_t>(end_of(words[count - 1]));
  map.env_start = map.arg_end;
  map.env_end = last == variables ? map.arg_end : static_cast<std::uint64_t>(end_of(last[-1]));
  map.auxv = nullptr;
  map.auxv_size = 0;
  map.exe_fd = static_cast<unsigned>(program);
  return call(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, address(&map), sizeof map) == 0;
}

}  // namespace

void caisson_prepare_image(const long* stack, long base) {
  if (*stack < 2 || !makes_process(reinterpret_cast<const char* const*>(stack + 2))) return;
  const long tree = read_only_clone();
  if (tree < 0) return;
  const long program = open_program(tree);
  if (program > 2 && map_segments(program, base) && name_program(program, stack, base)) {
    // After the segments were mapped anew, which sets variables to their initial values.
    caisson_early_tree = static_cast<int>(tree);
    caisson_early_program = static_cast<int>(program);
    return;
  }
  if (program >= 0) call(SYS_close, program);
  call(SYS_close, tree);
}
