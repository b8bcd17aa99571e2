// SPDX-License-Identifier: Apache-2.0
#include "cli/checkpoint_options.hpp"

namespace caisson::cli {

void add_criu_options(Grammar& grammar, CriuOptions& options) {
  grammar.options.insert(
      grammar.options.end(),
      {
          {"image-path", &options.image_path, "DIR", "where the images are (default: ./checkpoint)"},
          {"work-path", &options.work_path, "DIR", "where logs and work files go"},
          {"tcp-established", &options.tcp_established, "", "allow open TCP connections"},
          {"ext-unix-sk", &options.ext_unix_sk, "", "allow unix sockets to outside"},
          {"shell-job", &options.shell_job, "", "allow the caller's terminal and session"},
          {"file-locks", &options.file_locks, "", "keep file locks"},
          {"manage-cgroups-mode", Choice{&options.manage_cgroups_mode, "soft|full|strict|ignore"},
           "soft|full|strict|ignore", "what becomes of cgroups (default: soft)"},
          {"network-lock", &options.network_lock, "METHOD", "how the network is held meanwhile"},
          {"empty-ns", &options.empty_ns, "NAMESPACE", "leave this namespace's contents out (only network)"},
          {"auto-dedup", &options.auto_dedup, "", "deduplicate the memory images"},
          {"lazy-pages", &options.lazy_pages, "", "hand memory over on demand"},
      });
}

}  // namespace caisson::cli
