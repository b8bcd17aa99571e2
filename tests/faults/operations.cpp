// SPDX-License-Identifier: Apache-2.0
#include "faults/operations.hpp"

#include <algorithm>
#include <cctype>

namespace caisson::faults {

namespace {

using Words = std::vector<std::string>;

Command make(const Sandbox& box, const Words& words, bool leaves_init = false) {
  Command command;
  command.args = box.words(words);
  command.cwd = box.dir();
  command.out = box.dir() + "/scratch/out";
  command.err = box.dir() + "/scratch/err";
  command.leaves_init = leaves_init;
  return command;
}

/// A command for the one container: its words, then the id.
auto on_container(Words words, bool leaves_init = false) {
  return [=](const Sandbox& box) {
    Words all = words;
    all.push_back(box.id());
    return make(box, all, leaves_init);
  };
}

auto making(Words words, bool leaves_init) {
  return [=](const Sandbox& box) {
    Words all = words;
    all.insert(all.end(), {"--bundle", box.bundle(), box.id()});
    return make(box, all, leaves_init);
  };
}

auto bundle_of(Shape shape, Guest guest) {
  return [=](Sandbox& box) { box.write_bundle(shape, guest); };
}

void create(Sandbox& box, Shape shape) {
  box.write_bundle(shape, Guest::stays);
  box.must({"create", "--bundle", box.bundle(), box.id()});
}

/// A container whose guest has made its report.
void run(Sandbox& box) {
  create(box, Shape::plain);
  box.must({"start", box.id()});
  box.report("report");
}

void run_and_pause(Sandbox& box) {
  run(box);
  box.must({"pause", box.id()});
}

void run_to_the_end(Sandbox& box) {
  run(box);
  box.must({"kill", box.id(), "KILL"});
  eventually(5, [&] { return box.status() == "stopped"; });
}

/// Digits as one letter each: what a counter shows is different each time.
std::string shape_of(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (!digit)
      plain += c;
    else if (plain.empty() || plain.back() != 'N')
      plain += 'N';
  }
  return plain;
}

std::string guest_and_hooks(Sandbox& box, const std::string& out) {
  return box.report("report") + box.hooks() + "output " + out + "\n";
}

std::string container_runs(Sandbox& box, const std::string& out) {
  return box.report("report") + box.hooks() + box.seen_from_host() + "output " + out + "\n";
}

std::string container_waits(Sandbox& box, const std::string& out) {
  const std::string seen = box.seen_from_host();
  const Ran started = box.call({"start", box.id()});
  return seen + "start: code " + std::to_string(started.code) + " " + started.err + "\n" + container_runs(box, out);
}

std::string pid_file(Sandbox& box, const std::string& out) {
  const bool right = std::atoi(read_text(box.bundle() + "/pid").c_str()) == box.init_pid();
  return container_runs(box, out) + (right ? "the pid file is right\n" : "the pid file is wrong\n");
}

std::string seen(Sandbox& box, const std::string& out) { return box.seen_from_host() + "output " + out + "\n"; }

std::string ended(Sandbox& box, const std::string& out) {
  eventually(3, [&] { return box.status() == "stopped"; });
  return seen(box, out);
}

std::string printed(Sandbox& box, const std::string& out) {
  return "printed " + shape_of(replaced(replaced(out, box.dir(), "@DIR@"), box.watched().cgroup, "@CGROUP@")) + "\n";
}

std::string exec_report(Sandbox& box, const std::string&) { return box.report("exec"); }

Command start_command(const Sandbox& box) {
  Command command = make(box, {"start", box.id()}, true);
  command.init = box.init_pid();
  return command;
}

auto execing(bool detached) {
  return [=](const Sandbox& box) {
    Words words{"exec"};
    if (detached) words.emplace_back("--detach");
    words.insert(words.end(), {box.id(), "/probe", "--report-to", "/out/exec", "--syscall", "170,0,0"});
    return make(box, words, detached);
  };
}

Command nsinit_command(const Sandbox& box) {
  Command command = make(box, {"nsinit", "exec", "/probe", "--report-to", "/out/report"});
  command.cwd = box.nsinit_dir();
  return command;
}

Command update_command(const Sandbox& box) {
  write_text(box.dir() + "/scratch/resources.json",
             R"({"memory": {"limit": 33554432}, "pids": {"limit": 16}, "cpu": {"shares": 256}})");
  return make(box, {"update", "--resources", box.dir() + "/scratch/resources.json", box.id()});
}

std::vector<Operation> making_operations() {
  const auto waits = bundle_of(Shape::plain, Guest::stays);
  const auto detach_command = [](const Sandbox& box) {
    return make(box, {"run", "--detach", "--pid-file", box.bundle() + "/pid", "--bundle", box.bundle(), box.id()},
                true);
  };
  const auto hooked = bundle_of(Shape::hooked, Guest::ends), mapped = bundle_of(Shape::mapped, Guest::ends);
  return {
      {"run", bundle_of(Shape::plain, Guest::ends), making({"run"}, false), guest_and_hooks},
      {"run, hooks", hooked, making({"run"}, false), guest_and_hooks},
      {"run, user namespace", mapped, making({"run"}, false), guest_and_hooks},
      {"run -d", waits, detach_command, pid_file},
      {"create", waits, making({"create"}, true), container_waits},
      {"create, hooks", bundle_of(Shape::hooked, Guest::stays), making({"create"}, true), container_waits},
      {"create, user namespace", bundle_of(Shape::mapped, Guest::stays), making({"create"}, true), container_waits},
      {"nsinit exec", [](Sandbox& box) { box.write_nsinit_directory(); }, nsinit_command, guest_and_hooks,
       Leaves::nothing, true},
  };
}

std::vector<Operation> using_operations() {
  using enum Leaves;
  return {
      {"start", [](Sandbox& box) { create(box, Shape::plain); }, start_command, container_runs, container_or_nothing},
      {"start, hooks", [](Sandbox& box) { create(box, Shape::hooked); }, start_command, container_runs,
       container_or_nothing},
      {"exec", run, execing(false), exec_report, the_container},
      {"exec -d", run, execing(true), exec_report, the_container},
      {"kill", run,
       [](const Sandbox& box) {
         return make(box, {"kill", box.id(), "TERM"});
       },
       ended, old_or_new},
      {"pause", run, on_container({"pause"}), seen, old_or_new},
      {"resume", run_and_pause, on_container({"resume"}), seen, old_or_new},
      {"update", run, update_command, seen, old_or_new},
      {"delete", run_to_the_end, on_container({"delete"}), seen, container_or_nothing},
      {"delete --force", run, on_container({"delete", "--force"}), seen, container_or_nothing},
      {"state", run, on_container({"state"}), printed, the_container},
      {"list", run,
       [](const Sandbox& box) {
         return make(box, {"list", "--format", "json"});
       },
       printed, the_container},
      {"events --stats", run, on_container({"events", "--stats"}), printed, the_container},
      {"ps", run, on_container({"ps", "--format", "json"}), printed, the_container},
  };
}

}  // namespace

const std::vector<Operation>& operations() {
  static const std::vector<Operation> all = [] {
    std::vector<Operation> list = making_operations();
    auto more = using_operations();
    std::ranges::move(more, std::back_inserter(list));
    return list;
  }();
  return all;
}

}  // namespace caisson::faults
