// SPDX-License-Identifier: Apache-2.0
#include "cli/root.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "base/path.hpp"

namespace caisson::cli {
namespace {

/// Inode of the initial user namespace: PROC_USER_INIT_INO in the kernel's proc_ns.h, fixed since Linux 3.8.
constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;

bool in_user_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/user", &status) == 0 && status.st_ino != kInitialUserNamespace;
}

constexpr const char* kHostRoot = "/run/caisson";

/// Whether containers can be recorded in `root`, which need not be there yet.
bool can_use(const char* root) {
  constexpr int kMode = R_OK | W_OK | X_OK;
  if (::access(root, kMode) == 0) return true;
  return errno == ENOENT && ::access("/run", kMode) == 0;
}

}  // namespace

DefaultRoot find_default_root() {
  // Cheapest question first: as root on a host, nothing but the environment is read.
  const char* const runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  if (runtime_dir && *runtime_dir) {
    if (::geteuid() != 0 || in_user_namespace()) {
      // Root of a user namespace who is called so, in a container for instance, uses the usual place where there is
      // one to write to. runuser(1) and setpriv(1) leave USER=root to users as well: those cannot write there.
      const char* const user = std::getenv("USER");
      const bool is_called_root = ::geteuid() == 0 && user && std::string_view(user) == "root";
      if (!is_called_root || !can_use(kHostRoot)) return {std::string(runtime_dir) + "/caisson", true};
    }
  }
  return {kHostRoot, false};
}

Status make_user_root(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return fail_errno("mkdir('{}')", path);
  }
  // mkdir(2) leaves the sticky bit to the file system; chmod(2) does not.
  if (::chmod(path.c_str(), 01700) != 0) return fail_errno("chmod('{}')", path);
  return {};
}

Result<std::string> absolute_root(const std::string& root) {
  std::string whole = root;
  if (root.empty()) return fail(ErrorKind::config, "--root needs a directory");
  if (root.front() != '/') {
    char* const here = ::getcwd(nullptr, 0);
    if (!here) return fail_errno("getcwd()");
    whole = std::string(here) + "/" + root;
    std::free(here);
  }
  std::string clean = text::clean_path(whole);
  if (clean == "/") return fail(ErrorKind::config, "--root '{}': / cannot be the runtime root", root);
  return clean;
}

}  // namespace caisson::cli
