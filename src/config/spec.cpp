// SPDX-License-Identifier: Apache-2.0
#include "config/spec.hpp"

#include "json/read.hpp"
#include "json/write.hpp"

namespace caisson::config {
namespace {

/// Reads a document. `null` gets an error text of its own.
template <class T>
Result<T> load_document(std::string_view text, std::string_view pointer) {
  auto value = CAISSON_TRY(json::parse<std::optional<T>>(text, json::Encoding::utf8, pointer));
  if (!value) return fail_config(std::string(pointer), "config cannot be null");
  return std::move(*value);
}

/// A spec whose saved copy holds the extension as one more member.
std::string write(const Spec& spec, json::Style style) {
  if (!spec.extension) return json::write(spec, style);
  Spec whole = spec;
  whole.saved_extension = json::Raw{json::write(*spec.extension)};
  return json::write(whole, style);
}

}  // namespace

const Linux& Spec::linux_or_empty() const {
  static const Linux kEmpty;
  return linux ? *linux : kEmpty;
}

const Extension& Spec::extension_or_empty() const {
  static const Extension kEmpty;
  return extension ? *extension : kEmpty;
}

Result<Spec> load(std::string_view text) {
  auto spec = load_document<Spec>(text, {});
  if (spec) spec->saved_extension.reset();
  return spec;
}

Result<Spec> load_saved(std::string_view text) {
  Spec spec = CAISSON_TRY(load_document<Spec>(text, {}));
  if (!spec.saved_extension) return spec;
  spec.extension = CAISSON_TRY(json::parse<Extension>(spec.saved_extension->text, json::Encoding::any, "/caisson"));
  spec.saved_extension.reset();
  return spec;
}

std::string save(const Spec& spec) { return write(spec, json::Style::compact); }

std::string save_indented(const Spec& spec) { return write(spec, json::Style::tabs); }

Result<Process> load_process(std::string_view text, std::string_view pointer) {
  return load_document<Process>(text, pointer);
}

std::string save_process(const Process& process) { return json::write(process); }

Result<Resources> load_resources(std::string_view text, std::string_view pointer) {
  return load_document<Resources>(text, pointer);
}

}  // namespace caisson::config
