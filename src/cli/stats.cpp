// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "cli/stats_table.hpp"

namespace caisson::cli {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
/// Between the two looks that the first CPU share needs.
constexpr std::int64_t kFirstLook = 200'000'000;

struct Options {
  std::vector<std::string> ids;
  std::string format = "table";
  std::string interval = "2s";
  bool once = false;
};

/// Rings after the first look, then at each interval.
Result<FileDescriptor> make_timer(std::int64_t interval) {
  FileDescriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  if (!timer) return fail_errno("timerfd_create()");
  const std::int64_t first = std::min(interval, kFirstLook);
  const itimerspec setting{{interval / kNanosecondsPerSecond, interval % kNanosecondsPerSecond},
                           {first / kNanosecondsPerSecond, first % kNanosecondsPerSecond}};
  if (::timerfd_settime(timer.get(), 0, &setting, nullptr) != 0) return fail_errno("timerfd_settime()");
  return timer;
}

Status wait_for(const FileDescriptor& timer) {
  std::uint64_t times = 0;
  while (::read(timer.get(), &times, sizeof times) < 0)
    if (errno != EINTR) return fail_errno("read of a timer");
  return {};
}

/// Prints tables over each other.
class Screen {
 public:
  Status show(const std::string& table) {
    winsize size{};
    const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 1;
    // A line that wraps, or one below the last row, would not be where it is looked for.
    const std::string text = known ? fit(table, size.ws_col, size.ws_row - 1U) : table;
    const std::string back = lines_ == 0 ? std::string() : "\033[" + std::to_string(lines_) + "A";
    lines_ = static_cast<std::size_t>(std::ranges::count(text, '\n'));
    // To the line where it began, and what stood from there on is gone.
    return print(back + "\r\033[J" + text);
  }

 private:
  std::size_t lines_ = 0;
};

bool all_ended(std::span<const container::Usage> usage) {
  return std::ranges::all_of(usage, [](const auto& one) { return one.status == "stopped"; });
}

Result<int> show(const container::Globals& globals, const Options& o) {
  const auto interval = text::parse_duration(o.interval);
  if (!interval || *interval <= 0)
    return fail(ErrorKind::config, "invalid value '{}' for --interval: no duration such as 500ms, 5s or 1m",
                o.interval);
  const bool live = !o.once && o.format == "table" && ::isatty(STDOUT_FILENO) == 1;
  std::vector<std::string> warnings;
  auto before = CAISSON_TRY(container::usage(globals, o.ids, warnings), "stats");
  // Once: among tables that are printed over each other there is no place for them.
  for (const auto& warning : warnings) print_error("warning: " + warning);
  const FileDescriptor timer = CAISSON_TRY(make_timer(*interval));
  Screen screen;
  for (;;) {
    CAISSON_TRY(wait_for(timer));
    warnings.clear();
    auto usage = container::usage(globals, o.ids, warnings);
    // Deleted while it was watched: that is its end.
    if (!usage && live && usage.error().kind() == ErrorKind::destroyed) return 0;
    const auto now = CAISSON_TRY(std::move(usage), "stats");
    const auto cpu = cpu_percent(before, now);
    if (!live) {
      CAISSON_TRY(print(o.format == "json" ? stats_json(now, cpu) : stats_table(now, cpu)));
      return 0;
    }
    CAISSON_TRY(screen.show(stats_table(now, cpu)));
    if (!o.ids.empty() && all_ended(now)) return 0;
    before = now;
  }
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_choice(app, "-f,--format", o->format, "table|json", "how to print it (default: table)");
  add_option(app, "--interval", o->interval, "DURATION", "time between two tables on a terminal (default: 2s)");
  add_switch(app, "--once", o->once, "print one table on a terminal, too");
  add_rest(app, "container-id");
  return [o, &app](const container::Globals& globals) {
    o->ids = rest(app);
    return show(globals, *o);
  };
}

}  // namespace

extern const Command kStats{
    .name = "stats",
    .summary = "show what containers use, live",
    .bind = bind,
    .details =
        "Without ids, all containers that run. On a terminal the table is renewed in place until the containers\n"
        "have ended or Ctrl-C; otherwise, and with --format json, it is printed once.",
};

}  // namespace caisson::cli
