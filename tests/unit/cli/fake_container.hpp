// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "container/commands.hpp"
#include "container/watch/verify.hpp"
#include "plan/facts.hpp"

/// Stands in for the container room: the command line's tests see what would have been done.
struct FakeContainer {
  std::string called;  ///< name of the last call; empty = none
  caisson::container::Globals globals;
  std::string id;
  caisson::container::CreateOptions create;
  caisson::container::RunOptions run;
  caisson::container::ExecOptions exec;
  caisson::container::UpdateOptions update;
  std::int64_t interval = 0;
  std::vector<std::string> ids;
  std::vector<caisson::container::Usage> usage;
  int signal = -1;
  bool flag = false;  ///< all of kill, force of delete

  std::optional<caisson::Error> failure;  ///< what each call answers when set
  int code = 0;                           ///< what run and exec answer
  std::vector<caisson::container::ContainerState> states;
  std::vector<std::string> warnings;
  std::vector<int> pids;
  std::vector<caisson::container::Difference> differences;
};

/// What happened since the last reset.
FakeContainer& fake_container();
void reset_fake_container();
