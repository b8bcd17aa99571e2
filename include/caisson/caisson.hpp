// SPDX-License-Identifier: Apache-2.0
#pragma once

/// libcaisson: OCI containers from within a program.
///
///   int main(int argc, char** argv) {
///     caisson::run_init_if_asked(argc, argv);
///     caisson::Factory factory({.root = "/run/myprogram"});
///     auto container = factory.create("c1", caisson::Bundle{"/srv/c1"});
///     if (!container || !container->start()) ...
///     auto status = container->wait();
///     container->destroy();
///   }
///
/// The program itself is run again as the first process of each container, until that becomes the user's program:
/// run_init_if_asked() takes it from there.
///
/// - Whatever starts or makes something (Factory::create, Container::start) forks, and enters other namespaces for a
///   moment: while it runs the program must have one thread. The other calls may come from any thread, one at a time
///   for each object.
/// - Processes are children of this program: a SIGCHLD that is ignored (SIG_IGN) or a wait(2) for any child takes their
///   exit status away. Neither signal dispositions nor the signal mask are changed.
/// - Descriptors are close-on-exec; containers get none but their standard streams. Hooks inherit what is not
///   close-on-exec.
/// - Linux 5.12 or later.

#include "caisson/container.hpp"
#include "caisson/error.hpp"
#include "caisson/factory.hpp"
#include "caisson/process.hpp"

namespace caisson::v1 {

/// The first line of an embedding program's main(), before it opens or starts anything: becomes a container's first
/// process, and never returns, when the library has started this program for that. Otherwise does nothing.
void run_init_if_asked(int argc, char** argv);

/// Appends the library's warnings (a capability that the host cannot give, a poststop hook that failed) to the file at
/// `path` from now on, for the whole program; before, they go to standard error. Errors are never logged, but returned.
Result<void> log_to(const std::string& path);

}  // namespace caisson::v1
