// SPDX-License-Identifier: Apache-2.0
#include "integration/support/json.hpp"

#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <catch2/catch.hpp>

namespace caisson::testing {

struct Json::Document {
  rapidjson::Document value;
};

namespace {

const rapidjson::Value* get(const rapidjson::Document& document, const std::string& pointer) {
  const rapidjson::Pointer way(pointer.c_str(), pointer.size());
  return way.IsValid() ? way.Get(document) : nullptr;
}

std::string dump(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

Json::Json() : document_(std::make_unique<Document>()) { document_->value.SetObject(); }

Json::Json(const std::string& text) : document_(std::make_unique<Document>()) {
  document_->value.Parse(text.c_str(), text.size());
  if (document_->value.HasParseError()) {
    FAIL_CHECK("not JSON: " << text);
    document_->value.SetObject();
  }
}

Json::Json(const Json& other) : Json() {
  document_->value.CopyFrom(other.document_->value, document_->value.GetAllocator());
}
Json& Json::operator=(const Json& other) {
  if (this != &other) *this = Json(other);
  return *this;
}
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

bool Json::valid(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.c_str(), text.size());
  return !document.HasParseError();
}

bool Json::has(const std::string& pointer) const { return get(document_->value, pointer) != nullptr; }

bool Json::is_null(const std::string& pointer) const {
  const auto* value = get(document_->value, pointer);
  return value && value->IsNull();
}

std::string Json::str(const std::string& pointer) const {
  const auto* value = get(document_->value, pointer);
  return value && value->IsString() ? std::string(value->GetString(), value->GetStringLength()) : "";
}

std::int64_t Json::num(const std::string& pointer) const {
  const auto* value = get(document_->value, pointer);
  return value && value->IsInt64() ? value->GetInt64() : 0;
}

std::uint64_t Json::unsigned_num(const std::string& pointer) const {
  const auto* value = get(document_->value, pointer);
  return value && value->IsUint64() ? value->GetUint64() : 0;
}

bool Json::flag(const std::string& pointer) const {
  const auto* value = get(document_->value, pointer);
  return value && value->IsBool() && value->GetBool();
}

std::size_t Json::size(const std::string& pointer) const {
  const auto* value = get(document_->value, pointer);
  if (!value) return 0;
  return value->IsArray() ? value->Size() : value->IsObject() ? value->MemberCount() : 0;
}

std::vector<std::string> Json::strings(const std::string& pointer) const {
  std::vector<std::string> out;
  const auto* value = get(document_->value, pointer);
  if (!value || !value->IsArray()) return out;
  for (const auto& item : value->GetArray()) out.push_back(item.IsString() ? item.GetString() : dump(item));
  return out;
}

std::vector<std::string> Json::keys(const std::string& pointer) const {
  std::vector<std::string> out;
  const auto* value = get(document_->value, pointer);
  if (!value || !value->IsObject()) return out;
  for (const auto& member : value->GetObject()) out.emplace_back(member.name.GetString());
  return out;
}

Json Json::at(const std::string& pointer) const {
  Json out;
  if (const auto* value = get(document_->value, pointer))
    out.document_->value.CopyFrom(*value, out.document_->value.GetAllocator());
  return out;
}

std::string Json::text() const { return dump(document_->value); }

std::string Json::text(const std::string& pointer) const {
  const auto* value = get(document_->value, pointer);
  return value ? dump(*value) : "";
}

Json& Json::set(const std::string& pointer, const std::string& json) {
  rapidjson::Document value(&document_->value.GetAllocator());
  value.Parse(json.c_str(), json.size());
  if (value.HasParseError()) FAIL("not JSON: " << json);
  rapidjson::Pointer(pointer.c_str(), pointer.size()).Set(document_->value, value);
  return *this;
}

Json& Json::set_string(const std::string& pointer, const std::string& value) { return set(pointer, quoted(value)); }

Json& Json::set_strings(const std::string& pointer, const std::vector<std::string>& values) {
  std::string list;
  for (const auto& value : values) list += (list.empty() ? "" : ",") + quoted(value);
  return set(pointer, "[" + list + "]");
}

Json& Json::remove(const std::string& pointer) {
  rapidjson::Pointer(pointer.c_str(), pointer.size()).Erase(document_->value);
  return *this;
}

std::string step(const std::string& key) {
  std::string out;
  for (const char c : key) out += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return out;
}

std::string quoted(const std::string& text) {
  return dump(rapidjson::Value(rapidjson::StringRef(text.c_str(), text.size())));
}

}  // namespace caisson::testing
