// SPDX-License-Identifier: Apache-2.0
#include "cli/checkpoint_options.hpp"

namespace caisson::cli {

void add_criu_options(CLI::App& app, CriuOptions& options) {
  add_option(app, "--image-path", options.image_path, "DIR", "where the images are (default: ./checkpoint)");
  add_option(app, "--work-path", options.work_path, "DIR", "where logs and work files go");
  add_switch(app, "--tcp-established", options.tcp_established, "allow open TCP connections");
  add_switch(app, "--ext-unix-sk", options.ext_unix_sk, "allow unix sockets to outside");
  add_switch(app, "--shell-job", options.shell_job, "allow the caller's terminal and session");
  add_switch(app, "--file-locks", options.file_locks, "keep file locks");
  add_choice(app, "--manage-cgroups-mode", options.manage_cgroups_mode, "soft|full|strict|ignore",
             "what becomes of cgroups (default: soft)");
  add_option(app, "--network-lock", options.network_lock, "METHOD", "how the network is held meanwhile");
  add_list(app, "--empty-ns", options.empty_ns, "NAMESPACE", "leave this namespace's contents out (only network)");
  add_switch(app, "--auto-dedup", options.auto_dedup, "deduplicate the memory images");
  add_switch(app, "--lazy-pages", options.lazy_pages, "hand memory over on demand");
}

}  // namespace caisson::cli
