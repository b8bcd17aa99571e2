// SPDX-License-Identifier: Apache-2.0
#pragma once

/// libcaisson: start and control OCI containers from a program.
///
/// int main(int argc, char** argv) { caisson::run_init_if_asked(argc, argv); caisson::Factory factory({.root =
/// "/run/myprogram"}); auto container = factory.create("c1", caisson::Bundle{"/srv/c1"}); if (!container ||
/// !container->start()) ... auto status = container->wait(); container->destroy(); }
///
/// The library re-executes the embedding program as the init process of each container. run_init_if_asked() recognises
/// this by the arguments, sets the container up and executes the user's program.
///
/// - Factory::create and Container::start fork and enter other namespaces for a moment: while they run, the program
/// must have a single thread. The other functions may be called from any thread, one at a time for each object. -
/// Processes are children of this program: ignoring SIGCHLD (SIG_IGN) or waiting for any child (wait(2)) loses their
/// exit status. The library changes neither signal dispositions nor the signal mask. - The library's descriptors are
/// close-on-exec. Containers get standard streams only. Hooks inherit descriptors that are not close-on-exec. - Linux
/// 5.12 or later.

#include "caisson/container.hpp"
#include "caisson/error.hpp"
#include "caisson/factory.hpp"
#include "caisson/process.hpp"

namespace caisson::v1 {

/// Must be the first statement of an embedding program's main(), before it opens a file or starts a thread. If the
/// library has started this program as a container's init, this becomes init and does not return. Otherwise it does
/// nothing.
void run_init_if_asked(int argc, char** argv);

/// Appends the library's warnings (a capability that the host lacks, a failed poststop hook) to the file `path`, for
/// the whole program. By default they go to standard error. Errors are returned, never logged.
Result<void> log_to(const std::string& path);

}  // namespace caisson::v1
