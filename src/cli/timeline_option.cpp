// SPDX-License-Identifier: Apache-2.0
#include "cli/timeline_option.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "base/timeline.hpp"
#include "sys/file.hpp"

namespace caisson::cli {
namespace {

constexpr unsigned kUsualWidth = 100;

unsigned terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsualWidth;
}

/// Opened before anything is made, so that a wrong name costs nothing. The number is far above those of --preserve-fds.
Result<FileDescriptor> open_file(const std::string& file) {
  constexpr int kFar = 200;
  const FileDescriptor near(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!near) return fail_errno("timeline: open('{}')", file);
  FileDescriptor far(::fcntl(near.get(), F_DUPFD_CLOEXEC, kFar));
  if (!far) return fail_errno("timeline: fcntl(F_DUPFD_CLOEXEC)");
  return far;
}

}  // namespace

void add_timeline_option(CLI::App& app, std::string& file) {
  add_option(app, "--timeline", file, "FILE", "write the time of each step to FILE, for Perfetto; '-': a chart");
}

Result<int> with_timeline(const std::string& file, const std::function<Result<int>()>& action) {
  if (file.empty()) return action();
  const bool as_chart = file == "-";
  FileDescriptor opened;
  if (!as_chart) opened = CAISSON_TRY(open_file(file));
  if (!timeline::start()) return fail_errno("timeline: memory for the record");
  auto result = action();
  const auto steps = timeline::read();
  const Status written =
      as_chart ? sys::write_all(FdView::of(STDERR_FILENO), timeline::bar_chart(steps, terminal_width()), "timeline")
               : sys::write_all(opened, timeline::trace_events(steps), file);
  if (result && !written) return std::unexpected(written.error());
  return result;
}

}  // namespace caisson::cli
