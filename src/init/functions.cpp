// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "base/text.hpp"
#include "init/context.hpp"
#include "network/interfaces.hpp"
#include "sys/file.hpp"

namespace caisson::init {

namespace {

Result<unsigned> read_number(const std::string& text, std::string_view what) {
  constexpr std::uint64_t kMost = (1 << 20) - 1;
  const auto number = text::parse_uint(text, kMost);
  if (!number) return fail(ErrorKind::config, "'{}' is not a {} number", text, what);
  return static_cast<unsigned>(*number);
}

/// PATH TYPE MAJOR MINOR, as mknod(1) takes them.
Status make_node(InitContext& c) {
  const auto& args = c.identity.args;
  if (args.size() != 4) return fail(ErrorKind::config, "expected mknod to have 4 arguments not {}", args.size());
  mode_t type = 0;
  if (args[1] == "c" || args[1] == "u")
    type = S_IFCHR;
  else if (args[1] == "b")
    type = S_IFBLK;
  else if (args[1] == "p")
    type = S_IFIFO;
  else
    return fail(ErrorKind::config, "'{}' is not a type of device: c, b or p", args[1]);
  const unsigned major = CAISSON_TRY(read_number(args[2], "major"));
  const unsigned minor = CAISSON_TRY(read_number(args[3], "minor"));
  ::umask(0);
  if (::mknod(args[0].c_str(), type | 0666, makedev(major, minor)) != 0) return fail_errno("mknod('{}')", args[0]);
  return {};
}

/// Columns with three spaces between them; the last one as long as it is.
std::string table_of(const std::vector<std::array<std::string, 5>>& rows) {
  std::array<std::size_t, 5> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size() + 3);
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += row[i] + std::string(widths[i] - row[i].size(), ' ');
    text += row.back() + '\n';
  }
  return text;
}

Status show_interfaces(InitContext&) {
  std::vector<std::array<std::string, 5>> rows{{"NAME", "MTU", "MAC", "FLAG", "ADDRS"}};
  for (const auto& each : CAISSON_TRY(network::list_interfaces()))
    rows.push_back({text::printable(each.name), std::to_string(each.mtu), each.mac, text::join(each.flags, "|"),
                    text::join(each.addresses, ",")});
  return sys::write_all(FdView::of(STDOUT_FILENO), table_of(rows), "standard output");
}

struct Function {
  std::string_view name;
  Status (*run)(InitContext&);
};
constexpr Function kFunctions[] = {{"mknod", make_node}, {"ip", show_interfaces}};

}  // namespace

Status run_function(InitContext& context) {
  for (const auto& function : kFunctions) {
    if (function.name != context.begin.function) continue;
    CAISSON_TRY(function.run(context), "{}", function.name);
    // These words and the channel's end are those of success, as execve's would be.
    CAISSON_TRY(context.channel.send_plainly(wire::Executing{}));
    ::_exit(0);
  }
  return fail(ErrorKind::config, "no function is called '{}'", context.begin.function);
}

}  // namespace caisson::init
