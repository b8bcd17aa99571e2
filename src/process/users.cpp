// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "process/identity.hpp"

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

}  // namespace

Result<std::string> find_home(std::uint32_t uid) {
  // The file is the image's: it may be anything, so neither wait for it nor read it without end.
  constexpr std::size_t kLongest = 16 << 20;
  FileDescriptor file(::open("/etc/passwd", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return "/";
    return fail_errno("open('/etc/passwd')");
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail_errno("fstat('/etc/passwd')");
  if (!S_ISREG(status.st_mode)) return "/";

  std::string rest;
  for (std::size_t total = 0; total < kLongest;) {
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno("read('/etc/passwd')");
    total += static_cast<std::size_t>(size);
    rest.append(buffer.data(), static_cast<std::size_t>(size));
    if (size == 0) rest += '\n';
    std::size_t begin = 0;
    for (std::size_t end; (end = rest.find('\n', begin)) != std::string::npos; begin = end + 1) {
      auto home = home_in(std::string_view(rest).substr(begin, end - begin), uid);
      if (home) return home->empty() ? "/" : std::move(*home);
    }
    rest.erase(0, begin);
    if (size == 0) break;
  }
  return "/";
}

Result<std::vector<std::string>> make_environment(const plan::IdentityPlan& plan) {
  std::vector<std::string> env = plan.env;
  if (plan.add_home) env.push_back("HOME=" + CAISSON_TRY(find_home(plan.uid), "find HOME of uid {}", plan.uid));
  return env;
}

}  // namespace caisson::process
