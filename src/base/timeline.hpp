// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Named steps of the runtime and of init, with the nanoseconds of their begin and end: for --timeline, where both
/// sides write into the same memory, and for --debug, where each begin and end is a record of the log. Off, a step
/// costs the test of one variable. No heap is used until the record is read.
namespace caisson::timeline {

/// Whose step it is.
enum class Track : std::uint8_t { runtime, init };

/// One step as it is read. Times are CLOCK_MONOTONIC.
struct Step {
  std::string name;
  Track track = Track::runtime;
  unsigned depth = 0;      ///< steps of the same track that it is within
  std::int64_t begin = 0;  ///< nanoseconds
  std::int64_t end = 0;    ///< 0: it has not come to its end
};

/// Begins the record. False when there is no memory for it.
bool start();
/// Each step is logged too, at level debug, as it begins and as it ends.
void log_steps();

/// The memory's descriptor, for a child that executes us anew; -1 when nothing is recorded.
int descriptor();
/// In that child: goes on in the record behind `fd`, which is closed.
void adopt(int fd);
/// What this process records from here on is init's.
void become_init();

/// The steps so far, by their begin. Those of a process that was replaced by another program have ended with it.
std::vector<Step> read();

/// For Perfetto and chrome://tracing: the Trace Event Format, a track for each side.
std::string trace_events(const std::vector<Step>& steps);
/// For people: a line for each step, its bar where it lies in time, `width` columns in all.
std::string bar_chart(const std::vector<Step>& steps, unsigned width);

namespace detail {
extern bool is_on;
/// Place in the record; -1 when it is full, or there is none.
int begin(const char* name);
std::int64_t now();
void end(const char* name, int place, std::int64_t begin);
}  // namespace detail

/// A step: from its declaration to the end of the block. `name` is kept as it is, up to 47 bytes.
class Span {
 public:
  explicit Span(const char* name) : name_(detail::is_on ? name : nullptr) {
    if (name_ == nullptr) return;
    begin_ = detail::now();
    place_ = detail::begin(name);
  }
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
  ~Span() {
    if (name_ != nullptr) detail::end(name_, place_, begin_);
  }

 private:
  const char* name_;
  int place_ = -1;
  std::int64_t begin_ = 0;
};

}  // namespace caisson::timeline
