// SPDX-License-Identifier: Apache-2.0
#include "cli/app.hpp"
#include "init/init.hpp"

/// argv decides the door: the init stage of a container, or the command line.
int main(int argc, char** argv) {
  if (caisson::init::is_init(argc, argv)) caisson::init::main(argv);
  return caisson::cli::run(argc, argv);
}
