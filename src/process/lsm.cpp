// SPDX-License-Identifier: Apache-2.0
#include "process/lsm.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <selinux/context.h>
#include <sys/vfs.h>
#include <unistd.h>

// Of libselinux only the parser of contexts: every other part of it would bring in the library's constructor, which
// reads /proc and /etc/selinux at each start of the program. The kernel's files are written here.

namespace caisson::process {

namespace {

Status write_label(Procfs& proc, const std::string& path, const std::string& text, const std::string& pointer) {
  auto written = proc.write(path, text);
  if (written) return {};
  return std::unexpected(std::move(written.error()).at(pointer));
}

}  // namespace

bool apparmor_is_enabled() {
  FileDescriptor file(::open("/sys/module/apparmor/parameters/enabled", O_RDONLY | O_CLOEXEC));
  char answer = 0;
  return file && ::read(file.get(), &answer, 1) == 1 && answer == 'Y';
}

bool selinux_is_enabled() {
  struct statfs filesystem {};
  return ::statfs("/sys/fs/selinux", &filesystem) == 0 &&
         static_cast<unsigned long>(filesystem.f_type) == static_cast<unsigned long>(SELINUX_MAGIC);
}

Status apply_apparmor_profile(Procfs& proc, const plan::IdentityPlan& plan) {
  if (plan.apparmor_profile.empty()) return {};
  const std::string text = "exec " + plan.apparmor_profile;
  const std::string pointer = plan.pointer + "/apparmorProfile";
  // The first is AppArmor's own since Linux 5.1; the second belongs to whichever module is the first with one.
  auto written = proc.write("self/attr/apparmor/exec", text);
  if (!written && written.error().sys_errno() == ENOENT) written = proc.write("self/attr/exec", text);
  if (written) return {};
  return std::unexpected(
      std::move(written.error()).with(fmt::format("apply apparmor profile '{}'", plan.apparmor_profile)).at(pointer));
}

Status check_selinux_label(const std::string& label, const std::string& pointer) {
  context_t context = ::context_new(label.c_str());
  if (!context) return fail_config(pointer, "'{}' is not an SELinux context (user:role:type[:level])", label);
  ::context_free(context);
  return {};
}

Status apply_selinux_label(Procfs& proc, const plan::IdentityPlan& plan) {
  if (plan.selinux_label.empty()) return {};
  const std::string pointer = plan.pointer + "/selinuxLabel";
  CAISSON_TRY(check_selinux_label(plan.selinux_label, pointer));
  return write_label(proc, "self/attr/exec", plan.selinux_label, pointer);
}

Status apply_keyring_label(Procfs& proc, const plan::IdentityPlan& plan) {
  if (plan.selinux_label.empty()) return {};
  return write_label(proc, "self/attr/keycreate", plan.selinux_label, plan.pointer + "/selinuxLabel");
}

}  // namespace caisson::process
