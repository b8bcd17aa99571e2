// SPDX-License-Identifier: Apache-2.0
// The program that containers of the tests run: says as JSON what it sees from inside, then does the small acts that
// its arguments name, in their order. It is static, so it needs no file but itself.
//
//   probe [questions and acts...]      without --quiet the report is printed first
//   questions: see report.hpp
//   --quiet               no report
//   --report-to PATH      the report goes to a file
//   --print TEXT          TEXT and a newline on stdout; --error TEXT: on stderr
//   --append PATH TEXT    TEXT and a newline at the end of a file
//   --cat                 stdin to stdout until its end
//   --echo-line           one line of stdin back to stdout
//   --flush-input         waits until there is input from a terminal, and throws it away
//   --sleep SECONDS       (may be a fraction)
//   --fork N              N children that wait for a signal
//   --orphan SECONDS      a grandchild in a session of its own that lives so long
//   --allocate MIB        memory that is touched and kept
//   --spin SECONDS        burns processor time
//   --ignore SIGNAL       by number
//   --trap SIGNAL         prints "signal N" whenever it comes
//   --wait-winch          waits for SIGWINCH, prints "ROWS COLUMNS"
//   --hold                waits for ever; SIGTERM ends it with 0
//   --kill SIGNAL         sends it to itself
//   --notify TEXT         to the service manager's socket, sd_notify(3)
//   --exec PROGRAM ARG... becomes that program
//   --exit CODE           ends
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "report.hpp"

namespace {

void say(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t put = ::write(fd, text.data() + done, text.size() - done);
    if (put < 0 && errno != EINTR) ::_exit(90);
    if (put > 0) done += static_cast<std::size_t>(put);
  }
}

void on_signal(int number) {
  char text[] = "signal 00\n";
  text[7] = static_cast<char>('0' + number / 10);
  text[8] = static_cast<char>('0' + number % 10);
  [[maybe_unused]] const auto put = ::write(1, text, sizeof text - 1);
}

void catch_signal(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
}

void sleep_for(const char* text) {
  const double seconds = std::atof(text);
  timespec left{static_cast<time_t>(seconds),
                static_cast<long>((seconds - static_cast<double>(static_cast<time_t>(seconds))) * 1e9)};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

/// Waits until there is input, and throws it away.
void flush_input() {
  pollfd ready{0, POLLIN, 0};
  while (::poll(&ready, 1, -1) < 0 && errno == EINTR) {
  }
  ::tcflush(0, TCIFLUSH);
}

void spin(double seconds) {
  timespec start{}, now{};
  ::clock_gettime(CLOCK_MONOTONIC, &start);
  do ::clock_gettime(CLOCK_MONOTONIC, &now);
  while (static_cast<double>(now.tv_sec - start.tv_sec) + static_cast<double>(now.tv_nsec - start.tv_nsec) / 1e9 <
         seconds);
}

/// As PID 1 the default action of SIGTERM does not happen: an own handler is needed to end.
[[noreturn]] void hold() {
  catch_signal(SIGTERM, [](int) { ::_exit(0); });
  for (;;) {
    ::pause();
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

void fork_children(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child < 0) {
      say(1, "fork " + guest::errno_name(errno) + "\n");
      return;
    }
    if (child == 0) {
      catch_signal(SIGTERM, SIG_DFL);
      for (;;) ::pause();
    }
  }
}

void orphan(const char* seconds) {
  if (::fork() != 0) {
    ::wait(nullptr);
    return;
  }
  if (::fork() == 0) {
    ::setsid();
    sleep_for(seconds);
  }
  ::_exit(0);
}

void allocate(long mib) {
  const auto size = static_cast<std::size_t>(mib) << 20;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    say(1, "mmap " + guest::errno_name(errno) + "\n");
    return;
  }
  std::memset(memory, 1, size);
}

void append(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) {
    say(2, std::string(path) + ": " + guest::errno_name(errno) + "\n");
    ::_exit(91);
  }
  say(fd, text);
  ::close(fd);
}

void copy_input(bool one_line) {
  char c = 0;
  char buffer[65536];
  std::string line;
  if (one_line) {
    while (::read(0, &c, 1) == 1) {
      line += c;
      if (c == '\n') break;
    }
    say(1, line);
    return;
  }
  for (ssize_t got = 0; (got = ::read(0, buffer, sizeof buffer)) > 0;)
    say(1, std::string(buffer, static_cast<std::size_t>(got)));
}

void wait_winch() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGWINCH);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  say(1, "waiting\n");
  int number = 0;
  ::sigwait(&set, &number);
  winsize size{};
  ::ioctl(0, TIOCGWINSZ, &size);
  say(1, std::to_string(size.ws_row) + " " + std::to_string(size.ws_col) + "\n");
}

void notify(const std::string& text) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path ? path : "", sizeof address.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (::sendto(socket, text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    say(2, "sendto " + guest::errno_name(errno) + "\n");
    ::_exit(94);
  }
  ::close(socket);
}

/// Sorts one question into its list. False: `name` is no question.
bool ask(guest::Questions& questions, const std::string& name, const char* value) {
  static constexpr struct {
    const char* name;
    std::vector<std::string> guest::Questions::*list;
  } kQuestions[] = {
      {"--stat", &guest::Questions::stats},       {"--read", &guest::Questions::reads},
      {"--try-write", &guest::Questions::writes}, {"--try-create", &guest::Questions::creates},
      {"--list", &guest::Questions::lists},       {"--try-open", &guest::Questions::opens},
      {"--sysctl", &guest::Questions::sysctls},   {"--syscall", &guest::Questions::calls},
  };
  for (const auto& question : kQuestions) {
    if (name != question.name) continue;
    (questions.*question.list).emplace_back(value);
    return true;
  }
  return false;
}

/// How many words after its name an act takes; -1: no such act.
int operands(const std::string& name) {
  for (const char* none : {"--quiet", "--cat", "--echo-line", "--flush-input", "--wait-winch", "--hold"})
    if (name == none) return 0;
  for (const char* one : {"--report-to", "--print", "--error", "--sleep", "--fork", "--orphan", "--allocate", "--spin",
                          "--ignore", "--trap", "--kill", "--notify", "--exit", "--rename"})
    if (name == one) return 1;
  if (name == "--append") return 2;
  return -1;
}

void act(const std::string& name, char** value) {
  if (name == "--print") say(1, std::string(value[0]) + "\n");
  if (name == "--error") say(2, std::string(value[0]) + "\n");
  if (name == "--append") append(value[0], std::string(value[1]) + "\n");
  if (name == "--cat") copy_input(false);
  if (name == "--echo-line") copy_input(true);
  if (name == "--flush-input") flush_input();
  if (name == "--sleep") sleep_for(value[0]);
  if (name == "--fork") fork_children(std::atoi(value[0]));
  if (name == "--orphan") orphan(value[0]);
  if (name == "--allocate") allocate(std::atol(value[0]));
  if (name == "--spin") spin(std::atof(value[0]));
  if (name == "--ignore") catch_signal(std::atoi(value[0]), SIG_IGN);
  if (name == "--trap") catch_signal(std::atoi(value[0]), on_signal);
  if (name == "--wait-winch") wait_winch();
  if (name == "--hold") hold();
  if (name == "--notify") notify(value[0]);
  if (name == "--kill") ::kill(::getpid(), std::atoi(value[0]));
  if (name == "--exit") ::_exit(std::atoi(value[0]));
  if (name == "--rename") ::prctl(PR_SET_NAME, value[0], 0, 0, 0);
  if (name == "--exec") {
    ::execv(value[0], value);
    say(2, "execv " + guest::errno_name(errno) + "\n");
    ::_exit(92);
  }
}

}  // namespace

int main(int argc, char** argv) {
  guest::Questions questions;
  bool quiet = false;
  const char* report_to = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--exec") break;
    const int count = operands(name);
    if (name == "--quiet") quiet = true;
    if (name == "--report-to" && i + 1 < argc) report_to = argv[i + 1];
    if (count < 0 && (i + 1 >= argc || !ask(questions, name, argv[i + 1]))) {
      say(2, "probe: what is '" + name + "'?\n");
      return 93;
    }
    i += count < 0 ? 1 : count;
  }
  if (!quiet) {
    const std::string text = guest::report(questions, argv, environ);
    if (report_to)
      append(report_to, text);
    else
      say(1, text);
  }
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    act(name, argv + i + 1);
    const int count = operands(name);
    i += count < 0 ? 1 : count;
  }
  return 0;
}
