// SPDX-License-Identifier: Apache-2.0 Run by the build. Writes a table of libseccomp's system call numbers for all
// architectures of one kernel. One look-up in it replaces one libseccomp call per architecture and takes a tenth of the
// time; a profile has hundreds of names.
#include <seccomp.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>

namespace {

#if defined(__x86_64__)
constexpr std::array<std::uint32_t, 3> kWritten = {SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32};
#elif defined(__aarch64__)
constexpr std::array<std::uint32_t, 2> kWritten = {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM};
#else
constexpr std::array<std::uint32_t, 1> kWritten = {SCMP_ARCH_NATIVE};
#endif

/// Adds the names of `count` numbers from `first` on. libseccomp also uses negative (pseudo) numbers.
void add_names(std::uint32_t architecture, int first, int count, std::set<std::string>& names) {
  for (int number = first; number < first + count; ++number) {
    char* name = ::seccomp_syscall_resolve_num_arch(architecture, number);
    if (name != nullptr) names.insert(name);
    std::free(name);
  }
}

std::set<std::string> all_names() {
  std::set<std::string> names;
  for (const std::uint32_t architecture : kWritten)
    for (const int first : {-11000, -1000, 0, 0xf0000, 0x40000000}) add_names(architecture, first, 1000, names);
  return names;
}

}  // namespace

int main() {
  const std::set<std::string> names = all_names();
  std::printf("// Made by list_calls.cpp.\n#pragma once\n\n#include <array>\n#include <cstdint>\n\n");
  std::printf("namespace caisson::process {\n\ninline constexpr std::array<std::uint32_t, %zu> kListed{",
              kWritten.size());
  for (const std::uint32_t architecture : kWritten) std::printf("%#xU, ", architecture);
  std::printf("};\n\nstruct ListedCall {\n  std::uint16_t name;  ///< where it begins\n  std::uint16_t length;\n");
  std::printf("  std::array<std::int32_t, kListed.size()> numbers;\n};\n\ninline constexpr char kListedNames[] =\n");
  for (const auto& name : names) std::printf("    \"%s\"\n", name.c_str());
  std::printf("    ;\n\ninline constexpr std::array<ListedCall, %zu> kListedCalls{{\n", names.size());
  std::size_t at = 0;
  for (const auto& name : names) {
    std::printf("    {%zu, %zu, {", at, name.size());
    for (const std::uint32_t architecture : kWritten)
      std::printf("%d, ", ::seccomp_syscall_resolve_name_arch(architecture, name.c_str()));
    std::printf("}},\n");
    at += name.size();
  }
  std::printf("}};\n\n}  // namespace caisson::process\n");
  return names.empty() ? 1 : 0;
}
