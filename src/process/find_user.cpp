// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "plan/users.hpp"
#include "process/apply_identity.hpp"
#include "sys/file.hpp"

namespace caisson::process {

namespace {

/// A line of passwd(5), name:password:uid:gid:comment:home:shell -> home, if the uid is `uid`.
std::optional<std::string> home_in(std::string_view line, std::uint32_t uid) {
  std::array<std::string_view, 6> fields;
  for (auto& field : fields) {
    const auto end = std::min(line.find(':'), line.size());
    field = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  std::uint32_t number = 0;
  const auto& text = fields[2];
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || number != uid) return {};
  return std::string(fields[5]);
}

/// The file is the image's: it may be anything, so neither wait for it nor read it without end.
constexpr std::size_t kLongest = 16 << 20;

/// Opens a file of the container's /etc, if it is a regular one.
Result<FileDescriptor> open_accounts(const char* path) {
  FileDescriptor file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return fail_errno("open('{}')", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno("fstat('{}')", path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::config, "'{}' is not a regular file", path);
  return file;
}

Result<std::string> read_accounts(const char* path) {
  const FileDescriptor file = CAISSON_TRY(open_accounts(path));
  const struct stat status = CAISSON_TRY(sys::stat_of(file, path));
  if (static_cast<std::size_t>(status.st_size) > kLongest)
    return fail(ErrorKind::config, "'{}' is larger than {} bytes", path, kLongest);
  return sys::read_all(file, path);
}

bool is_shortage(int error) { return error == EMFILE || error == ENFILE || error == ENOMEM; }

}  // namespace

Status find_user(const std::string& wanted, plan::IdentityPlan& plan) {
  const auto passwd = read_accounts("/etc/passwd");
  const auto group = read_accounts("/etc/group");
  // A number needs no file, so a file that cannot be read matters only when the user or group is not found.
  auto found = plan::find_user(wanted, passwd.value_or(""), group.value_or(""), plan.uid, plan.gid);
  if (!found) {
    Error error = std::move(found).error();
    for (const auto* file : {&passwd, &group})
      if (!*file && file->error().sys_errno() != ENOENT) error = std::move(error).with(file->error().message());
    return std::unexpected(std::move(error).at(plan.pointer + "/user"));
  }
  plan.uid = found->uid;
  plan.gid = found->gid;
  plan.groups = std::move(found->groups);
  plan.home = std::move(found->home);
  return {};
}

Result<std::string> find_home(std::uint32_t uid) {
  const auto file = open_accounts("/etc/passwd");
  // The process's own lack of descriptors or memory is no property of the file.
  if (!file && is_shortage(file.error().sys_errno())) return std::unexpected(file.error());
  if (!file) return "/";
  std::string rest;
  for (std::size_t total = 0; total < kLongest;) {
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(file->get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return "/";
    total += static_cast<std::size_t>(size);
    rest.append(buffer.data(), static_cast<std::size_t>(size));
    if (size == 0) rest += '\n';
    std::size_t begin = 0;
    for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      auto home = home_in(std::string_view(rest).substr(begin, end - begin), uid);
      if (home) return home->empty() ? "/" : *home;
    }
    rest.erase(0, begin);
    if (size == 0) break;
  }
  return "/";
}

Result<std::vector<std::string>> make_environment(const plan::IdentityPlan& plan) {
  std::vector<std::string> env = plan.env;
  if (!plan.add_home) return env;
  env.push_back("HOME=" +
                (plan.home.empty() ? CAISSON_TRY(find_home(plan.uid), "find HOME of uid {}", plan.uid) : plan.home));
  return env;
}

}  // namespace caisson::process
