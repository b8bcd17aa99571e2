// SPDX-License-Identifier: Apache-2.0
#include "cli/timeline_option.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/timeline.hpp"

namespace caisson::cli {
namespace {

constexpr unsigned kUsualWidth = 100;

unsigned terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

Status write_text(int fd, std::string_view text, const std::string& file) {
  while (!text.empty()) {
    const ssize_t size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno("timeline: write('{}')", file);
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

/// Before anything is made, so that a wrong name costs nothing; and far from the numbers that are handed on.
Result<FileDescriptor> open_file(const std::string& file) {
  constexpr int kFar = 200;
  const FileDescriptor near(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!near) return fail_errno("timeline: open('{}')", file);
  FileDescriptor far(::fcntl(near.get(), F_DUPFD_CLOEXEC, kFar));
  if (!far) return fail_errno("timeline: fcntl(F_DUPFD_CLOEXEC)");
  return far;
}

}  // namespace

void add_timeline_option(Grammar& grammar, std::string& file) {
  grammar.options.push_back(
      {"timeline", &file, "FILE", "write the time of each step to FILE, for Perfetto; '-': a chart"});
}

Result<int> with_timeline(const std::string& file, const std::function<Result<int>()>& action) {
  if (file.empty()) return action();
  const bool as_chart = file == "-";
  FileDescriptor opened;
  if (!as_chart) opened = CAISSON_TRY(open_file(file));
  if (!timeline::start()) return fail_errno("timeline: memory for the record");
  auto result = action();
  const auto steps = timeline::read();
  const Status written = as_chart ? write_text(STDERR_FILENO, timeline::bar_chart(steps, terminal_width()), file)
                                  : write_text(opened.get(), timeline::trace_events(steps), file);
  if (result && !written) return std::unexpected(written.error());
  return result;
}

}  // namespace caisson::cli
