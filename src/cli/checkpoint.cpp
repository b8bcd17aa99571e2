// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/checkpoint_options.hpp"
#include "cli/command.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  CriuOptions criu;
  std::string parent_path, page_server;
  bool leave_running = false, link_remap = false, pre_dump = false, tcp_skip_in_flight = false;
  std::optional<std::int64_t> status_fd;
};

Run bind(Grammar& grammar) {
  auto o = std::make_shared<Options>();
  add_criu_options(grammar, o->criu);
  grammar.options.insert(
      grammar.options.end(),
      {
          {"parent-path", &o->parent_path, "DIR", "earlier images, relative to the image path"},
          {"leave-running", &o->leave_running, "", "let the container run on"},
          {"tcp-skip-in-flight", &o->tcp_skip_in_flight, "", "leave connections out that are being made"},
          {"link-remap", &o->link_remap, "", "keep files that were unlinked"},
          {"status-fd", &o->status_fd, "FD", "descriptor that is told when lazy pages are ready"},
          {"page-server", &o->page_server, "ADDRESS:PORT", "send memory there"},
          {"pre-dump", &o->pre_dump, "", "save memory only and let the container run on"},
      });
  grammar.arguments = {{"container-id", &o->id}};
  return not_yet("checkpoint", o);
}

}  // namespace

extern const Command kCheckpoint{
    .name = "checkpoint", .summary = "save a running container to files (not yet supported)", .bind = bind};

}  // namespace caisson::cli
