// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "integration/support/world.hpp"
#include "support/source_root.hpp"

namespace caisson::testing {

namespace {

std::string from_environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

Places find_places() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string tests = self.parent_path().parent_path();  // <build>/tests
  Places places;
  places.caisson = from_environment("CAISSON_TEST_BINARY", tests + "/../caisson");
  places.probe = from_environment("CAISSON_TEST_PROBE", tests + "/guest/probe");
  places.nothing = from_environment("CAISSON_TEST_NOTHING", tests + "/guest/nothing");
  places.attacker = from_environment("CAISSON_TEST_ATTACKER", tests + "/guest/attacker");
  places.busybox = from_environment("CAISSON_TEST_BUSYBOX", "/bin/busybox");
  places.debian = from_environment("CAISSON_TEST_DEBIAN", "");
  places.source = from_environment("CAISSON_TEST_SOURCE", kSourceRoot);
  places.caisson = std::filesystem::weakly_canonical(places.caisson, error);
  return places;
}

}  // namespace

const Places& Places::get() {
  static const Places places = find_places();
  return places;
}

std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void spit(const std::string& path, const std::string& text, mode_t mode) {
  std::ofstream(path, std::ios::binary) << text;
  REQUIRE(::chmod(path.c_str(), mode) == 0);
}

void make_dirs(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  INFO("mkdir " << path << ": " << error.message());
  REQUIRE_FALSE(error);
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(path, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error))
    names.push_back(it->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void install(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return;
  std::error_code error;
  std::filesystem::copy_file(from, to, error);
  INFO("copy " << from << " to " << to << ": " << error.message());
  REQUIRE_FALSE(error);
}

double patience() {
  static const double factor = std::max(1.0, std::atof(from_environment("CAISSON_TEST_PATIENCE", "1").c_str()));
  return factor;
}

bool eventually(const std::function<bool()>& condition, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds * patience());
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

bool alive(pid_t pid) {
  if (pid <= 0 || ::kill(pid, 0) != 0) return false;
  const std::string stat = slurp("/proc/" + std::to_string(pid) + "/stat");
  const auto at = stat.rfind(')');
  return at != std::string::npos && at + 2 < stat.size() && stat[at + 2] != 'Z' && stat[at + 2] != 'X';
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r')) text.pop_back();
  return text;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

bool cgroup_v2() {
  struct statfs info {};
  return ::statfs("/sys/fs/cgroup", &info) == 0 && info.f_type == 0x63677270;  // CGROUP2_SUPER_MAGIC
}

std::string cgroup_dir(const std::string& controller, const std::string& cgroups_path) {
  const std::string dir = "/sys/fs/cgroup" + (cgroup_v2() ? "" : "/" + controller) + cgroups_path;
  return exists(dir) ? dir : "";
}

std::string cgroup_value(const std::string& controller, const std::string& cgroups_path, const std::string& file) {
  return trimmed(slurp(cgroup_dir(controller, cgroups_path) + "/" + file));
}

}  // namespace caisson::testing
