// SPDX-License-Identifier: Apache-2.0
#include "fake_container.hpp"

#include "container/probe.hpp"

using namespace caisson;

namespace {

FakeContainer fake;

template <class T>
Result<T> answer(const char* called, const container::Globals& globals, T value) {
  fake.called = called;
  fake.globals = globals;
  if (fake.failure) return std::unexpected(*fake.failure);
  return value;
}

Status done(const char* called, const container::Globals& globals, const std::string& id) {
  fake.id = id;
  if (auto status = answer(called, globals, 0); !status) return std::unexpected(status.error());
  return {};
}

}  // namespace

FakeContainer& fake_container() { return fake; }
void reset_fake_container() { fake = {}; }

namespace caisson::container {

Status create(const Globals& globals, const CreateOptions& options) {
  fake.create = options;
  return done("create", globals, options.id);
}
Result<int> run(const Globals& globals, const CreateOptions& options, const RunOptions& run_options) {
  fake.create = options;
  fake.run = run_options;
  return answer("run", globals, fake.code);
}
Status start(const Globals& globals, const std::string& id) { return done("start", globals, id); }
Result<int> exec(const Globals& globals, const std::string& id, const ExecOptions& options) {
  fake.id = id;
  fake.exec = options;
  return answer("exec", globals, fake.code);
}
Status kill(const Globals& globals, const std::string& id, int signal, bool all) {
  fake.signal = signal;
  fake.flag = all;
  return done("kill", globals, id);
}
Status remove(const Globals& globals, const std::string& id, bool force) {
  fake.flag = force;
  return done("remove", globals, id);
}
Status pause(const Globals& globals, const std::string& id) { return done("pause", globals, id); }
Status resume(const Globals& globals, const std::string& id) { return done("resume", globals, id); }
Status update(const Globals& globals, const std::string& id, const UpdateOptions& options) {
  fake.update = options;
  return done("update", globals, id);
}
Result<std::vector<Difference>> verify(const Globals& globals, const std::string& id) {
  fake.id = id;
  return answer("verify", globals, fake.differences);
}
Status print_stats(const Globals& globals, const std::string& id, const PrintLine& print) {
  auto answered = done("print_stats", globals, id);
  return answered ? print("{}") : answered;
}
Status follow_events(const Globals& globals, const std::string& id, std::int64_t interval_ns, const PrintLine& print) {
  fake.interval = interval_ns;
  auto answered = done("follow_events", globals, id);
  return answered ? print("{}") : answered;
}
Result<std::vector<Usage>> usage(const Globals& globals, const std::vector<std::string>& ids,
                                 std::vector<std::string>& /*warnings*/) {
  fake.ids = ids;
  return answer("usage", globals, fake.usage);
}
Result<ContainerState> state(const Globals& globals, const std::string& id) {
  fake.id = id;
  return answer("state", globals, fake.states.empty() ? ContainerState{} : fake.states.front());
}
Result<std::vector<ContainerState>> list(const Globals& globals, std::vector<std::string>& warnings) {
  warnings = fake.warnings;
  return answer("list", globals, fake.states);
}
Result<std::vector<int>> processes(const Globals& globals, const std::string& id) {
  fake.id = id;
  return answer("processes", globals, fake.pids);
}
Result<plan::HostFacts> probe(const Globals& globals) { return answer("probe", globals, plan::HostFacts{}); }
SeccompSupport probe_seccomp() { return {libseccomp_version(), {"SECCOMP_FILTER_FLAG_LOG"}}; }
std::string libseccomp_version() { return "2.5.4"; }

}  // namespace caisson::container
