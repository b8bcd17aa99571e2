// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

/// The program's one log. Before open(), adopt() or send_to() it is standard error, in text, from warnings on. A
/// function that returns an error does not log it.
namespace caisson::log {

enum class Level { debug, info, warning, error };

enum class Format {
  text,  ///< time="2026-01-02T15:04:05Z" level=info msg="..."
  json,  ///< {"level":"info","msg":"...","time":"2026-01-02T15:04:05Z"}
};

/// Appends to the file at `path` from now on (made with mode 0644), or to standard error when it is empty. Records
/// below `least` are dropped.
Status open(const std::string& path, Format format, Level least);

/// Uses a descriptor that was inherited; it must be open for appending and is never closed.
void adopt(int fd, Format format, Level least);

/// Gives each record from `least` on to `sink` instead of writing it: init sends them to the runtime, and so needs no
/// descriptor of the host's log while it is in the container (CVE-2024-21626). A null sink drops them.
using Sink = void (*)(void* context, Level level, std::string_view message);
void send_to(Sink sink, void* context, Level least);

int descriptor();
Format format();
Level level();
/// open() was given a path: standard error does not show what is logged.
bool is_file();

/// Writes one line by one write(2). A failure to log is not an error.
void write(Level level, std::string_view message);

template <class... A>
void debug(fmt::format_string<A...> text, A&&... args) {
  if (level() <= Level::debug) write(Level::debug, fmt::format(text, std::forward<A>(args)...));
}
template <class... A>
void info(fmt::format_string<A...> text, A&&... args) {
  if (level() <= Level::info) write(Level::info, fmt::format(text, std::forward<A>(args)...));
}
template <class... A>
void warn(fmt::format_string<A...> text, A&&... args) {
  if (level() <= Level::warning) write(Level::warning, fmt::format(text, std::forward<A>(args)...));
}
template <class... A>
void error(fmt::format_string<A...> text, A&&... args) {
  write(Level::error, fmt::format(text, std::forward<A>(args)...));
}

}  // namespace caisson::log
