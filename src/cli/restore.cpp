// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/bundle_options.hpp"
#include "cli/checkpoint_options.hpp"
#include "cli/command.hpp"

namespace caisson::cli {
namespace {

struct Options {
  container::CreateOptions create;
  CriuOptions criu;
  std::string lsm_profile, lsm_mount_context;
  bool detach = false, no_subreaper = false, tcp_close = false;
};

Run bind(Grammar& grammar) {
  auto o = std::make_shared<Options>();
  add_bundle_options(grammar, o->create);
  add_criu_options(grammar, o->criu);
  grammar.options.insert(grammar.options.end(),
                         {
                             {"detach,d", &o->detach, "", "return once the process runs"},
                             {"no-subreaper", &o->no_subreaper, "", "do not adopt the container's orphans"},
                             {"tcp-close", &o->tcp_close, "", "restore TCP connections as closed"},
                             {"lsm-profile", &o->lsm_profile, "TYPE:NAME", "LSM profile to restore with"},
                             {"lsm-mount-context", &o->lsm_mount_context, "CONTEXT", "SELinux context of mounts"},
                         });
  grammar.arguments = {{"container-id", &o->create.id}};
  return not_yet("restore", o);
}

}  // namespace

extern const Command kRestore{
    .name = "restore", .summary = "make a container from a checkpoint (not yet supported)", .bind = bind};

}  // namespace caisson::cli
