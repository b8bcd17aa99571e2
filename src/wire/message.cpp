// SPDX-License-Identifier: Apache-2.0
#include "wire/message.hpp"

#include <array>
#include <tuple>

#include "json/fields.hpp"
#include "json/read.hpp"
#include "json/write.hpp"

namespace caisson {

namespace wire {
namespace {

/// An Error as it travels.
struct ErrorFields {
  int kind = 0;
  int sys_errno = 0;
  std::string what;
  std::string pointer;
  std::vector<std::string> frames;
};

/// Longest text of an error, and of each of its frames, that travels: a packet holds them all.
constexpr std::size_t kLongestText = 8 * 1024;
constexpr std::size_t kMostFrames = 5;

void shorten(std::string& text) {
  if (text.size() > kLongestText) text.replace(kLongestText, std::string::npos, "...");
}

}  // namespace
}  // namespace wire

template <>
inline constexpr auto json::spellings<plan::CgroupFlavour> = std::to_array<json::Spelling<plan::CgroupFlavour>>({
    {"none", plan::CgroupFlavour::none},
    {"v1", plan::CgroupFlavour::v1},
    {"hybrid", plan::CgroupFlavour::hybrid},
    {"v2", plan::CgroupFlavour::v2},
});
template <>
inline constexpr auto json::spellings<wire::Kind> = std::to_array<json::Spelling<wire::Kind>>({
    {"create", wire::Kind::create},
    {"exec", wire::Kind::exec},
});
template <>
inline constexpr auto json::fields<plan::CgroupMount> = table(required("controllers", &plan::CgroupMount::controllers),
                                                              required("mountpoint", &plan::CgroupMount::mountpoint),
                                                              required("own_path", &plan::CgroupMount::own_path),
                                                              required("v2", &plan::CgroupMount::v2));
template <>
inline constexpr auto json::fields<plan::HostFacts> = table(
    required("euid", &plan::HostFacts::euid), required("egid", &plan::HostFacts::egid),
    required("in_user_namespace", &plan::HostFacts::in_user_namespace),
    required("privileged", &plan::HostFacts::privileged), required("kernel_major", &plan::HostFacts::kernel_major),
    required("kernel_minor", &plan::HostFacts::kernel_minor),
    required("bounding_capabilities", &plan::HostFacts::bounding_capabilities),
    required("last_capability", &plan::HostFacts::last_capability),
    required("cgroup_flavour", &plan::HostFacts::cgroup_flavour), required("apparmor", &plan::HostFacts::apparmor),
    required("selinux", &plan::HostFacts::selinux));
template <>
inline constexpr auto json::fields<wire::Cgroup> = table(required("controllers", &wire::Cgroup::controllers),
                                                         required("mountpoint", &wire::Cgroup::mountpoint),
                                                         required("path", &wire::Cgroup::path),
                                                         required("v2", &wire::Cgroup::v2));
template <>
inline constexpr auto json::fields<wire::Descriptors> =
    table(required("start_listener", &wire::Descriptors::start_listener),
          required("container", &wire::Descriptors::container), required("cgroup", &wire::Descriptors::cgroup),
          required("root", &wire::Descriptors::root), required("tasks", &wire::Descriptors::tasks),
          required("prepared", &wire::Descriptors::prepared), required("hook_out", &wire::Descriptors::hook_out),
          required("hook_err", &wire::Descriptors::hook_err), required("timeline", &wire::Descriptors::timeline));
template <>
inline constexpr auto json::fields<wire::Begin> = table(
    required("kind", &wire::Begin::kind), required("id", &wire::Begin::id), required("bundle", &wire::Begin::bundle),
    required("facts", &wire::Begin::facts), optional("cgroups", &wire::Begin::cgroups),
    required("descriptors", &wire::Begin::descriptors), required("no_pivot", &wire::Begin::no_pivot),
    required("no_new_keyring", &wire::Begin::no_new_keyring),
    required("start_by_parent", &wire::Begin::start_by_parent), required("runs_at_once", &wire::Begin::runs_at_once),
    required("maps_by_parent", &wire::Begin::maps_by_parent),
    required("limits_by_parent", &wire::Begin::limits_by_parent),
    required("awaits_rootfs", &wire::Begin::awaits_rootfs), required("moved_late", &wire::Begin::moved_late),
    required("enters_pids_last", &wire::Begin::enters_pids_last), required("preserve_fds", &wire::Begin::preserve_fds),
    required("listen_fds", &wire::Begin::listen_fds), optional("descriptor_limit", &wire::Begin::descriptor_limit),
    required("namespaces", &wire::Begin::namespaces), optional("function", &wire::Begin::function),
    optional("debug", &wire::Begin::debug));
template <>
inline constexpr auto json::fields<wire::Proceed> = table(required("filter", &wire::Proceed::filter),
                                                          required("seccomp_flags", &wire::Proceed::seccomp_flags),
                                                          required("seccomp_notify", &wire::Proceed::seccomp_notify),
                                                          required("ignored_signals", &wire::Proceed::ignored_signals),
                                                          required("own_limits", &wire::Proceed::own_limits));
template <>
inline constexpr auto json::fields<wire::CgroupsReady> = table(required("callers", &wire::CgroupsReady::callers));
template <>
inline constexpr auto json::fields<wire::Created> = table(optional("notes", &wire::Created::notes));
template <>
inline constexpr auto json::fields<wire::Executing> = table(optional("notes", &wire::Executing::notes));
template <>
inline constexpr auto json::fields<wire::Console> = table(required("name", &wire::Console::name));
template <>
inline constexpr auto json::fields<wire::Spawned> = table(required("pid", &wire::Spawned::pid),
                                                          required("in_cgroup", &wire::Spawned::in_cgroup));
template <>
inline constexpr auto json::fields<wire::SeccompListener> = table(required("fd", &wire::SeccompListener::fd));
template <>
inline constexpr auto json::fields<wire::Log> = table(required("level", &wire::Log::level),
                                                      required("text", &wire::Log::text));
template <>
inline constexpr auto json::fields<wire::ErrorFields> = table(required("kind", &wire::ErrorFields::kind),
                                                              required("sys_errno", &wire::ErrorFields::sys_errno),
                                                              required("what", &wire::ErrorFields::what),
                                                              required("pointer", &wire::ErrorFields::pointer),
                                                              required("frames", &wire::ErrorFields::frames));

namespace wire {
namespace {

std::string write_error(const Error& error) {
  ErrorFields fields{static_cast<int>(error.kind()), error.sys_errno(), error.what(), error.pointer(), error.frames()};
  shorten(fields.what);
  if (fields.frames.size() > kMostFrames) fields.frames.resize(kMostFrames);
  for (auto& frame : fields.frames) shorten(frame);
  return json::write(fields, json::Style::compact);
}

Result<Error> read_error(std::string_view text) {
  auto fields = CAISSON_TRY(json::parse<ErrorFields>(text));
  Error error(static_cast<ErrorKind>(fields.kind), std::move(fields.what), fields.sys_errno);
  for (auto& frame : fields.frames) error = std::move(error).with(std::move(frame));
  return std::move(error).at(std::move(fields.pointer));
}

template <std::size_t I = 0>
Result<Message> decode_as(std::size_t index, std::string_view body) {
  if constexpr (I < std::variant_size_v<Message>) {
    using M = std::variant_alternative_t<I, Message>;
    if (index != I) return decode_as<I + 1>(index, body);
    if constexpr (std::is_same_v<M, Failed>)
      return Message(Failed{CAISSON_TRY(read_error(body))});
    else if constexpr (std::is_empty_v<M>)
      return Message(M{});
    else
      return Message(CAISSON_TRY(json::parse<M>(body)));
  } else {
    return fail(ErrorKind::system, "unknown message #{}", index);
  }
}

}  // namespace

std::string encode(const Message& message) {
  std::string packet(1, static_cast<char>('A' + message.index()));
  std::visit(
      [&packet]<class M>(const M& m) {
        if constexpr (std::is_same_v<M, Failed>)
          packet += write_error(m.error);
        else if constexpr (!std::is_empty_v<M>)
          packet += json::write(m, json::Style::compact);
      },
      message);
  return packet;
}

Result<Message> decode(std::string_view packet) {
  if (packet.empty()) return fail(ErrorKind::system, "empty message");
  return decode_as(static_cast<std::size_t>(packet.front() - 'A'), packet.substr(1));
}

}  // namespace wire
}  // namespace caisson
