// SPDX-License-Identifier: Apache-2.0
#include "selfexe/swap_image.hpp"

#include <elf.h>
#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

/// The linker's: where our own ELF header is in memory.
extern "C" const char __ehdr_start[];  // NOLINT(bugprone-reserved-identifier)

/// Written by the program's first instructions, before the C library's: see early_swap.cpp.
extern "C" {
int caisson_early_program = -1;
int caisson_early_tree = -1;
}

namespace caisson::selfexe {

namespace {

constexpr std::uintptr_t kPage = 4096;

constexpr std::uintptr_t page_down(std::uintptr_t at) { return at & ~(kPage - 1); }
constexpr std::uintptr_t page_up(std::uintptr_t at) { return page_down(at + kPage - 1); }

constexpr char kCommandLine[] = "caisson\0init";

/// What /proc/PID/cmdline shows. On the heap: the kernel shows no memory that a file is mapped to, as variables may be
/// (fs/proc/base.c, get_mm_cmdline()).
const char* command_line() {
  static const char* const text =
      static_cast<const char*>(std::memcpy(new char[sizeof kCommandLine], kCommandLine, sizeof kCommandLine));
  return text;
}

struct Image {
  std::uintptr_t bias = 0;  ///< difference between the file's addresses and those in memory
  std::span<const Elf64_Phdr> segments;
};

Image own_image() {
  const auto base = reinterpret_cast<std::uintptr_t>(__ehdr_start);
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(base);
  const auto* first = reinterpret_cast<const Elf64_Phdr*>(base + header->e_phoff);
  Image image{0, {first, header->e_phnum}};
  // The header stands at the start of the first segment.
  for (const auto& segment : image.segments)
    if (segment.p_type == PT_LOAD && segment.p_offset == 0) image.bias = base - page_down(segment.p_vaddr);
  return image;
}

/// Constant bytes: `file` has the same. The code that runs here is among them: one mmap(2) replaces the old mapping.
Status map_again(FdView file, std::uintptr_t at, std::size_t size, int protection, std::uint64_t offset) {
  void* const place = reinterpret_cast<void*>(at);  // NOLINT(performance-no-int-to-ptr)
  constexpr int kFlags = MAP_PRIVATE | MAP_FIXED;
  if (::mmap(place, size, protection, kFlags, file.get(), static_cast<off_t>(offset)) == MAP_FAILED)
    return fail_errno("mmap(own program)");
  return {};
}

/// Variables: copied to anonymous memory, which is then moved over them. No variable may be written in between.
Status move_variables(std::uintptr_t at, std::size_t size) {
  void* const place = reinterpret_cast<void*>(at);  // NOLINT(performance-no-int-to-ptr)
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
  void* const copy = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (copy == MAP_FAILED) return fail_errno("mmap({})", size);
  std::memcpy(copy, place, size);
  if (::mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, place) != MAP_FAILED) return {};
  auto failure = fail_errno("mremap(own variables)");
  ::munmap(copy, size);
  return failure;
}

Status move_segments(FdView file, const Image& image) {
  for (const auto& segment : image.segments) {
    if (segment.p_type != PT_LOAD || segment.p_filesz == 0) continue;
    const std::uintptr_t begin = page_down(image.bias + segment.p_vaddr);
    const std::uintptr_t end = page_up(image.bias + segment.p_vaddr + segment.p_filesz);
    if ((segment.p_flags & PF_W) != 0) {
      CAISSON_TRY(move_variables(begin, end - begin));
    } else {
      const int protection = PROT_READ | ((segment.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
      CAISSON_TRY(map_again(file, begin, end - begin, protection, page_down(segment.p_offset)));
    }
  }
  // The start-up code made these read-only after relocation.
  for (const auto& segment : image.segments) {
    if (segment.p_type != PT_GNU_RELRO) continue;
    const std::uintptr_t begin = page_down(image.bias + segment.p_vaddr);
    const std::uintptr_t end = page_down(image.bias + segment.p_vaddr + segment.p_memsz);
    void* const place = reinterpret_cast<void*>(begin);  // NOLINT(performance-no-int-to-ptr)
    if (::mprotect(place, end - begin, PROT_READ) != 0) return fail_errno("mprotect(own constants)");
  }
  return {};
}

}  // namespace

bool can_replace_image() {
  // AddressSanitizer's functions would be called while the segments that they lie in are replaced: such a build
  // executes its init anew.
#if defined(__SANITIZE_ADDRESS__)
  return false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return false;
#endif
#endif
  unsigned size = 0;
  return ::prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0 && size == sizeof(prctl_mm_map);
}

namespace {

std::uintptr_t address(const void* at) { return reinterpret_cast<std::uintptr_t>(at); }

/// PR_SET_MM_MAP wants all fields. The kernel only reports those of code and data; the heap's end must be right.
prctl_mm_map own_map() {
  const auto code = address(__ehdr_start);
  prctl_mm_map map{};
  map.start_code = code;
  map.end_code = code + kPage;
  map.start_data = map.end_data = address(command_line());
  map.start_brk = map.brk = address(::sbrk(0));
  map.start_stack = address(&map);
  map.arg_start = address(command_line());
  map.arg_end = map.arg_start + sizeof kCommandLine;
  map.env_start = map.env_end = map.arg_end;
  map.exe_fd = static_cast<unsigned>(-1);
  return map;
}

Status set_map(const prctl_mm_map& map) {
  if (::prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) != 0) return fail_errno("prctl(PR_SET_MM_MAP)");
  return {};
}

}  // namespace

Status replace_own_image(FdView file) {
  CAISSON_TRY(move_segments(file, own_image()));
  prctl_mm_map map = own_map();
  map.exe_fd = static_cast<unsigned>(file.get());
  return set_map(map);
}

EarlyImage take_early_image() {
  return {FileDescriptor(std::exchange(caisson_early_program, -1)),
          FileDescriptor(std::exchange(caisson_early_tree, -1))};
}

Status hide_own_arguments() { return set_map(own_map()); }

void show_own_arguments() {
  // execve(2) lays out the strings side by side, the arguments first.
  if (environ == nullptr || *environ == nullptr || program_invocation_name == nullptr) return;
  char** last = environ;
  while (last[1] != nullptr) ++last;
  prctl_mm_map map = own_map();
  map.arg_start = address(program_invocation_name);
  map.arg_end = map.env_start = address(*environ);
  map.env_end = address(*last) + std::strlen(*last) + 1;
  // setenv(3) moves strings elsewhere.
  if (map.arg_start < map.arg_end && map.env_start < map.env_end) (void)set_map(map);
}

}  // namespace caisson::selfexe
