// SPDX-License-Identifier: Apache-2.0
// Runs commands in turn and measures them: wall time by the monotonic clock from before the clone to after the wait,
// the rest by wait4(2). It is small and static, so that neither its own size nor its pages blur what it measures.
//
// Standard input is a script of lines, fields parted by tabs:
//   rounds N            how often every lane is gone through; the lanes take turns within a round, in changing order
//   warmup N            rounds before these, not printed
//   lane NAME           the steps up to the next lane are this lane's
//   do ARG...           a step that is not measured
//   try ARG...          one that may fail
//   time LABEL ARG...   a measured step; a lane in which one fails is left out from there on
//   many LABEL N ARG... N of it at once, each measured; %p in an argument is its number
//   every N ARG...      N of it one after the other, not measured; %p as above
//   gone FILE           waits until the process whose pid is in FILE has ended
// In arguments %r is the round. Standard output has a line for each measurement:
//   lane label wall_ns user_us system_us peak_kib minor_faults
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Step {
  enum class Kind { plain, may_fail, timed, many, every, gone };
  Kind kind;
  std::string label;
  int count = 1;
  std::vector<std::string> arguments;
};

struct Lane {
  std::string name;
  std::vector<Step> steps;
  bool failed = false;  ///< it is left out from there on; the others go on
};

struct Running {
  pid_t pid;
  std::int64_t begun;
};

int silent = -1;

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::size_t at = 0;
  for (;;) {
    const auto tab = line.find('\t', at);
    fields.push_back(line.substr(at, tab - at));
    if (tab == std::string::npos) return fields;
    at = tab + 1;
  }
}

void replace(std::string& text, const char* sign, const std::string& value) {
  for (auto at = text.find(sign); at != std::string::npos; at = text.find(sign, at + value.size()))
    text.replace(at, std::strlen(sign), value);
}

/// vfork, so that the size of this program does not matter.
pid_t start(std::vector<char*>& arguments) {
  const pid_t pid = ::vfork();
  if (pid != 0) return pid;
  ::dup2(silent, 0);
  ::dup2(silent, 1);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

void print(const Lane& lane, const Step& step, std::int64_t wall, const rusage& use) {
  const auto microseconds = [](const timeval& t) { return t.tv_sec * 1'000'000LL + t.tv_usec; };
  std::printf("%s\t%s\t%lld\t%lld\t%lld\t%ld\t%ld\n", lane.name.c_str(), step.label.c_str(),
              static_cast<long long>(wall), microseconds(use.ru_utime), microseconds(use.ru_stime), use.ru_maxrss,
              use.ru_minflt);
}

void wait_for_end(const std::string& file) {
  FILE* const opened = std::fopen(file.c_str(), "r");
  int pid = 0;
  if (opened == nullptr || std::fscanf(opened, "%d", &pid) != 1) std::_Exit(3);
  std::fclose(opened);
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return;
  pollfd ended{fd, POLLIN, 0};
  ::poll(&ended, 1, 10'000);
  ::close(fd);
}

void run(Lane& lane, const Step& step, int round, bool shown) {
  std::vector<std::vector<std::string>> texts(static_cast<std::size_t>(step.count), step.arguments);
  std::vector<std::vector<char*>> arguments(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (auto& text : texts[i]) {
      replace(text, "%r", std::to_string(round));
      replace(text, "%p", std::to_string(i));
      arguments[i].push_back(text.data());
    }
    arguments[i].push_back(nullptr);
  }
  if (step.kind == Step::Kind::gone) return wait_for_end(texts.front().front());
  std::vector<Running> running;
  running.reserve(texts.size());
  const bool in_turn = step.kind == Step::Kind::every;
  for (std::size_t next = 0, left = texts.size(); left > 0; --left) {
    for (; next < texts.size() && (!in_turn || running.size() + left == texts.size()); ++next) {
      const std::int64_t begun = now();
      running.push_back({start(arguments[next]), begun});
    }
    int status = 0;
    rusage use{};
    const pid_t pid = ::wait4(-1, &status, 0, &use);
    const std::int64_t ended = now();
    if (pid < 0) break;
    if (status != 0 && step.kind != Step::Kind::may_fail) {
      std::fprintf(stderr, "driver: %s: '%s ... %s' ended with status %#x\n", lane.name.c_str(),
                   texts.front().front().c_str(), texts.front().back().c_str(), static_cast<unsigned>(status));
      lane.failed = true;
      continue;
    }
    if (!shown || (step.kind != Step::Kind::timed && step.kind != Step::Kind::many)) continue;
    for (const auto& one : running)
      if (one.pid == pid) print(lane, step, ended - one.begun, use);
  }
}

Step read_step(const std::vector<std::string>& fields) {
  using Kind = Step::Kind;
  const std::string& word = fields[0];
  if (word == "do" || word == "try")
    return {word == "do" ? Kind::plain : Kind::may_fail, {}, 1, {fields.begin() + 1, fields.end()}};
  if (word == "gone") return {Kind::gone, {}, 1, {fields.begin() + 1, fields.end()}};
  if (word == "every" && fields.size() > 2)
    return {Kind::every, {}, std::atoi(fields[1].c_str()), {fields.begin() + 2, fields.end()}};
  if (word == "time" && fields.size() > 2) return {Kind::timed, fields[1], 1, {fields.begin() + 2, fields.end()}};
  if (word == "many" && fields.size() > 3)
    return {Kind::many, fields[1], std::atoi(fields[2].c_str()), {fields.begin() + 3, fields.end()}};
  std::fprintf(stderr, "driver: '%s'?\n", word.c_str());
  std::_Exit(2);
}

/// Which lane has a turn. Who comes first finds colder caches, and who comes after another finds what that has left
/// the kernel to do: each is first in its turn, and the order runs forwards and backwards.
std::size_t place_of(std::size_t turn, std::size_t round, std::size_t count) {
  const std::size_t first = round / 2 % count;
  return round % 2 == 0 ? (first + turn) % count : (first + count - turn) % count;
}

}  // namespace

int main() {
  silent = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  int rounds = 1;
  int warmup = 0;
  std::vector<Lane> lanes;
  std::string line;
  for (int c = 0; (c = std::getchar()) != EOF;) {
    if (c != '\n') {
      line += static_cast<char>(c);
      continue;
    }
    const auto fields = fields_of(line);
    line.clear();
    if (fields[0] == "rounds")
      rounds = std::atoi(fields.at(1).c_str());
    else if (fields[0] == "warmup")
      warmup = std::atoi(fields.at(1).c_str());
    else if (fields[0] == "lane")
      lanes.push_back({fields.at(1), {}});
    else
      lanes.back().steps.push_back(read_step(fields));
  }
  for (int round = -warmup; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < lanes.size(); ++turn) {
      Lane& lane = lanes[place_of(turn, static_cast<std::size_t>(round + warmup), lanes.size())];
      for (const auto& step : lane.steps)
        if (!lane.failed) run(lane, step, round + warmup, round >= 0);
    }
  }
  return 0;
}
