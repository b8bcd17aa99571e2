// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <compare>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace caisson::faults {

/// One system call of a traced command: the n-th of its kind in one of its processes. A process is named by how it came
/// to be: "runtime", its first child "runtime.1", that one's second child "runtime.1.2", and "init" for one that was
/// there before.
struct Point {
  std::string process;
  long call = 0;
  int occurrence = 0;  ///< from 1
  auto operator<=>(const Point&) const = default;
};

/// "runtime.1 openat2 #3"
std::string to_string(const Point& point);

/// What happens at a point, when its process is about to make the call.
struct Fault {
  enum class Kind {
    kill,       ///< SIGKILL for the process at the point; the call does not happen
    terminate,  ///< SIGTERM for the runtime; the call goes on
    interrupt,  ///< SIGINT for the runtime's whole process group, as a terminal sends it
    hang_up,    ///< SIGHUP for the runtime
    error,      ///< the call does not happen and fails
  };
  Kind kind = Kind::kill;
  int error = 0;  ///< errno, for Kind::error
};

/// "SIGKILL", "ENOMEM"
std::string to_string(const Fault& fault);

struct Command {
  std::vector<std::string> args;  ///< argv; [0] is the runtime
  std::string cwd;
  std::string out, err;      ///< files that get standard output and error
  pid_t init = 0;            ///< a process of the runtime that is there already and is followed, too
  bool leaves_init = false;  ///< success leaves processes of the runtime behind
};

/// How a traced command went.
struct Trace {
  int code = -1;                  ///< exit code, 128 + signal; -1 = had to be killed
  bool by_signal = false;         ///< a signal ended the runtime
  bool reached = false;           ///< the point was there
  std::vector<Point> points;      ///< all of them, in the order of time
  std::vector<std::string> left;  ///< processes of the runtime's own that did not end: "runtime.1 in recvmsg"
};

/// Runs the command and follows every process of it through ptrace(2), each up to the execve that makes it another
/// program than the runtime. At `point` the fault happens; null: nothing does. The caller must be a child subreaper.
class Tracer {
 public:
  Tracer(Command command, const Point* point, Fault fault);
  Trace run();

 private:
  struct Process {
    std::string name;
    pid_t group = 0;      ///< thread group
    int children = 0;     ///< so far
    int replacement = 0;  ///< errno that the present call is to return
    bool counted = true;  ///< it is the runtime: its calls are points
    std::map<long, int> calls;
  };

  void start();
  void attach_init();
  void handle(pid_t pid, int status);
  void handle_event(pid_t pid, int event);
  void handle_new(pid_t pid, pid_t child);
  void handle_exec(pid_t pid);
  void handle_call(pid_t pid, Process& process);
  void apply(pid_t pid, Process& process);
  void resume(pid_t pid, int signal = 0);
  void forget(pid_t pid, int status);
  bool is_over();
  void release_all();
  void kill_all();
  Process& leader(Process& process);
  bool runs_runtime(pid_t pid) const;
  std::string where(pid_t pid) const;

  Command command_;
  const Point* point_;
  Fault fault_;
  Trace trace_;
  pid_t runtime_ = 0;
  bool runtime_ended_ = false;
  off_t runtime_size_ = 0;
  std::map<pid_t, Process> processes_;
  std::set<pid_t> early_;  ///< stopped before the event that says whose children they are
  double started_ = 0, last_event_ = 0;
};

}  // namespace caisson::faults
