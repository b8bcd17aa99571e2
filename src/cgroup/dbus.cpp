// SPDX-License-Identifier: Apache-2.0
#include "cgroup/dbus.hpp"

#include <dbus/dbus.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "cgroup/common.hpp"

// libdbus.a wants these of libsystemd for servers that systemd starts, which nothing here is. Weak: a program that
// embeds us may have the true ones.
extern "C" {
[[gnu::weak]] int sd_listen_fds(int /*unset_environment*/) { return 0; }
[[gnu::weak]] int sd_is_socket(int /*fd*/, int /*family*/, int /*type*/, int /*listening*/) { return 0; }
}

namespace caisson::cgroup {

namespace {

constexpr const char* kSystemd = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

struct Release {
  void operator()(DBusMessage* message) const { ::dbus_message_unref(message); }
};
using Message = std::unique_ptr<DBusMessage, Release>;

std::unexpected<Error> no_memory() { return fail(ErrorKind::system, "D-Bus: out of memory"); }

/// libdbus aborts on a value that D-Bus does not allow.
Status check(const plan::BusValue& value) {
  const auto* text = std::get_if<std::string>(&value.value);
  if (text == nullptr) {
    if (const auto* members = std::get_if<std::vector<plan::BusValue>>(&value.value))
      for (const auto& member : *members) CAISSON_TRY(check(member));
    return {};
  }
  const bool whole = text->find('\0') == text->npos;
  const bool valid = value.type == "o"   ? ::dbus_validate_path(text->c_str(), nullptr)
                     : value.type == "g" ? ::dbus_signature_validate(text->c_str(), nullptr)
                                         : ::dbus_validate_utf8(text->c_str(), nullptr);
  if (whole && valid) return {};
  return fail(ErrorKind::config, "'{}' is not a D-Bus value of type '{}'", *text, value.type);
}

bool append(DBusMessageIter& to, const plan::BusValue& value);

bool append_members(DBusMessageIter& to, const plan::BusValue& value) {
  const auto& members = std::get<std::vector<plan::BusValue>>(value.value);
  int kind = DBUS_TYPE_STRUCT;
  const char* signature = nullptr;
  if (value.type[0] == 'a') {
    kind = DBUS_TYPE_ARRAY;
    signature = value.type.c_str() + 1;
  } else if (value.type[0] == 'v') {
    kind = DBUS_TYPE_VARIANT;
    signature = members.front().type.c_str();
  }
  DBusMessageIter inside;
  if (!::dbus_message_iter_open_container(&to, kind, signature, &inside)) return false;
  for (const auto& member : members)
    if (!append(inside, member)) return false;
  return ::dbus_message_iter_close_container(&to, &inside);
}

template <class T, class Value>
bool append_as(DBusMessageIter& to, int type, Value value) {
  const auto plain = static_cast<T>(value);
  return ::dbus_message_iter_append_basic(&to, type, static_cast<const void*>(&plain));
}

bool append(DBusMessageIter& to, const plan::BusValue& value) {
  const char type = value.type[0];
  switch (type) {
    case 'b': return append_as<dbus_bool_t>(to, type, std::get<bool>(value.value));
    case 'y': return append_as<std::uint8_t>(to, type, std::get<std::uint64_t>(value.value));
    case 'q': return append_as<std::uint16_t>(to, type, std::get<std::uint64_t>(value.value));
    case 'u': return append_as<std::uint32_t>(to, type, std::get<std::uint64_t>(value.value));
    case 't': return append_as<std::uint64_t>(to, type, std::get<std::uint64_t>(value.value));
    case 'n': return append_as<std::int16_t>(to, type, std::get<std::int64_t>(value.value));
    case 'i': return append_as<std::int32_t>(to, type, std::get<std::int64_t>(value.value));
    case 'x': return append_as<std::int64_t>(to, type, std::get<std::int64_t>(value.value));
    case 'd': return append_as<double>(to, type, std::get<double>(value.value));
    case 's':
    case 'o':
    case 'g': return append_as<const char*>(to, type, std::get<std::string>(value.value).c_str());
    default: return append_members(to, value);
  }
}

/// The message as it goes over the wire.
Result<std::string> marshal(Message message, std::uint32_t serial, const std::vector<plan::BusValue>& arguments) {
  if (!message) return no_memory();
  DBusMessageIter to;
  ::dbus_message_iter_init_append(message.get(), &to);
  for (const auto& argument : arguments) {
    CAISSON_TRY(check(argument));
    if (!append(to, argument)) return no_memory();
  }
  ::dbus_message_set_serial(message.get(), serial);
  char* bytes = nullptr;
  int size = 0;
  if (!::dbus_message_marshal(message.get(), &bytes, &size)) return no_memory();
  std::string text(bytes, static_cast<std::size_t>(size));
  ::dbus_free(bytes);
  return text;
}

Message call_of(const char* service, const char* path, const char* interface, const char* method) {
  return Message(::dbus_message_new_method_call(service, path, interface, method));
}

/// The strings, object paths and nothing else of a message's arguments, in order.
std::vector<std::string> texts_of(DBusMessage* message) {
  std::vector<std::string> texts;
  DBusMessageIter at;
  if (!::dbus_message_iter_init(message, &at)) return texts;
  do {
    const int type = ::dbus_message_iter_get_arg_type(&at);
    if (type != DBUS_TYPE_STRING && type != DBUS_TYPE_OBJECT_PATH) continue;
    const char* text = nullptr;
    ::dbus_message_iter_get_basic(&at, static_cast<void*>(&text));
    texts.emplace_back(text);
  } while (::dbus_message_iter_next(&at));
  return texts;
}

std::string environment(const char* name) {
  const char* const value = ::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string bus_socket(bool user, std::uint32_t owner) {
  if (!user) {
    auto path = socket_of_address(environment("DBUS_SYSTEM_BUS_ADDRESS"));
    return path.empty() ? "/run/dbus/system_bus_socket" : path;
  }
  if (auto path = socket_of_address(environment("DBUS_SESSION_BUS_ADDRESS")); !path.empty()) return path;
  if (const auto dir = environment("XDG_RUNTIME_DIR"); !dir.empty()) return dir + "/bus";
  return fmt::format("/run/user/{}/bus", owner);
}

}  // namespace

std::string socket_of_address(std::string_view address) {
  const auto unescaped = [](std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      unsigned code = 0;
      if (text[i] == '%' && i + 2 < text.size() &&
          std::from_chars(text.data() + i + 1, text.data() + i + 3, code, 16).ptr == text.data() + i + 3) {
        out += static_cast<char>(code);
        i += 2;
      } else {
        out += text[i];
      }
    }
    return out;
  };
  while (!address.empty()) {
    auto one = address.substr(0, address.find(';'));
    address.remove_prefix(std::min(address.size(), one.size() + 1));
    if (!one.starts_with("unix:")) continue;
    one.remove_prefix(5);
    while (!one.empty()) {
      const auto pair = one.substr(0, one.find(','));
      one.remove_prefix(std::min(one.size(), pair.size() + 1));
      if (pair.starts_with("path=")) return unescaped(pair.substr(5));
      if (pair.starts_with("abstract=")) return '@' + unescaped(pair.substr(9));
    }
  }
  return {};
}

Result<SystemdBus> SystemdBus::connect(bool user, std::uint32_t owner, Deadline end) {
  const std::string path = bus_socket(user, owner);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(ErrorKind::system, "bus '{}': the path is too long", path);
  path.copy(address.sun_path, path.size());
  if (path.starts_with('@')) address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return fail_errno("socket(AF_UNIX)");
  for (int round = 0; ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), size) < 0; ++round) {
    // The bus has more callers than it lets wait, and nothing tells when it takes the next.
    if (errno != EAGAIN || milliseconds_until(end) == 0)
      return fail_errno("{} bus '{}': connect", user ? "the user's" : "the system's", path);
    pause_a_moment(round);
  }
  SystemdBus bus(std::move(socket), end);
  CAISSON_TRY(bus.authenticate(), "bus '{}'", path);
  return bus;
}

Status SystemdBus::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return fail_errno("send to the bus");
    const int left = milliseconds_until(end_);
    if (left == 0) return fail(ErrorKind::system, "the bus does not take the call in time");
    pollfd wanted{.fd = socket_.get(), .events = POLLOUT, .revents = 0};
    ::poll(&wanted, 1, left);
  }
  return {};
}

Status SystemdBus::receive() {
  for (;;) {
    char buffer[4096];
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got > 0) {
      received_.append(buffer, static_cast<std::size_t>(got));
      return {};
    }
    if (got == 0) return fail(ErrorKind::system, "the bus has closed the connection");
    if (errno != EAGAIN && errno != EINTR) return fail_errno("receive from the bus");
    const int left = milliseconds_until(end_);
    if (left == 0) return fail(ErrorKind::system, "systemd does not answer in time");
    pollfd wanted{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    ::poll(&wanted, 1, left);
  }
}

/// D-Bus Specification, "Authentication Protocol": EXTERNAL without a name, so that the bus takes whom it sees.
Status SystemdBus::authenticate() {
  constexpr char kWords[] = "\0AUTH EXTERNAL\r\nDATA\r\n";
  CAISSON_TRY(send({kWords, sizeof kWords - 1}));
  for (;;) {
    for (auto end = received_.find("\r\n"); end != received_.npos; end = received_.find("\r\n")) {
      const std::string line = received_.substr(0, end);
      received_.erase(0, end + 2);
      if (line.starts_with("OK ")) {
        CAISSON_TRY(send("BEGIN\r\n"));
        return send(CAISSON_TRY(
            marshal(call_of(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello"), ++serial_, {})));
      }
      if (!line.starts_with("DATA")) return fail(ErrorKind::system, "the bus does not let us in: {}", line);
    }
    CAISSON_TRY(receive());
  }
}

Status SystemdBus::watch(const std::string& unit) {
  const std::string rule =
      fmt::format("type='signal',sender='{}',path='{}',interface='{}',member='JobRemoved',arg2='{}'", kSystemd,
                  kManagerPath, kManager, unit);
  Message message = call_of(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "AddMatch");
  if (message) ::dbus_message_set_no_reply(message.get(), TRUE);
  return send(CAISSON_TRY(marshal(std::move(message), ++serial_, {{"s", rule}})));
}

Result<bool> SystemdBus::take_message() {
  if (received_.size() < DBUS_MINIMUM_HEADER_SIZE) return false;
  const int size = ::dbus_message_demarshal_bytes_needed(received_.data(), static_cast<int>(received_.size()));
  if (size < 0) return fail(ErrorKind::system, "the bus has sent what is no message");
  if (size == 0 || received_.size() < static_cast<std::size_t>(size)) return false;
  DBusError error;
  ::dbus_error_init(&error);
  const Message message(::dbus_message_demarshal(received_.data(), size, &error));
  ::dbus_error_free(&error);
  if (!message) return fail(ErrorKind::system, "the bus has sent what is no message");
  received_.erase(0, static_cast<std::size_t>(size));
  auto texts = texts_of(message.get());
  texts.resize(std::max<std::size_t>(texts.size(), 3));
  const std::uint32_t serial = ::dbus_message_get_reply_serial(message.get());
  switch (::dbus_message_get_type(message.get())) {
    case DBUS_MESSAGE_TYPE_METHOD_RETURN: replies_[serial].job = texts[0]; break;
    case DBUS_MESSAGE_TYPE_ERROR:
      replies_[serial] = {::dbus_message_get_error_name(message.get()), texts[0], {}};
      break;
    case DBUS_MESSAGE_TYPE_SIGNAL:
      // JobRemoved(u id, o job, s unit, s result)
      if (::dbus_message_is_signal(message.get(), kManager, "JobRemoved")) ended_jobs_[texts[0]] = texts[2];
      break;
    default: break;
  }
  return true;
}

Result<BusReply> SystemdBus::call(const char* method, const std::vector<plan::BusValue>& arguments) {
  const std::uint32_t serial = ++serial_;
  CAISSON_TRY(send(CAISSON_TRY(marshal(call_of(kSystemd, kManagerPath, kManager, method), serial, arguments))));
  for (;;) {
    while (CAISSON_TRY(take_message())) {
    }
    if (auto reply = replies_.find(serial); reply != replies_.end()) return std::move(reply->second);
    for (const auto& [of, reply] : replies_)
      if (!reply.error.empty()) return fail(ErrorKind::system, "the bus: {}", reply.text);
    CAISSON_TRY(receive(), "{}", method);
  }
}

Result<std::string> SystemdBus::wait_for_job(const std::string& job) {
  for (;;) {
    while (CAISSON_TRY(take_message())) {
    }
    if (auto ended = ended_jobs_.find(job); ended != ended_jobs_.end()) return ended->second;
    CAISSON_TRY(receive(), "job {}", job);
  }
}

}  // namespace caisson::cgroup
