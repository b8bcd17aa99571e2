// SPDX-License-Identifier: Apache-2.0
// config-samples/nsinit: each is understood as it stands, and says what its name says.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "config/validate.hpp"
#include "nsinit/lower.hpp"
#include "support/source_root.hpp"

using namespace caisson;

namespace {

nsinit::Lowered sample(const std::string& name, bool modules = true) {
  std::ifstream file(std::string(kSourceRoot) + "/config-samples/nsinit/" + name + ".json");
  std::ostringstream text;
  text << file.rdbuf();
  const auto container = nsinit::read(text.str());
  INFO(name << (container ? std::string() : container.error().message()));
  REQUIRE(container);
  auto lowered = nsinit::lower(*container, {.rootfs = "/srv/box",
                                            .id = "c",
                                            .args = {"sh"},
                                            .no_apparmor = modules ? "" : "none",
                                            .selinux = modules,
                                            .mcs = "s0:c1,c2"});
  INFO((lowered ? std::string() : lowered.error().message()));
  REQUIRE(lowered);
  std::vector<std::string> warnings;
  CHECK(config::validate(lowered->spec, warnings));
  return std::move(*lowered);
}

}  // namespace

TEST_CASE("the samples of container.json", "[nsinit][samples]") {
  const auto minimal = sample("minimal");
  CHECK(minimal.warnings.empty());
  CHECK(minimal.spec.process->terminal);
  CHECK(minimal.spec.process->capabilities->bounding.size() == 12);
  CHECK(minimal.spec.extension_or_empty().user == "daemon");
  CHECK(minimal.spec.extension_or_empty().veths.empty());

  CHECK(sample("apparmor").spec.process->apparmor_profile == "docker-default");
  const auto selinux = sample("selinux");
  CHECK(selinux.spec.process->selinux_label == "system_u:system_r:svirt_lxc_net_t:s0:c164,c475");
  CHECK(selinux.spec.linux->mount_label == "system_u:object_r:svirt_lxc_file_t:s0:c164,c475");
  // A host without the modules: said once, and on it goes.
  CHECK(sample("apparmor", false).warnings.size() == 1);
  CHECK_FALSE(sample("selinux", false).warnings.empty());

  const auto bridge = sample("attach_to_bridge");
  REQUIRE(bridge.spec.extension_or_empty().veths.size() == 1);
  CHECK(bridge.spec.extension_or_empty().veths.front().bridge == "docker0");
  const auto route = sample("route_source_address_selection");
  REQUIRE(route.spec.extension_or_empty().routes.size() == 1);
  CHECK(route.spec.extension_or_empty().routes.front().source == "172.17.0.101");
}
