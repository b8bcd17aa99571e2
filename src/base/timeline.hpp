// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// The flight recorder: named steps with the nanoseconds of their begin and end, of the runtime and of init, which
/// write into the same memory. Off, a step costs the look at one pointer. No heap is used until the record is read.
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
struct Record;
extern Record* record;
int begin(const char* name);
void end(int place);
}  // namespace detail

/// A step: from its declaration to the end of the block. `name` is kept as it is, up to 47 bytes.
class Span {
 public:
  explicit Span(const char* name) : place_(detail::record == nullptr ? -1 : detail::begin(name)) {}
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
  ~Span() {
    if (place_ >= 0) detail::end(place_);
  }

 private:
  int place_;
};

}  // namespace caisson::timeline
