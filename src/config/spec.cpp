// SPDX-License-Identifier: Apache-2.0
#include "config/spec.hpp"

#include "json/read.hpp"
#include "json/write.hpp"

namespace caisson::config {
namespace {

/// A document that may be `null`, which is a mistake with a text of its own.
template <class T>
Result<T> load_document(std::string_view text, std::string_view pointer) {
  auto value = CAISSON_TRY(json::parse<std::optional<T>>(text, json::Encoding::utf8, pointer));
  if (!value) return fail_config(std::string(pointer), "config cannot be null");
  return std::move(*value);
}

}  // namespace

const Linux& Spec::linux_or_empty() const {
  static const Linux kEmpty;
  return linux ? *linux : kEmpty;
}

Result<Spec> load(std::string_view text) { return load_document<Spec>(text, {}); }

std::string save(const Spec& spec) { return json::write(spec); }

std::string save_indented(const Spec& spec) { return json::write(spec, json::Style::tabs); }

Result<Process> load_process(std::string_view text, std::string_view pointer) {
  return load_document<Process>(text, pointer);
}

std::string save_process(const Process& process) { return json::write(process); }

Result<Resources> load_resources(std::string_view text, std::string_view pointer) {
  return load_document<Resources>(text, pointer);
}

}  // namespace caisson::config
