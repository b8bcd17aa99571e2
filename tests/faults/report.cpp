// SPDX-License-Identifier: Apache-2.0
#include "faults/report.hpp"

#include <rapidjson/document.h>
#include <unistd.h>

#include <map>
#include <set>
#include <sstream>

namespace caisson::faults {

namespace {

using Value = rapidjson::Value;

std::string host_namespace(const std::string& kind) {
  char target[256];
  const ssize_t length = ::readlink(("/proc/self/ns/" + kind).c_str(), target, sizeof target);
  return length < 0 ? "" : std::string(target, static_cast<std::size_t>(length));
}

/// "socket:[1234]" without its number.
std::string without_inode(const std::string& text) {
  const auto at = text.find(":[");
  return at != std::string::npos && text.ends_with("]") ? text.substr(0, at) : text;
}

/// Gives numbers in the order in which things are first met.
class Numbering {
 public:
  std::string of(const std::string& thing) {
    return "#" + std::to_string(numbers_.try_emplace(thing, numbers_.size()).first->second);
  }

 private:
  std::map<std::string, std::size_t> numbers_;
};

class Flattener {
 public:
  explicit Flattener(std::set<std::string> left_out) : left_out_(std::move(left_out)) {}

  void flatten(const Value& value, const std::string& pointer, const std::string& key) {
    if (left_out_.contains(key)) return;
    if (value.IsObject()) {
      for (const auto& member : value.GetObject())
        flatten(member.value, pointer + "/" + member.name.GetString(), member.name.GetString());
      if (value.MemberCount() == 0) put(pointer, "{}");
    } else if (value.IsArray()) {
      for (rapidjson::SizeType i = 0; i < value.Size(); ++i) flatten(value[i], pointer + "/" + std::to_string(i), "");
      if (value.Empty()) put(pointer, "[]");
    } else {
      put(pointer, plain(pointer, key, scalar(value)));
    }
  }
  std::string text() const { return out_.str(); }

 private:
  static std::string scalar(const Value& value) {
    if (value.IsString()) return value.GetString();
    if (value.IsBool()) return value.GetBool() ? "true" : "false";
    if (value.IsUint64()) return std::to_string(value.GetUint64());
    if (value.IsInt64()) return std::to_string(value.GetInt64());
    if (value.IsDouble()) return std::to_string(value.GetDouble());
    return "null";
  }
  std::string plain(const std::string& pointer, const std::string& key, const std::string& text) {
    if (pointer.starts_with("/namespaces/")) return text == host_namespace(key) ? "host" : "own";
    if (pointer.starts_with("/fds/")) return without_inode(text);
    if (pointer.starts_with("/mounts/") && (key == "id" || key == "parent")) return mounts_.of(text);
    if (pointer.starts_with("/mounts/") && key == "device" && text.starts_with("0:")) return devices_.of(text);
    return text;
  }
  void put(const std::string& pointer, const std::string& text) {
    out_ << pointer << ' ';
    for (const char c : text) c == '\n' ? out_ << "\\n" : out_ << c;
    out_ << '\n';
  }

  std::set<std::string> left_out_;
  Numbering mounts_, devices_;
  std::ostringstream out_;
};

std::string flat(const std::string& text, std::set<std::string> left_out) {
  rapidjson::Document document;
  document.Parse(text.c_str(), text.size());
  if (document.HasParseError()) return text;
  Flattener flattener(std::move(left_out));
  flattener.flatten(document, "", "");
  return flattener.text();
}

}  // namespace

std::string plain_report(const std::string& text) {
  return flat(text, {"clocks", "inode", "nice", "pid", "ppid", "sid", "pgid"});
}

std::string flat_json(const std::string& text, const std::string& left_out) {
  std::istringstream words(left_out);
  std::set<std::string> keys;
  for (std::string word; words >> word;) keys.insert(word);
  return flat(text, std::move(keys));
}

}  // namespace caisson::faults
