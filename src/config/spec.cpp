// SPDX-License-Identifier: Apache-2.0
#include "config/spec.hpp"

#include "base/text.hpp"
#include "json/read.hpp"
#include "json/write.hpp"

namespace caisson::config {
namespace {

/// Reads a document. `null` gets an error text of its own.
template <class T>
Result<T> load_document(std::string_view text, std::string_view pointer, json::Keys keys = json::Keys::exact) {
  auto value = CAISSON_TRY(json::parse<std::optional<T>>(text, json::Encoding::utf8, pointer, keys));
  if (!value) return fail_config(std::string(pointer), "config cannot be null");
  return std::move(*value);
}

/// Of a version that validate() accepts; pre-releases of 1.3.0 are before it (SemVer 2.0.0 section 11).
bool is_before_1_3(std::string_view version) {
  if (!version.starts_with("1.")) return false;
  version.remove_prefix(2);
  const auto minor = text::parse_uint(version.substr(0, version.find('.')));
  return minor && (*minor < 3 || (*minor == 3 && version.starts_with("3.0-")));
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
  Spec spec = CAISSON_TRY(load_document<Spec>(text, {}));
  spec.saved_extension.reset();
  // runtime-spec 1.3.0 made a pids.limit of 0 a limit. Engines that write an older version mean no limit by it:
  // podman up to 5.x through its API service, podman 4 with --pids-limit=0 and -1, CRI-O before 1.29.
  if (spec.linux && spec.linux->resources && spec.linux->resources->pids && is_before_1_3(spec.oci_version))
    if (auto& limit = spec.linux->resources->pids->limit; limit == 0) limit = -1;
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
  return load_document<Resources>(text, pointer, json::Keys::known_only);
}

}  // namespace caisson::config
