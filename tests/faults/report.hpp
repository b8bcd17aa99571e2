// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace caisson::faults {

/// A guest's report with what differs between two runs that are the same taken out: times, inode numbers, pids outside
/// a PID namespace, the niceness it inherits, numbers of mounts and of anonymous devices (which are numbered anew, in
/// the order of the list), and numbers of namespaces ("own" or "host"). A text that is no JSON is given back as it is.
std::string plain_report(const std::string& text);

/// Members of a JSON object, as lines "pointer value"; those whose last key is in `left_out` (separated by spaces) are
/// not given.
std::string flat_json(const std::string& text, const std::string& left_out);

}  // namespace caisson::faults
