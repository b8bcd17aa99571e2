// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <memory>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "cli/command.hpp"
#include "config/spec.hpp"
#include "sys/file.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  std::optional<std::string> resources;
  std::optional<std::int64_t> blkio_weight, cpu_period, cpu_quota, cpu_burst, cpu_share, cpu_rt_period, cpu_rt_runtime;
  std::optional<std::int64_t> cpu_idle, pids_limit;
  std::optional<std::string> cpuset_cpus, cpuset_mems;
  std::optional<std::string> memory, memory_reservation, memory_swap, kernel_memory, kernel_memory_tcp;
  std::optional<std::string> l3_cache_schema, mem_bw_schema;
};

/// The options that are given beside --resources.
std::vector<std::string> given_limits(const Options& o) {
  std::vector<std::string> given;
  const auto note = [&given](const auto& option, const char* name) {
    if (option) given.push_back(std::string("--") + name);
  };
  note(o.blkio_weight, "blkio-weight");
  note(o.cpu_period, "cpu-period");
  note(o.cpu_quota, "cpu-quota");
  note(o.cpu_burst, "cpu-burst");
  note(o.cpu_share, "cpu-share");
  note(o.cpu_rt_period, "cpu-rt-period");
  note(o.cpu_rt_runtime, "cpu-rt-runtime");
  note(o.cpu_idle, "cpu-idle");
  note(o.cpuset_cpus, "cpuset-cpus");
  note(o.cpuset_mems, "cpuset-mems");
  note(o.memory, "memory");
  note(o.memory_reservation, "memory-reservation");
  note(o.memory_swap, "memory-swap");
  note(o.kernel_memory, "kernel-memory");
  note(o.kernel_memory_tcp, "kernel-memory-tcp");
  note(o.pids_limit, "pids-limit");
  note(o.l3_cache_schema, "l3-cache-schema");
  note(o.mem_bw_schema, "mem-bw-schema");
  return given;
}

/// A text that must say something where it is given; empty when it is not.
Result<std::string> read_word(const std::optional<std::string>& text, const char* option) {
  if (text && text::trim(*text).empty())
    return fail(ErrorKind::config, "invalid value '' for --{}: it is empty", option);
  return text.value_or(std::string());
}

Result<std::string> read_text(const std::string& path) {
  FileDescriptor file;
  if (path != "-") {
    file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail_errno("open('{}')", path);
  }
  return sys::read_all(file ? FdView(file) : FdView::of(STDIN_FILENO), path);
}

/// Bytes, or nothing when the option is not given.
Result<std::optional<std::int64_t>> read_bytes(const std::optional<std::string>& text, const char* option) {
  if (!text) return std::optional<std::int64_t>();
  const auto bytes = text::parse_size(*text);
  if (!bytes)
    return fail(ErrorKind::config, "invalid value '{}' for --{}: not a number of bytes, with or without k, m or g",
                *text, option);
  return bytes;
}

/// A number that the config has as one without a sign.
template <class T>
Result<std::optional<T>> read_unsigned(const std::optional<std::int64_t>& number, const char* option) {
  if (!number) return std::optional<T>();
  if (!std::in_range<T>(*number)) return fail(ErrorKind::config, "invalid value '{}' for --{}", *number, option);
  return std::optional<T>(static_cast<T>(*number));
}

Status read_memory(const Options& o, config::Resources& resources) {
  config::Memory memory;
  memory.limit = CAISSON_TRY(read_bytes(o.memory, "memory"));
  memory.reservation = CAISSON_TRY(read_bytes(o.memory_reservation, "memory-reservation"));
  memory.swap = CAISSON_TRY(read_bytes(o.memory_swap, "memory-swap"));
  memory.kernel = CAISSON_TRY(read_bytes(o.kernel_memory, "kernel-memory"));
  memory.kernel_tcp = CAISSON_TRY(read_bytes(o.kernel_memory_tcp, "kernel-memory-tcp"));
  if (memory != config::Memory{}) resources.memory = memory;
  return {};
}

Status read_cpu(const Options& o, config::Resources& resources) {
  config::Cpu cpu;
  cpu.shares = CAISSON_TRY(read_unsigned<std::uint64_t>(o.cpu_share, "cpu-share"));
  cpu.quota = o.cpu_quota;
  cpu.burst = CAISSON_TRY(read_unsigned<std::uint64_t>(o.cpu_burst, "cpu-burst"));
  cpu.period = CAISSON_TRY(read_unsigned<std::uint64_t>(o.cpu_period, "cpu-period"));
  cpu.realtime_runtime = o.cpu_rt_runtime;
  cpu.realtime_period = CAISSON_TRY(read_unsigned<std::uint64_t>(o.cpu_rt_period, "cpu-rt-period"));
  cpu.cpus = CAISSON_TRY(read_word(o.cpuset_cpus, "cpuset-cpus"));
  cpu.mems = CAISSON_TRY(read_word(o.cpuset_mems, "cpuset-mems"));
  cpu.idle = o.cpu_idle;
  if (cpu != config::Cpu{}) resources.cpu = cpu;
  return {};
}

/// The document is linux.resources itself.
Result<config::Resources> read_document(const Options& o) {
  const std::string file = CAISSON_TRY(read_word(o.resources, "resources"));
  if (const auto others = given_limits(o); !others.empty())
    return fail(ErrorKind::config, "--resources gives all limits: it cannot be combined with {}",
                text::join(others, ", "));
  const std::string text = CAISSON_TRY(read_text(file));
  auto resources = config::load_resources(text, "");
  if (!resources) {
    const std::string& pointer = resources.error().pointer();
    Error error = std::move(resources).error();
    if (pointer == "/linux" || pointer == "/resources" || pointer == "/ociVersion")
      error = std::move(error).with("the document must be what linux.resources holds, not what holds it");
    return std::unexpected(std::move(error).with(fmt::format("parse '{}'", file)));
  }
  if (*resources == config::Resources{})
    return fail(ErrorKind::config, "'{}' names nothing that could be changed", file);
  return resources;
}

Result<container::UpdateOptions> read_options(const Options& o) {
  container::UpdateOptions update;
  if (o.resources) {
    update.resources = CAISSON_TRY(read_document(o));
    return update;
  }
  update.pointer = "/linux/resources";
  CAISSON_TRY(read_memory(o, update.resources));
  CAISSON_TRY(read_cpu(o, update.resources));
  if (o.pids_limit) update.resources.pids = config::Pids{o.pids_limit};
  if (o.blkio_weight)
    update.resources.block_io.emplace().weight =
        CAISSON_TRY(read_unsigned<std::uint16_t>(o.blkio_weight, "blkio-weight"));
  update.l3_cache_schema = CAISSON_TRY(read_word(o.l3_cache_schema, "l3-cache-schema"));
  update.mem_bw_schema = CAISSON_TRY(read_word(o.mem_bw_schema, "mem-bw-schema"));
  return update;
}

Run bind(CLI::App& app) {
  auto o = std::make_shared<Options>();
  add_option(app, "-r,--resources", o->resources, "FILE",
             "what linux.resources holds as JSON, - for standard input; instead of all others");
  add_option(app, "--blkio-weight", o->blkio_weight, "N", "block I/O weight, 10 to 1000");
  add_option(app, "--cpu-period", o->cpu_period, "USEC", "CPU bandwidth period");
  add_option(app, "--cpu-quota", o->cpu_quota, "USEC", "CPU time in each period, -1 for no limit");
  add_option(app, "--cpu-burst", o->cpu_burst, "USEC", "CPU time that may be saved up");
  add_option(app, "--cpu-share", o->cpu_share, "N", "CPU weight against other containers");
  add_option(app, "--cpu-rt-period", o->cpu_rt_period, "USEC", "real-time period");
  add_option(app, "--cpu-rt-runtime", o->cpu_rt_runtime, "USEC", "real-time CPU time in each period");
  add_option(app, "--cpu-idle", o->cpu_idle, "0|1", "1: run only when nothing else does");
  add_option(app, "--cpuset-cpus", o->cpuset_cpus, "LIST", "processors, \"0-2,7\"");
  add_option(app, "--cpuset-mems", o->cpuset_mems, "LIST", "memory nodes");
  add_option(app, "--memory", o->memory, "BYTES", "memory limit; k, m, g may follow, -1 for no limit");
  add_option(app, "--memory-reservation", o->memory_reservation, "BYTES", "memory kept when it gets scarce");
  add_option(app, "--memory-swap", o->memory_swap, "BYTES", "limit of memory and swap together");
  add_option(app, "--kernel-memory", o->kernel_memory, "BYTES", "");
  hide(app, "--kernel-memory");
  add_option(app, "--kernel-memory-tcp", o->kernel_memory_tcp, "BYTES", "");
  hide(app, "--kernel-memory-tcp");
  add_option(app, "--pids-limit", o->pids_limit, "N", "most processes and threads, -1 for no limit");
  add_option(app, "--l3-cache-schema", o->l3_cache_schema, "SCHEMA", "Intel RDT L3 cache schema");
  add_option(app, "--mem-bw-schema", o->mem_bw_schema, "SCHEMA", "Intel RDT memory bandwidth schema");
  add_argument(app, "container-id", o->id);
  return [o](const container::Globals& globals) -> Result<int> {
    const auto update = CAISSON_TRY(read_options(*o), "update {}", o->id);
    CAISSON_TRY(container::update(globals, o->id, update), "update {}", o->id);
    return 0;
  };
}

}  // namespace

extern const Command kUpdate{
    .name = "update",
    .summary = "change a container's resource limits",
    .bind = bind,
    .details = "All of it is done or nothing: when the kernel refuses one value, the others are put back.",
};

}  // namespace caisson::cli
