// SPDX-License-Identifier: Apache-2.0
#include "sys/bpf.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace caisson::sys {

namespace {

long bpf(bpf_cmd command, bpf_attr& attributes) { return ::syscall(SYS_bpf, command, &attributes, sizeof attributes); }

std::uint64_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

/// The last line that the verifier wrote before its statistics.
std::string verdict(const std::string& log) {
  std::string last;
  for (std::size_t begin = 0; begin < log.size();) {
    std::size_t end = log.find('\n', begin);
    if (end == log.npos) end = log.size();
    if (end > begin && log.compare(begin, 10, "processed ") != 0) last = log.substr(begin, end - begin);
    begin = end + 1;
  }
  return last;
}

}  // namespace

Result<FileDescriptor> load_device_program(std::span<const bpf_insn> program) {
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.expected_attach_type = BPF_CGROUP_DEVICE;
  attributes.insns = address(program.data());
  attributes.insn_cnt = static_cast<std::uint32_t>(program.size());
  attributes.license = address("Apache-2.0");
  constexpr char kName[] = "caisson_devices";
  static_assert(sizeof kName == sizeof attributes.prog_name);
  std::memcpy(attributes.prog_name, kName, sizeof kName);
  long fd = bpf(BPF_PROG_LOAD, attributes);
  if (fd >= 0) return FileDescriptor(static_cast<int>(fd));
  auto failure = fail_errno("bpf(BPF_PROG_LOAD)");
  if (failure.error().sys_errno() != EINVAL && failure.error().sys_errno() != EACCES) return failure;
  // The log costs time, so it is asked for only when there is something to say.
  std::string log(16384, '\0');
  attributes.log_level = 1;
  attributes.log_buf = address(log.data());
  attributes.log_size = static_cast<std::uint32_t>(log.size());
  fd = bpf(BPF_PROG_LOAD, attributes);
  if (fd >= 0) return FileDescriptor(static_cast<int>(fd));
  const std::string why = verdict(log.c_str());
  if (!why.empty()) return std::unexpected(std::move(failure.error()).with(why));
  return failure;
}

Status attach_device_program(FdView cgroup, FdView program, const FileDescriptor* replaced) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  if (replaced) {
    attributes.attach_flags |= BPF_F_REPLACE;
    attributes.replace_bpf_fd = static_cast<std::uint32_t>(replaced->get());
  }
  if (bpf(BPF_PROG_ATTACH, attributes) < 0) return fail_errno("bpf(BPF_PROG_ATTACH, BPF_CGROUP_DEVICE)");
  return {};
}

Status detach_device_program(FdView cgroup, FdView program) {
  bpf_attr attributes{};
  attributes.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.attach_bpf_fd = static_cast<std::uint32_t>(program.get());
  attributes.attach_type = BPF_CGROUP_DEVICE;
  if (bpf(BPF_PROG_DETACH, attributes) < 0) return fail_errno("bpf(BPF_PROG_DETACH, BPF_CGROUP_DEVICE)");
  return {};
}

Result<std::vector<FileDescriptor>> device_programs(FdView cgroup) {
  std::uint32_t ids[64];  // the kernel's own bound (BPF_CGROUP_MAX_PROGS)
  bpf_attr attributes{};
  attributes.query.target_fd = static_cast<std::uint32_t>(cgroup.get());
  attributes.query.attach_type = BPF_CGROUP_DEVICE;
  attributes.query.prog_ids = address(ids);
  attributes.query.prog_cnt = 64;
  if (bpf(BPF_PROG_QUERY, attributes) < 0) return fail_errno("bpf(BPF_PROG_QUERY, BPF_CGROUP_DEVICE)");
  const std::uint32_t count = attributes.query.prog_cnt;
  std::vector<FileDescriptor> programs;
  for (std::uint32_t i = 0; i < count; ++i) {
    bpf_attr wanted{};
    wanted.prog_id = ids[i];
    const long fd = bpf(BPF_PROG_GET_FD_BY_ID, wanted);
    if (fd >= 0) {
      programs.emplace_back(static_cast<int>(fd));
    } else if (errno != ENOENT) {  // gone since the query
      return fail_errno("bpf(BPF_PROG_GET_FD_BY_ID, {})", ids[i]);
    }
  }
  return programs;
}

}  // namespace caisson::sys
