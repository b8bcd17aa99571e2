// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/bundle_options.hpp"
#include "cli/checkpoint_options.hpp"
#include "cli/command.hpp"
#include "cli/not_yet.hpp"

namespace caisson::cli {
namespace {

struct Options {
  container::CreateOptions create;
  CriuOptions criu;
  std::string lsm_profile, lsm_mount_context;
  bool detach = false, no_subreaper = false, tcp_close = false;
};

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_bundle_options(app, o->create);
  add_criu_options(app, o->criu);
  add_switch(app, "-d,--detach", o->detach, "return once the process runs");
  add_switch(app, "--no-subreaper", o->no_subreaper, "do not adopt the container's orphans");
  add_switch(app, "--tcp-close", o->tcp_close, "restore TCP connections as closed");
  add_option(app, "--lsm-profile", o->lsm_profile, "TYPE:NAME", "LSM profile to restore with");
  add_option(app, "--lsm-mount-context", o->lsm_mount_context, "CONTEXT", "SELinux context of mounts");
  add_argument(app, "container-id", o->create.id);
  return not_yet("restore", o);
}

}  // namespace

extern const Command kRestore{
    .name = "restore", .summary = "make a container from a checkpoint (not yet supported)", .bind = bind};

}  // namespace caisson::cli
