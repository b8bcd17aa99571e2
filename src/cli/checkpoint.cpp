// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/checkpoint_options.hpp"
#include "cli/command.hpp"
#include "cli/not_yet.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  CriuOptions criu;
  std::string parent_path, page_server;
  bool leave_running = false, link_remap = false, pre_dump = false, tcp_skip_in_flight = false;
  std::optional<std::int64_t> status_fd;
};

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_criu_options(app, o->criu);
  add_option(app, "--parent-path", o->parent_path, "DIR", "earlier images, relative to the image path");
  add_switch(app, "--leave-running", o->leave_running, "let the container run on");
  add_switch(app, "--tcp-skip-in-flight", o->tcp_skip_in_flight, "leave connections out that are being made");
  add_switch(app, "--link-remap", o->link_remap, "keep files that were unlinked");
  add_option(app, "--status-fd", o->status_fd, "FD", "descriptor that gets a byte when lazy pages are ready");
  add_option(app, "--page-server", o->page_server, "ADDRESS:PORT", "send memory there");
  add_switch(app, "--pre-dump", o->pre_dump, "save memory only and let the container run on");
  add_argument(app, "container-id", o->id);
  return not_yet("checkpoint", o);
}

}  // namespace

extern const Command kCheckpoint{
    .name = "checkpoint", .summary = "save a running container to files (not yet supported)", .bind = bind};

}  // namespace caisson::cli
