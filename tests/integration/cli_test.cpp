// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "integration/support/world.hpp"

using namespace caisson::testing;

using Strings = std::vector<std::string>;

namespace {

Bundle holding(World& world) {
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--hold"});
  return bundle;
}

std::size_t lines_in(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += c == '\n';
  return count;
}

}  // namespace

TEST_CASE("state: its keys, in their order, and nothing on stderr", "[cli][compat]") {
  World world;
  Bundle bundle = holding(world);
  bundle.set("/annotations", R"({"org.example/a":"1"})");
  world.started(bundle);
  Ran ran = world.call({"state", bundle.id});
  REQUIRE(ran.code == 0);
  CHECK(ran.err.empty());
  const Json state(ran.out);
  CHECK(state.keys() ==
        Strings{"ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"});
  CHECK(state.str("/id") == bundle.id);
  CHECK(state.str("/status") == "running");
  CHECK(alive(static_cast<pid_t>(state.num("/pid"))));
  CHECK(state.str("/bundle") == bundle.dir);
  CHECK(state.str("/rootfs") == bundle.rootfs);
  CHECK(state.str("/annotations/org.example~1a") == "1");
  const std::string created = state.str("/created");
  INFO(created);
  CHECK(created.size() >= 20);
  CHECK(created.back() == 'Z');
  CHECK(created[10] == 'T');
  ran = world.call({"state", world.mark() + "-none"});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "container does not exist"));
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("list: a table, JSON, ids alone; nothing when there is nothing", "[cli][compat]") {
  World world;
  make_dirs(world.root());
  CHECK(trimmed(world.call({"list", "--format", "json"}).out) == "null");
  CHECK(world.call({"list", "-q"}).out.empty());
  Bundle first = holding(world), second = holding(world);
  world.started(first);
  REQUIRE(world.create(second).code == 0);
  const Ran json = world.call({"list", "-f", "json"});
  CHECK(json.code == 0);
  CHECK(json.err.empty());
  CHECK(lines_in(json.out) <= 1);
  const Json list(json.out);
  REQUIRE(list.size("") == 2);
  CHECK(list.str("/0/id") == first.id);
  CHECK(list.str("/0/status") == "running");
  CHECK(list.str("/1/status") == "created");
  CHECK(list.num("/0/pid") == world.pid(first));
  CHECK(world.call({"list", "--quiet"}).out == first.id + "\n" + second.id + "\n");
  const std::string table = world.call({"list"}).out;
  for (const char* title : {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}) CHECK(contains(table, title));
  CHECK(lines_in(table) == 3);
  CHECK(contains(table, "root"));
  CHECK(world.remove(first, true).code == 0);
  CHECK(world.remove(second, true).code == 0);
}

TEST_CASE("list: a bundle's path does not break the table", "[cli]") {
  World world;
  Bundle bundle = holding(world);
  const std::string odd = world.dir() + "/a\nb\033[2J";
  REQUIRE(::rename(bundle.dir.c_str(), odd.c_str()) == 0);
  bundle.dir = odd;
  bundle.rootfs = odd + "/rootfs";
  REQUIRE(world.create(bundle).code == 0);
  const std::string table = world.call({"list"}).out;
  CHECK(lines_in(table) == 2);
  CHECK(contains(table, "/a\\nb\\u001b[2J "));
  CHECK(Json(world.call({"list", "-f", "json"}).out).str("/0/bundle") == odd);
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("list skips what is no container, with a warning", "[cli]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  make_dirs(world.root() + "/broken");
  const Ran ran = world.call({"list", "-q"});
  CHECK(ran.code == 0);
  CHECK(ran.out == bundle.id + "\n");
  // A record that cannot be read may stand for a container that runs.
  spit(world.root() + "/broken/state.json", "garbage");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"list", "-q"}, {"stats"}}) {
    const Ran warned = world.call(words);
    CHECK(warned.code == 0);
    CHECK(contains(warned.out, bundle.id));
    CHECK(contains(warned.err, "warning: load container broken: "));
  }
  CHECK(world.remove(bundle, true).code == 0);
  std::filesystem::remove_all(world.root() + "/broken");
}

TEST_CASE("a root that was asked for and is not there", "[cli]") {
  World world;
  const Ran ran = world.call({"list"});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, world.root()));
}

TEST_CASE("ps: JSON pids and the host's table", "[cli][compat]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--fork", "2", "--print", "ready", "--hold"});
  const Ran files = world.started(bundle);
  REQUIRE(eventually([&] { return contains(slurp(files.out_path), "ready"); }));
  const Ran json = world.call({"ps", "--format", "json", bundle.id});
  CHECK(json.code == 0);
  CHECK(json.err.empty());
  CHECK(Json(json.out).size("") == 3);
  const std::string pid = std::to_string(world.pid(bundle));
  CHECK(contains(json.out, pid));
  const Ran table = world.call({"ps", bundle.id});
  CHECK(contains(table.out, "PID"));
  CHECK(contains(table.out, pid));
  CHECK(lines_in(table.out) == 4);
  const Ran own = world.call({"ps", bundle.id, "-o", "pid,comm"});
  CHECK(contains(own.out, "COMMAND"));
  CHECK(contains(own.out, "probe"));
  CHECK(lines_in(own.out) == 4);
  const Ran wrong = world.call({"ps", bundle.id, "--bogus"});
  CHECK(wrong.code == 1);
  CHECK(contains(wrong.err, "ps(1) of the host"));
  CHECK(lines_in(wrong.err) == 1);
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("spec writes a config that runs, and never over another", "[cli]") {
  World world;
  Bundle bundle = world.busybox_bundle();
  CHECK(world.call({"spec", "--bundle", bundle.dir}).code == 0);
  const std::string text = slurp(bundle.dir + "/config.json");
  CHECK(contains(text, "\n\t\"ociVersion\""));
  const Ran again = world.call({"spec", "-b", bundle.dir});
  CHECK(again.code == 1);
  CHECK(contains(again.err, "File config.json exists. Remove it first"));
  CHECK(slurp(bundle.dir + "/config.json") == text);
  Json config(text);
  CHECK(config.str("/process/args/0") == "sh");
  CHECK(config.flag("/process/terminal"));
  CHECK(config.flag("/root/readonly"));
  config.set("/process/terminal", "false").set("/process/args", R"(["sh","-c","id; hostname; ps"])");
  config.set_string("/linux/cgroupsPath", "/" + world.mark() + "/" + bundle.id);
  spit(bundle.dir + "/config.json", config.text());
  const Ran ran = world.call({"run", "--bundle", bundle.dir, bundle.id});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "uid=0"));
  world.nothing_left();
}

TEST_CASE("features: what engines read, without root and without state", "[cli][compat]") {
  World world;
  How how;
  how.uid = 65534;
  how.global_root = false;
  const Ran ran = world.call({"features"}, how);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const Json features(ran.out);
  CHECK(features.str("/ociVersionMin") == "1.0.0");
  CHECK(features.str("/ociVersionMax") == "1.3.0");
  CHECK(features.size("/hooks") == 6);
  CHECK(features.has("/linux"));
  CHECK(features.size("/linux/namespaces") == 8);
  CHECK(features.size("/linux/capabilities") >= 38);
  CHECK(features.flag("/linux/cgroup/v1"));
  CHECK(features.flag("/linux/cgroup/v2"));
  CHECK(features.flag("/linux/seccomp/enabled"));
  CHECK(features.flag("/linux/mountExtensions/idmap/enabled"));
  CHECK(contains(features.text("/mountOptions"), "\"rro\""));
  CHECK(contains(features.text("/linux/seccomp/actions"), "SCMP_ACT_NOTIFY"));
}

TEST_CASE("--version: one item a line", "[cli][compat]") {
  World world;
  for (const char* flag : {"--version", "-v", "-version"}) {
    How how;
    how.global_root = false;
    const Ran ran = world.call({flag}, how);
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "version "));
    CHECK(contains(ran.out, "\nspec: 1.3.0\n"));
    CHECK(contains(ran.out, "\ncommit: "));
  }
}

TEST_CASE("help exits 0, also for commands that are not there yet", "[cli][compat]") {
  World world;
  for (const Strings& args : {Strings{"--help"}, Strings{"-h"}, Strings{"help"}, Strings{"checkpoint", "--help"},
                              Strings{"run", "--help"}, Strings{"exec", "-h"}, Strings{"help", "create"}}) {
    const Ran ran = world.call(args);
    INFO(args[0]);
    CHECK(ran.code == 0);
    CHECK_FALSE(ran.out.empty());
    CHECK(ran.err.empty());
  }
}

TEST_CASE("the parser: one dash or two, = or a space, flags after the id, repeats, --", "[cli][compat]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet", "--print", "ran"});
  bundle.write();
  const Strings forms[] = {
      {"run", "-bundle", bundle.dir, bundle.id},
      {"run", "--bundle=" + bundle.dir, bundle.id},
      {"run", "-b=" + bundle.dir, bundle.id},
      {"run", bundle.id, "--bundle", bundle.dir},
      {"run", "--bundle", "/nowhere", "--bundle", bundle.dir, bundle.id},
      {"run", "--bundle", bundle.dir, "--keep=false", bundle.id},
      {"run", "-no-subreaper", "--no-subreaper", "-b", bundle.dir, "--", bundle.id},
  };
  for (const auto& form : forms) {
    const Ran ran = world.call(form);
    INFO(Json().set_strings("/args", form).text() << ": " << ran.err);
    CHECK(ran.code == 0);
    CHECK(ran.out == "ran\n");
  }
  world.nothing_left();
}

TEST_CASE("exec and ps leave what stands after the id alone", "[cli][compat]") {
  World world;
  Bundle bundle = holding(world);
  world.started(bundle);
  const Ran ran = world.call({"exec", bundle.id, "/probe", "--quiet", "--print", "--cwd", "--exit", "4"});
  CHECK(ran.code == 4);
  CHECK(ran.out == "--cwd\n");
  CHECK(world.remove(bundle, true).code == 0);
}

TEST_CASE("usage mistakes", "[cli][compat][errors]") {
  World world;
  const std::pair<Strings, const char*> cases[] = {
      {{"restore", "--lsm-mount-context"}, "flag needs an argument"},
      {{"run", "--bundle"}, "flag needs an argument: --bundle"},
      {{"state"}, "requires exactly 1 argument"},
      {{"start", "a", "b"}, "requires exactly 1 argument"},
      {{"kill"}, "argument"},
      {{"exec"}, "requires a minimum of"},
      {{"run", "--nonsense", "x"}, "nonsense"},
      {{"dance"}, "dance"},
      {{"--log-format", "xml", "list"}, "invalid log-format"},
      {{"list", "--format", "xml"}, "xml"},
      {{"run", "--preserve-fds", "many", "x"}, "many"},
  };
  for (const auto& [args, what] : cases) {
    const Ran ran = world.call(args);
    INFO(Json().set_strings("/args", args).text() << ": " << ran.out << ran.err);
    CHECK(ran.code != 0);
    CHECK(contains(ran.out + ran.err, what));
  }
  CHECK(world.call({"checkpoint", "x"}).code == 1);
  CHECK(contains(world.call({"checkpoint", "x"}).err, "not yet supported"));
}

TEST_CASE("ids: what is one and what is not", "[cli][errors]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"});
  bundle.write();
  for (const std::string& id : {std::string("a/b"), std::string(".."), std::string("."), std::string("a b"),
                                std::string("a\nb"), std::string("ü"), std::string("../x"), std::string(300, 'a')}) {
    const Ran ran = world.call({"run", "--bundle", bundle.dir, id});
    INFO(id << ": " << ran.err);
    CHECK(ran.code == 1);
    if (id.size() < 300) CHECK(contains(ran.err, "invalid container ID format"));
  }
  const Ran empty = world.call({"run", "--bundle", bundle.dir, ""});
  CHECK(empty.code == 1);
  CHECK(contains(empty.err, "container id cannot be empty"));
  for (const std::string& id : {world.mark() + ".b", world.mark() + "_+-"})
    CHECK(world.call({"run", "--bundle", bundle.dir, id}).code == 0);
  world.nothing_left();
}

TEST_CASE("an error is said once: a plain line on stderr, one JSON record in the log", "[cli][log][compat]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.args({"/no/where"});
  bundle.write();
  const std::string log = world.dir() + "/log";
  const Ran ran = world.call({"--log", log, "--log-format", "json", "create", "--bundle", bundle.dir, bundle.id});
  CHECK(ran.code == 1);
  CHECK(lines_in(ran.err) == 1);
  const std::string text = slurp(log);
  INFO(text);
  CHECK(lines_in(text) == 1);  // one engine decodes the whole file as one object
  const Json record(text);
  CHECK(record.keys() == Strings{"level", "msg", "time"});
  CHECK(record.str("/level") == "error");
  CHECK(contains(record.str("/msg"), "no such file or directory"));
  CHECK(contains(ran.err, record.str("/msg")));
  const std::string time = record.str("/time");
  CHECK(time.size() >= 20);
  CHECK(time[10] == 'T');
  struct stat info {};
  REQUIRE(::stat(log.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0644);
}

TEST_CASE("a log that is appended to, and stays empty when all is well", "[cli][log]") {
  World world;
  Bundle bundle = world.bundle();
  bundle.probe({"--quiet"});
  bundle.write();
  const std::string log = world.dir() + "/log";
  spit(log, "before\n");
  CHECK(world.call({"--log", log, "--log-format=json", "run", "--bundle", bundle.dir, bundle.id}).code == 0);
  CHECK(slurp(log) == "before\n");
  CHECK(world.call({"--debug", "--log", log, "--log-format=json", "run", "--bundle", bundle.dir, bundle.id}).code == 0);
  const std::string text = slurp(log).substr(7);
  CHECK(contains(text, "\"debug\""));
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    CHECK(Json::valid(text.substr(at, text.find('\n', at) - at)));
  const Ran ran = world.call({"--log", "/no/such/dir/log", "list"});
  CHECK(ran.code == 1);
  CHECK(contains(ran.err, "/no/such/dir/log"));
}

TEST_CASE("--root is kept for itself, and / is refused", "[cli]") {
  World world;
  How how;
  how.global_root = false;
  CHECK(world.call({"--root", "/", "list"}, how).code == 1);
  Bundle bundle = holding(world);
  bundle.write();
  REQUIRE(world.call({"--root", "relative-root", "run", "-d", "--bundle", bundle.dir, bundle.id}, how).code == 0);
  CHECK(world.call({"--root", world.dir() + "/relative-root", "state", bundle.id}, how).code == 0);
  CHECK(world.call({"--root=relative-root", "delete", "-f", bundle.id}, how).code == 0);
  world.nothing_left();
}

TEST_CASE("caisson is one static, position-independent file", "[cli]") {
  const std::string elf = slurp(Places::get().caisson);
  REQUIRE(elf.size() > 64);
  CHECK(elf[16] == 3);  // e_type = ET_DYN
  // Program headers: none is PT_INTERP (3).
  const auto word = [&](std::size_t at) {
    return static_cast<unsigned char>(elf[at]) | static_cast<unsigned char>(elf[at + 1]) << 8;
  };
  for (int i = 0; i < word(56); ++i) CHECK(word(static_cast<std::size_t>(word(32) + i * word(54))) != 3);
}
