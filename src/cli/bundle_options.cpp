// SPDX-License-Identifier: Apache-2.0
#include "cli/bundle_options.hpp"

namespace caisson::cli {

void add_bundle_options(Grammar& grammar, container::CreateOptions& options) {
  grammar.options.insert(
      grammar.options.end(),
      {
          {"bundle,b", &options.bundle, "DIR", "directory of the bundle (default: the working directory)"},
          {"config,f", &options.config_file, "FILE", "the configuration, when it is not DIR/config.json"},
          {"console-socket", &options.console_socket, "SOCKET", "AF_UNIX socket that is sent the terminal's master"},
          {"pidfd-socket", &options.pidfd_socket, "SOCKET", "AF_UNIX socket that is sent a pidfd of the process"},
          {"pid-file", &options.pid_file, "FILE", "write the process id to FILE"},
          {"no-pivot", &options.no_pivot, "", "do not use pivot_root; for a root file system on a ramdisk"},
          {"no-new-keyring", &options.no_new_keyring, "", "keep the caller's session keyring"},
          {"preserve-fds", &options.preserve_fds, "N", "pass N more descriptors, from 3 + $LISTEN_FDS on"},
      });
}

}  // namespace caisson::cli
