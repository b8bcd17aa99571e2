// SPDX-License-Identifier: Apache-2.0
#include "config/annotations.hpp"

#include <catch2/catch.hpp>

#include "config/spec.hpp"
#include "verdict.hpp"

using namespace caisson;

TEST_CASE("an annotation is set unless it says 0 or false", "[config][annotations]") {
  const auto set = [](const config::Annotations& annotations) {
    return config::has_annotation_set(annotations, config::annotation::kFailUnknownSyscall);
  };
  CHECK_FALSE(set({}));
  CHECK_FALSE(set({{"run.oci.seccomp_fail_unknown_syscall", "0"}}));
  CHECK_FALSE(set({{"run.oci.seccomp_fail_unknown_syscall", "false"}}));
  CHECK(set({{"run.oci.seccomp_fail_unknown_syscall", "1"}}));
  CHECK(set({{"run.oci.seccomp_fail_unknown_syscall", ""}}));
  CHECK_FALSE(set({{"run.oci.seccomp_fail_unknown_syscalls", "1"}}));
}

TEST_CASE("annotations of crun's that have no effect are named", "[config][annotations]") {
  CHECK(config::unknown_annotations({}).empty());
  CHECK(config::unknown_annotations({{"run.oci.handler", "krun"},
                                     {"run.oci.keep_original_groups", "1"},
                                     {"run.oci.hooks.stdout", "/x"},
                                     {"run.oci.hooks.stderr", "/x"},
                                     {"run.oci.seccomp_fail_unknown_syscall", "1"},
                                     {"run.oci.systemd.subgroup", ""},
                                     {"run.oci.mount_context_type", "context"},
                                     {"run.oci.delegate-cgroup", "/x"},
                                     {"run.ocj", "x"},
                                     {"org.example", "x"}}) ==
        std::vector<std::string>{"run.oci.delegate-cgroup", "run.oci.handler"});
  CHECK(config::annotation_pointer("a/b") == "/annotations/a~1b");
}

TEST_CASE("mount_context_type is one of the kernel's four options", "[config][annotations]") {
  auto spec = config::example({});
  for (const char* type : {"context", "fscontext", "defcontext", "rootcontext"}) {
    spec.annotations["run.oci.mount_context_type"] = type;
    CHECK(verdict::of(spec) == "ok");
  }
  spec.annotations["run.oci.mount_context_type"] = "seclabel";
  CHECK(verdict::of(spec) ==
        "'seclabel' is none of context, fscontext, defcontext and rootcontext "
        "[/annotations/run.oci.mount_context_type]");
}
