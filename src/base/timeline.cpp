// SPDX-License-Identifier: Apache-2.0
#include "base/timeline.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <span>

#include "base/log.hpp"

namespace caisson::timeline {

namespace detail {

constexpr unsigned kMostSteps = 250;

/// As it lies in the shared memory: both sides are the same program.
struct Slot {
  char name[48];
  std::int64_t begin;
  std::int64_t end;
  Track track;
  std::uint8_t depth;
};

struct Record {
  std::atomic<unsigned> count;
  Slot slots[kMostSteps];
};

bool is_on = false;

namespace {

Record* record = nullptr;
bool logs = false;
int memory = -1;
Track track = Track::runtime;
std::uint8_t depth = 0;

bool map_record(int fd) {
  void* const mapped = ::mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) return false;
  record = static_cast<Record*>(mapped);
  is_on = true;
  return true;
}

}  // namespace

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

int begin(const char* name) {
  if (logs) log::debug("begin: {}", name);
  if (record == nullptr) return -1;
  const unsigned place = record->count.fetch_add(1, std::memory_order_relaxed);
  if (place >= kMostSteps) return -1;
  Slot& slot = record->slots[place];
  std::strncpy(slot.name, name, sizeof slot.name - 1);
  slot.track = track;
  slot.depth = depth++;
  slot.begin = now();
  return static_cast<int>(place);
}

void end(const char* name, int place, std::int64_t begin) {
  const std::int64_t at = now();
  if (logs) log::debug("end: {} ({:.3f} ms)", name, static_cast<double>(at - begin) / 1e6);
  if (place < 0) return;
  --depth;
  record->slots[place].end = at;
}

}  // namespace detail

bool start() {
  using namespace detail;
  // Far from the numbers that the caller may have asked us to hand on.
  constexpr int kFar = 200;
  const int fd = ::memfd_create("timeline", MFD_CLOEXEC);
  memory = ::fcntl(fd, F_DUPFD_CLOEXEC, kFar);
  ::close(fd);
  return memory >= 0 && ::ftruncate(memory, sizeof(Record)) == 0 && map_record(memory);
}

void log_steps() {
  detail::logs = true;
  detail::is_on = true;
}

int descriptor() { return detail::record != nullptr ? detail::memory : -1; }

void adopt(int fd) {
  (void)detail::map_record(fd);
  ::close(fd);
}

void become_init() {
  detail::track = Track::init;
  detail::depth = 0;
}

std::vector<Step> read() {
  std::vector<Step> steps;
  if (detail::record == nullptr) return steps;
  const unsigned count = std::min(detail::record->count.load(), detail::kMostSteps);
  steps.reserve(count);
  for (const auto& slot : std::span(detail::record->slots, count))
    steps.push_back({slot.name, slot.track, slot.depth, slot.begin, slot.end});
  std::ranges::stable_sort(steps, {}, &Step::begin);
  return steps;
}

namespace {

/// The end of a step that nobody could write: of the next one on its track, or of everything.
std::int64_t end_of(const std::vector<Step>& steps, const Step& step) {
  if (step.end != 0) return step.end;
  std::int64_t last = step.begin;
  for (const auto& other : steps) {
    if (other.track != step.track) continue;
    if (other.begin > step.begin && other.depth <= step.depth) return other.begin;
    last = std::max({last, other.begin, other.end});
  }
  return last;
}

const char* name_of(Track track) { return track == Track::runtime ? "runtime" : "init"; }

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

}  // namespace

std::string trace_events(const std::vector<Step>& steps) {
  std::string text = R"({"displayTimeUnit":"ns","traceEvents":[)"
                     R"({"name":"process_name","ph":"M","pid":1,"tid":1,"args":{"name":"caisson"}})";
  for (const Track track : {Track::runtime, Track::init})
    text += fmt::format(R"(,{{"name":"thread_name","ph":"M","pid":1,"tid":{},"args":{{"name":"{}"}}}})",
                        static_cast<int>(track) + 1, name_of(track));
  for (const auto& step : steps)
    text += fmt::format(
        ",\n"
        R"({{"name":"{}","ph":"X","pid":1,"tid":{},"ts":{:.3f},"dur":{:.3f}}})",
        escaped(step.name), static_cast<int>(step.track) + 1, static_cast<double>(step.begin) / 1000,
        static_cast<double>(end_of(steps, step) - step.begin) / 1000);
  return text + "]}\n";
}

std::string bar_chart(const std::vector<Step>& steps, unsigned width) {
  if (steps.empty()) return {};
  constexpr unsigned kTexts = 50;
  const unsigned bars = std::max(width, kTexts + 20) - kTexts;
  const std::int64_t first = steps.front().begin;
  std::int64_t last = first + 1;
  for (const auto& step : steps) last = std::max({last, step.end, step.begin});
  const auto column = [&](std::int64_t at) {
    return static_cast<unsigned>(static_cast<std::int64_t>(bars) * (at - first) / (last - first));
  };
  std::string text;
  for (const auto& step : steps) {
    const std::int64_t end = end_of(steps, step);
    const unsigned from = std::min(column(step.begin), bars - 1);
    const unsigned size = std::max(column(end) - from, 1U);
    const std::string name = std::string(2 * std::size_t{step.depth}, ' ') + step.name;
    const std::string bar = std::string(from, ' ') + std::string(size, step.track == Track::runtime ? '#' : '=');
    text += fmt::format("{:<7} {:<31.31} {:8.3f} {}\n", name_of(step.track), name,
                        static_cast<double>(end - step.begin) / 1e6, bar);
  }
  return text + fmt::format("{:<39} {:8.3f} milliseconds\n", "all", static_cast<double>(last - first) / 1e6);
}

}  // namespace caisson::timeline
