// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::config {

/// Annotations of crun's that engines and users set and that have an effect here, too. Source: crun(1), "Extensions to
/// OCI".
namespace annotation {
inline constexpr std::string_view kPrefix = "run.oci.";
/// The supplementary groups of the caller stay.
inline constexpr std::string_view kKeepOriginalGroups = "run.oci.keep_original_groups";
/// Files that get what hooks write.
inline constexpr std::string_view kHooksStdout = "run.oci.hooks.stdout";
inline constexpr std::string_view kHooksStderr = "run.oci.hooks.stderr";
/// A system call name in the seccomp profile that this build does not know is an error.
inline constexpr std::string_view kFailUnknownSyscall = "run.oci.seccomp_fail_unknown_syscall";
/// With systemd: the name of a cgroup below the scope that the container is put into.
inline constexpr std::string_view kSystemdSubgroup = "run.oci.systemd.subgroup";
/// The mount option that mountLabel becomes: context, fscontext, defcontext or rootcontext.
inline constexpr std::string_view kMountContextType = "run.oci.mount_context_type";
}  // namespace annotation

using Annotations = std::map<std::string, std::string>;

/// The annotation's value. It points into `annotations`.
std::optional<std::string_view> find_annotation(const Annotations& annotations, std::string_view name);

/// Whether the annotation is there and says neither "0" nor "false".
bool has_annotation_set(const Annotations& annotations, std::string_view name);

/// RFC 6901 pointer to an annotation.
std::string annotation_pointer(std::string_view name);

/// The names that begin with "run.oci." and have no effect here, sorted.
std::vector<std::string> unknown_annotations(const Annotations& annotations);

}  // namespace caisson::config
