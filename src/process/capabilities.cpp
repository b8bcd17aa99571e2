// SPDX-License-Identifier: Apache-2.0
#include <bit>

#include "process/identity.hpp"
#include "sys/credential.hpp"

namespace caisson::process {

namespace {

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
  if (!plan.capabilities) return {};
  // The plan knows what the runtime's own set holds: what is gone already costs no call.
  return at(for_each(plan.capabilities->drop_bounding, sys::drop_bounding), plan.capabilities->origin + "/bounding");
}

Status apply_capabilities(const plan::IdentityPlan& plan) {
  if (!plan.capabilities) return {};
  const auto& wanted = *plan.capabilities;
  const sys::CapabilitySets sets{wanted.effective, wanted.permitted, wanted.inheritable};
  CAISSON_TRY(at(sys::set_capabilities(sets), wanted.origin));
  CAISSON_TRY(at(sys::clear_ambient(), wanted.origin + "/ambient"));
  return at(for_each(wanted.ambient, sys::raise_ambient), wanted.origin + "/ambient");
}

}  // namespace caisson::process
