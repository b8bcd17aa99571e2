// SPDX-License-Identifier: Apache-2.0
#include "caisson/factory.hpp"
#include "api/inside.hpp"
#include "container/launch/creation.hpp"

namespace caisson::v1 {

namespace {

caisson::Result<container::Globals> globals_of(const FactoryOptions& options) {
  // The directory is looked for again with each call, and the program may have another working directory by then.
  if (!options.root.starts_with('/'))
    return fail(ErrorKind::config, "FactoryOptions::root '{}' is not absolute", options.root);
  container::Globals globals;
  globals.root = options.root;
  globals.systemd_cgroup = options.systemd_cgroup;
  return globals;
}

container::CreateOptions creation_of(const std::string& id, const std::string& bundle, const CreateOptions& wanted) {
  container::CreateOptions options;
  options.id = id;
  options.bundle = bundle;
  options.no_pivot = wanted.no_pivot;
  options.no_new_keyring = wanted.no_new_keyring;
  options.streams = {wanted.streams.in, wanted.streams.out, wanted.streams.err};
  return options;
}

Container container_of(const container::Globals& globals, const std::string& id, std::optional<Process> init = {}) {
  return Container(std::make_shared<Container::Inside>(Container::Inside{globals, id, std::move(init)}));
}

caisson::Result<Container> make(const FactoryOptions& factory, const container::CreateOptions& options) {
  const container::Globals globals = CAISSON_TRY(globals_of(factory));
  container::Creation creation(globals, options, container::Creation::Mode::hand_over);
  CAISSON_TRY(creation.decide());
  CAISSON_TRY(creation.make());
  creation.release();
  Process init(
      std::make_shared<Process::Inside>(Process::Inside{creation.take_init(), creation.take_console(), std::nullopt}));
  return container_of(globals, options.id, std::move(init));
}

caisson::Result<Container> find(const FactoryOptions& factory, const std::string& id) {
  const container::Globals globals = CAISSON_TRY(globals_of(factory));
  CAISSON_TRY(container::state(globals, id));
  return container_of(globals, id);
}

caisson::Result<std::vector<Container>> find_all(const FactoryOptions& factory) {
  const container::Globals globals = CAISSON_TRY(globals_of(factory));
  std::vector<std::string> unreadable;  // being made or removed at this moment
  std::vector<Container> found;
  for (const auto& state : CAISSON_TRY(container::list(globals, unreadable)))
    found.push_back(container_of(globals, state.id));
  return found;
}

}  // namespace

Result<Container> Factory::create(const std::string& id, const Bundle& bundle, const CreateOptions& options) const {
  return to_public(make(options_, creation_of(id, bundle.path, options)), "create " + id);
}

Result<Container> Factory::create(const std::string& id, const ConfigText& config, const CreateOptions& options) const {
  container::CreateOptions wanted = creation_of(id, config.bundle, options);
  wanted.config_text = config.text;
  return to_public(make(options_, wanted), "create " + id);
}

Result<Container> Factory::load(const std::string& id) const { return to_public(find(options_, id), "load " + id); }

Result<std::vector<Container>> Factory::list() const { return to_public(find_all(options_), "list"); }

}  // namespace caisson::v1
