// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace caisson::testing {

/// A JSON text as a value that tests write and read by pointer (RFC 6901). It shares no code with the runtime's own
/// reader and writer: what the two disagree on is a failure. Reading what is not there gives "", 0 or nothing.
class Json {
 public:
  Json();
  /// A text that is no JSON fails the test.
  explicit Json(const std::string& text);
  Json(const Json& other);
  Json& operator=(const Json& other);
  Json(Json&&) noexcept;
  Json& operator=(Json&&) noexcept;
  ~Json();

  static bool valid(const std::string& text);

  bool has(const std::string& pointer) const;
  bool is_null(const std::string& pointer) const;
  std::string str(const std::string& pointer) const;
  std::int64_t num(const std::string& pointer) const;
  std::uint64_t unsigned_num(const std::string& pointer) const;
  bool flag(const std::string& pointer) const;
  std::size_t size(const std::string& pointer) const;
  std::vector<std::string> strings(const std::string& pointer) const;
  std::vector<std::string> keys(const std::string& pointer = "") const;
  Json at(const std::string& pointer) const;
  /// Compact.
  std::string text() const;
  std::string text(const std::string& pointer) const;

  /// Sets or replaces a member by JSON text, making the way to it; "-" at the end appends.
  Json& set(const std::string& pointer, const std::string& json);
  Json& set_string(const std::string& pointer, const std::string& value);
  Json& set_strings(const std::string& pointer, const std::vector<std::string>& values);
  Json& remove(const std::string& pointer);

 private:
  struct Document;
  std::unique_ptr<Document> document_;
};

/// One step of a pointer: '/' and '~' escaped.
std::string step(const std::string& key);
/// A JSON string literal.
std::string quoted(const std::string& text);

}  // namespace caisson::testing
