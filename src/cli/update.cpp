// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"

namespace caisson::cli {
namespace {

struct Options {
  std::string id;
  std::string resources;
  std::optional<std::int64_t> blkio_weight, cpu_period, cpu_quota, cpu_burst, cpu_share, cpu_rt_period, cpu_rt_runtime;
  std::optional<std::int64_t> cpu_idle, pids_limit;
  std::string cpuset_cpus, cpuset_mems;
  std::string memory, memory_reservation, memory_swap, kernel_memory, kernel_memory_tcp;
  std::string l3_cache_schema, mem_bw_schema;
};

Run bind(Grammar& grammar) {
  auto o = std::make_shared<Options>();
  grammar.options = {
      {"resources,r", &o->resources, "FILE", "linux.resources as JSON, - for standard input; instead of all others"},
      {"blkio-weight", &o->blkio_weight, "N", "block I/O weight, 10 to 1000"},
      {"cpu-period", &o->cpu_period, "USEC", "CPU bandwidth period"},
      {"cpu-quota", &o->cpu_quota, "USEC", "CPU time in each period, -1 for no limit"},
      {"cpu-burst", &o->cpu_burst, "USEC", "CPU time that may be saved up"},
      {"cpu-share", &o->cpu_share, "N", "CPU weight against other containers"},
      {"cpu-rt-period", &o->cpu_rt_period, "USEC", "real-time period"},
      {"cpu-rt-runtime", &o->cpu_rt_runtime, "USEC", "real-time CPU time in each period"},
      {"cpu-idle", &o->cpu_idle, "0|1", "1: run only when nothing else does"},
      {"cpuset-cpus", &o->cpuset_cpus, "LIST", "processors, \"0-2,7\""},
      {"cpuset-mems", &o->cpuset_mems, "LIST", "memory nodes"},
      {"memory", &o->memory, "BYTES", "memory limit; k, m, g may follow, -1 for no limit"},
      {"memory-reservation", &o->memory_reservation, "BYTES", "memory kept when it gets scarce"},
      {"memory-swap", &o->memory_swap, "BYTES", "limit of memory and swap together"},
      {"kernel-memory", &o->kernel_memory, "BYTES", "", true},
      {"kernel-memory-tcp", &o->kernel_memory_tcp, "BYTES", "", true},
      {"pids-limit", &o->pids_limit, "N", "most processes and threads, -1 for no limit"},
      {"l3-cache-schema", &o->l3_cache_schema, "SCHEMA", "Intel RDT L3 cache schema"},
      {"mem-bw-schema", &o->mem_bw_schema, "SCHEMA", "Intel RDT memory bandwidth schema"},
  };
  grammar.arguments = {{"container-id", &o->id}};
  return not_yet("update", o);
}

}  // namespace

extern const Command kUpdate{
    .name = "update", .summary = "change a container's resource limits (not yet supported)", .bind = bind};

}  // namespace caisson::cli
