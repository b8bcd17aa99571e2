// SPDX-License-Identifier: Apache-2.0
#include "cli/bundle_options.hpp"

namespace caisson::cli {

void add_bundle_options(CLI::App& app, container::CreateOptions& options) {
  add_option(app, "-b,--bundle", options.bundle, "DIR", "directory of the bundle (default: the working directory)");
  add_option(app, "-f,--config", options.config_file, "FILE", "the configuration, when it is not DIR/config.json");
  add_option(app, "--console-socket", options.console_socket, "SOCKET",
             "AF_UNIX socket that is sent the terminal's master");
  add_option(app, "--pidfd-socket", options.pidfd_socket, "SOCKET",
             "AF_UNIX socket that is sent a pidfd of the process");
  add_option(app, "--pid-file", options.pid_file, "FILE", "write the process id to FILE");
  add_switch(app, "--no-pivot", options.no_pivot, "do not use pivot_root; for a root file system on a ramdisk");
  add_switch(app, "--no-new-keyring", options.no_new_keyring, "keep the caller's session keyring");
  add_option(app, "--preserve-fds", options.preserve_fds, "N", "pass N more descriptors, from 3 + $LISTEN_FDS on");
}

}  // namespace caisson::cli
