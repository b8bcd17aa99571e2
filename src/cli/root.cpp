// SPDX-License-Identifier: Apache-2.0
#include "cli/root.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace caisson::cli {
namespace {

/// Inode of the initial user namespace: PROC_USER_INIT_INO in the kernel's proc_ns.h, fixed since Linux 3.8.
constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;

bool in_user_namespace() {
  struct stat status {};
  return ::stat("/proc/self/ns/user", &status) == 0 && status.st_ino != kInitialUserNamespace;
}

}  // namespace

DefaultRoot find_default_root() {
  // Cheapest question first: as root on a host, nothing but the environment is read.
  const char* const runtime_dir = std::getenv("XDG_RUNTIME_DIR");
  if (runtime_dir && *runtime_dir) {
    const char* const user = std::getenv("USER");
    const bool plain_root = ::geteuid() == 0 && ((user && std::string_view(user) == "root") || !in_user_namespace());
    if (!plain_root) return {std::string(runtime_dir) + "/caisson", true};
  }
  return {"/run/caisson", false};
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
  std::string clean;
  for (std::string_view rest = whole; !rest.empty();) {
    const auto slash = rest.find('/');
    const auto name = rest.substr(0, slash);
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..")
      clean.erase(clean.empty() ? 0 : clean.rfind('/'));
    else
      clean.append("/").append(name);
  }
  if (clean.empty()) return fail(ErrorKind::config, "--root '{}': / cannot be the runtime root", root);
  return clean;
}

}  // namespace caisson::cli
