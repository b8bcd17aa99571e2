// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>

#include <bit>

#include "process/apply_identity.hpp"
#include "sys/credential.hpp"

namespace caisson::process {

namespace {

/// seccomp(2) wants it of a process that has not forbidden itself new privileges.
constexpr std::uint64_t kFilterPrivilege = std::uint64_t{1} << CAP_SYS_ADMIN;

/// Calls `each` with the number of every capability of `set`.
template <class F>
Status for_each(std::uint64_t set, F each) {
  for (; set != 0; set &= set - 1) CAISSON_TRY(each(std::countr_zero(set)));
  return {};
}

Status at(Status status, const std::string& pointer) {
  if (status) return status;
  return std::unexpected(std::move(status.error()).at(pointer));
}

}  // namespace

Status drop_bounding(const plan::IdentityPlan& plan) {
  // The plan knows what the runtime's own set holds: what is gone already costs no call.
  return at(for_each(plan.capabilities.drop_bounding, sys::drop_bounding), plan.capabilities.origin + "/bounding");
}

Status apply_capabilities(const plan::IdentityPlan& plan, FilterPrivilege filter) {
  const bool keep = filter == FilterPrivilege::keep;
  const std::uint64_t kept = keep ? CAISSON_TRY(sys::capabilities()).permitted & kFilterPrivilege : 0;
  const auto& wanted = plan.capabilities;
  const sys::CapabilitySets sets{wanted.effective, wanted.permitted | kept, wanted.inheritable};
  CAISSON_TRY(at(sys::set_capabilities(sets), wanted.origin));
  CAISSON_TRY(at(sys::clear_ambient(), wanted.origin + "/ambient"));
  return at(for_each(wanted.ambient, sys::raise_ambient), wanted.origin + "/ambient");
}

Result<sys::CapabilitySets> raise_filter_privilege(const plan::IdentityPlan& plan) {
  sys::CapabilitySets sets = CAISSON_TRY(sys::capabilities());
  const sys::CapabilitySets lasting{plan.capabilities.effective, plan.capabilities.permitted,
                                    plan.capabilities.inheritable};
  // Without it in the permitted set seccomp(2) itself says what is missing.
  sets.effective |= sets.permitted & kFilterPrivilege;
  CAISSON_TRY(sys::set_capabilities(sets));
  return lasting;
}

}  // namespace caisson::process
