// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "sys/event_loop.hpp"

namespace caisson::container {

/// Carries bytes between a container's terminal and the caller's standard streams. It never waits to write: what one
/// side does not take is kept, and no more is read for it until it has, so that a side that stands still holds up
/// neither the other direction nor signals.
class Relay {
 public:
  static Result<Relay> make(FdView master);

  /// Relays in `loop` until one side is gone. Both must outlive the loop.
  Status watch(sys::EventLoop& loop);
  /// The process has ended: its last output, as far as it comes. `interrupted` is asked for whenever standard output
  /// holds it up, once `signals` is readable, and ends it by true.
  template <class F>
  void finish(FdView signals, F interrupted) {
    while (more_output())
      if (wait_for_output(signals) && interrupted()) return;
  }

 private:
  struct Flow {
    static constexpr std::size_t kSize = 16 * 1024;
    // Not in place: most containers have no terminal, and the stack pages of their runtime need not be there.
    std::unique_ptr<char[]> bytes = std::make_unique_for_overwrite<char[]>(kSize);
    std::size_t from = 0;
    std::size_t to = 0;
    bool empty() const { return from == to; }
  };
  /// What a read has given.
  enum class Filled { some, none, end };

  Relay(FdView master, FileDescriptor reads, FileDescriptor input, FileDescriptor output)
      : master_(master), reads_(std::move(reads)), input_(std::move(input)), output_(std::move(output)) {}

  static Filled fill(Flow& flow, FdView from);
  /// False when nobody is there to take it any more: it is dropped.
  static bool flush(Flow& flow, FdView to);
  void take_input();
  Filled take_output();
  void end_input();
  Status watch_reads(sys::EventLoop& loop);
  void move();
  Status wait_for_more(sys::EventLoop& loop);
  Status want(sys::EventLoop& loop, FdView fd, unsigned& present, unsigned events);
  bool more_output();
  bool wait_for_output(FdView signals);

  FdView master_;
  FileDescriptor reads_;  ///< the master again, for an event each time the program has read
  FileDescriptor input_;
  FileDescriptor output_;
  Flow to_container_;
  Flow to_caller_;
  bool input_ended_ = false;
  int ends_given_raw_ = 0;  ///< how often a program that takes single keys was given the end of input
  bool master_ended_ = false;
  bool input_is_ready_ = false;  ///< at any time: a file, /dev/null
  bool output_is_ready_ = false;
  unsigned input_events_ = 0;  ///< what the loop waits for; 0 = not watched
  unsigned output_events_ = 0;
  unsigned master_events_ = 0;
};

}  // namespace caisson::container
