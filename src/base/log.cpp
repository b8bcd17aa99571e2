// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

// Debian's spdlog says "compiled" of itself, but only as a shared library: its headers alone are used.
#undef SPDLOG_COMPILED_LIB
#undef SPDLOG_SHARED_LIB
#include <spdlog/logger.h>
#include <spdlog/sinks/sink.h>
#include <time.h>

#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "base/text.hpp"

namespace caisson::log {
namespace {

constinit Format g_format = Format::text;
constinit Level g_least = Level::warning;
constinit int g_descriptor = STDERR_FILENO;
constinit bool g_is_file = false;
constinit bool g_sends = false;
constinit Sink g_sink = nullptr;
constinit void* g_context = nullptr;

std::string_view name(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
    case spdlog::level::debug: return "debug";
    case spdlog::level::info: return "info";
    case spdlog::level::warn: return "warning";
    default: return "error";
  }
}

/// RFC 3339, UTC, in seconds.
std::string timestamp(spdlog::log_clock::time_point when) {
  const time_t seconds = spdlog::log_clock::to_time_t(when);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// One write(2) a record: with O_APPEND the lines of several processes do not mix. spdlog's own file sinks buffer, and
/// its base for sinks brings fifty formatters of patterns.
class DescriptorSink final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& record) override {
    const auto message = text::json_quoted({record.payload.data(), record.payload.size()});
    const auto line = g_format == Format::json ? fmt::format("{{\"level\":\"{}\",\"msg\":{},\"time\":\"{}\"}}\n",
                                                             name(record.level), message, timestamp(record.time))
                                               : fmt::format("time=\"{}\" level={} msg={}\n", timestamp(record.time),
                                                             name(record.level), message);
    ssize_t written = 0;
    do {
      written = ::write(g_descriptor, line.data(), line.size());
    } while (written < 0 && errno == EINTR);
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}
};

/// Made by the first record: most runs write none.
spdlog::logger& logger() {
  static spdlog::logger instance = [] {
    spdlog::logger made("caisson", std::make_shared<DescriptorSink>());
    made.set_level(spdlog::level::trace);
    return made;
  }();
  return instance;
}

void use(int fd, Format format, Level least, bool is_file) {
  g_descriptor = fd;
  g_format = format;
  g_least = least;
  g_is_file = is_file;
  g_sends = false;
}

}  // namespace

Status open(const std::string& path, Format format, Level least) {
  if (path.empty()) {
    use(STDERR_FILENO, format, least, false);
    return {};
  }
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
  if (!file) return fail_errno("open log '{}'", path);
  // The log ends with the process; nothing closes it before.
  use(file.release(), format, least, true);
  return {};
}

void adopt(int fd, Format format, Level least) { use(fd, format, least, fd != STDERR_FILENO); }

void send_to(Sink sink, void* context, Level least) {
  g_sends = true;
  g_sink = sink;
  g_context = context;
  g_least = least;
}

int descriptor() { return g_descriptor; }
Format format() { return g_format; }
Level level() { return g_least; }
bool is_file() { return g_is_file; }

void write(Level level, std::string_view message) {
  if (level < g_least) return;
  const int saved = errno;
  if (g_sends) {
    if (g_sink != nullptr) g_sink(g_context, level, message);
    errno = saved;
    return;
  }
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  logger().log(kLevels[static_cast<int>(level)], spdlog::string_view_t(message.data(), message.size()));
  errno = saved;
}

}  // namespace caisson::log
