// SPDX-License-Identifier: Apache-2.0
#include "cli/features_json.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "json/fields.hpp"
#include "json/read.hpp"
#include "plan/mount_options.hpp"

using namespace caisson;

namespace {

/// What engines read of the document.
struct Idmap {
  bool enabled = false;
};
struct MountExtensions {
  Idmap idmap;
};
struct SeccompPart {
  bool enabled = false;
  std::vector<std::string> actions, operators, archs;
  std::vector<std::string> knownFlags, supportedFlags;
};
struct LinuxPart {
  std::vector<std::string> namespaces, capabilities;
  SeccompPart seccomp;
  MountExtensions mountExtensions;
};
struct Document {
  std::string ociVersionMin, ociVersionMax;
  std::vector<std::string> hooks, mountOptions;
  LinuxPart linux;
  std::map<std::string, std::string> annotations;
  std::vector<std::string> unsafe{"not given"};
};

}  // namespace

namespace caisson {
template <>
inline constexpr auto json::fields<Idmap> = table(required("enabled", &Idmap::enabled));
template <>
inline constexpr auto json::fields<MountExtensions> = table(required("idmap", &MountExtensions::idmap));
template <>
inline constexpr auto json::fields<SeccompPart> = table(required("enabled", &SeccompPart::enabled),
                                                        required("actions", &SeccompPart::actions),
                                                        required("operators", &SeccompPart::operators),
                                                        required("archs", &SeccompPart::archs),
                                                        required("knownFlags", &SeccompPart::knownFlags),
                                                        required("supportedFlags", &SeccompPart::supportedFlags));
template <>
inline constexpr auto json::fields<LinuxPart> = table(required("namespaces", &LinuxPart::namespaces),
                                                      required("capabilities", &LinuxPart::capabilities),
                                                      required("seccomp", &LinuxPart::seccomp),
                                                      required("mountExtensions", &LinuxPart::mountExtensions));
template <>
inline constexpr auto json::fields<Document> = table(required("ociVersionMin", &Document::ociVersionMin),
                                                     required("ociVersionMax", &Document::ociVersionMax),
                                                     required("hooks", &Document::hooks),
                                                     required("mountOptions", &Document::mountOptions),
                                                     required("linux", &Document::linux),
                                                     required("annotations", &Document::annotations),
                                                     required("potentiallyUnsafeConfigAnnotations", &Document::unsafe));
}  // namespace caisson

namespace {

bool has(const std::vector<std::string>& words, const char* word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

TEST_CASE("the features document says what engines look for", "[cli][features]") {
  plan::HostFacts facts;
  facts.last_capability = 37;
  const auto text = cli::features_json(facts, {"2.5.4", {"SECCOMP_FILTER_FLAG_LOG"}});
  CHECK(text.starts_with("{\n    \"ociVersionMin\": \"1.0.0\",\n"));
  CHECK(text.ends_with("\n}\n"));
  const auto document = json::parse<Document>(text);
  REQUIRE(document);
  CHECK(document->ociVersionMax == "1.3.0");
  CHECK(document->hooks == std::vector<std::string>{"prestart", "createRuntime", "createContainer", "startContainer",
                                                    "poststart", "poststop"});
  CHECK(document->mountOptions == plan::mount_option_names());
  CHECK(has(document->mountOptions, "rro"));
  CHECK(document->linux.namespaces ==
        std::vector<std::string>{"cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"});
  CHECK(document->linux.capabilities.size() == 38);
  CHECK(document->linux.capabilities.back() == "CAP_AUDIT_READ");
  CHECK(document->linux.mountExtensions.idmap.enabled);
  CHECK(document->linux.seccomp.enabled);
  CHECK(has(document->linux.seccomp.actions, "SCMP_ACT_ERRNO"));
  CHECK(has(document->linux.seccomp.operators, "SCMP_CMP_MASKED_EQ"));
  CHECK(has(document->linux.seccomp.archs, "SCMP_ARCH_X86_64"));
  CHECK(has(document->linux.seccomp.knownFlags, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"));
  CHECK(document->linux.seccomp.supportedFlags == std::vector<std::string>{"SECCOMP_FILTER_FLAG_LOG"});
  CHECK(document->annotations.at("org.opencontainers.runc.checkpoint.enabled") == "false");
  const bool systemd = text.find("\"systemd\": true") != std::string::npos;
  CHECK(document->unsafe == (systemd ? std::vector<std::string>{"org.systemd.property."} : std::vector<std::string>{}));
  CHECK(document->annotations.at("io.github.seccomp.libseccomp.version") == "2.5.4");
}

TEST_CASE("capabilities newer than the names known are left out", "[cli][features]") {
  plan::HostFacts facts;
  facts.last_capability = 63;
  const auto document = json::parse<Document>(cli::features_json(facts, {}));
  REQUIRE(document);
  CHECK(document->linux.capabilities.back() == "CAP_CHECKPOINT_RESTORE");
}
