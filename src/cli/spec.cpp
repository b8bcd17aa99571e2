// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <memory>

#include "base/fd.hpp"
#include "cli/app.hpp"
#include "cli/command.hpp"
#include "config/spec.hpp"
#include "sys/file.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string bundle;
  bool rootless = false;
  std::string from;
};

/// Never overwrites a file, and removes what it could not write to the end.
Status write_config(const std::string& path, std::string_view text) {
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file) {
    if (errno == EEXIST) return fail(ErrorKind::config, "File config.json exists. Remove it first");
    return fail_errno("open('{}')", path);
  }
  auto written = sys::write_all(file, text, "config.json");
  if (!written) ::unlink(path.c_str());
  return written;
}

/// Whether cgroup v2 is the host's only one: cgroups(7).
bool has_cgroup_v2() {
  struct statfs top {};
  return ::statfs("/sys/fs/cgroup", &top) == 0 && top.f_type == CGROUP2_SUPER_MAGIC;
}

Result<config::Spec> make(const Options& o) {
  if (o.from.empty())
    return config::example(
        {.rootless = o.rootless, .uid = ::geteuid(), .gid = ::getegid(), .cgroup_v2 = has_cgroup_v2()});
  if (o.rootless) return fail(ErrorKind::config, "--from and --rootless exclude each other");
  if (nsinit_front_end().import == nullptr) return fail(ErrorKind::config, "this program cannot read container.json");
  return nsinit_front_end().import(o.from);
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_option(app, "-b,--bundle", o->bundle, "DIR", "write DIR/config.json (default: the working directory)");
  add_switch(app, "--rootless", o->rootless, "for a container of a user without privileges");
  add_option(app, "--from", o->from, "FILE", "the same container as that of a container.json, see nsinit(8)");
  return [o](const container::Globals&) -> Result<int> {
    const auto spec = CAISSON_TRY(make(*o), "spec");
    CAISSON_TRY(
        write_config(o->bundle.empty() ? "config.json" : o->bundle + "/config.json", config::save_indented(spec)),
        "spec");
    return 0;
  };
}

}  // namespace

extern const Command kSpec{.name = "spec",
                           .summary = "write a config.json to start from",
                           .bind = bind,
                           .details = "It runs sh in the directory rootfs of the bundle."};

}  // namespace caisson::cli
