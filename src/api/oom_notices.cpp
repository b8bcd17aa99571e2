// SPDX-License-Identifier: Apache-2.0
#include "api/inside.hpp"
#include "container/watch/status.hpp"

namespace caisson::v1 {

namespace {

caisson::Result<std::optional<OomNotice>> wait(container::OomWatch& watch, int milliseconds) {
  const auto report = CAISSON_TRY(watch.wait(milliseconds));
  if (!report) return std::nullopt;
  return OomNotice{.cgroup = report->cgroup, .limit = report->limit, .peak = report->peak, .kills = report->kills};
}

caisson::Result<OomNotices> begin(const Container::Inside& inside) {
  return OomNotices(std::make_shared<OomNotices::Inside>(
      OomNotices::Inside{CAISSON_TRY(container::watch_oom(inside.globals, inside.id))}));
}

}  // namespace

Result<OomNotices> Container::notify_on_oom() const {
  return to_public(begin(*inside_), "watch the memory of " + id());
}

Result<std::optional<OomNotice>> OomNotices::wait() { return wait_for(-1); }

Result<std::optional<OomNotice>> OomNotices::wait_for(int milliseconds) {
  return to_public(v1::wait(inside_->watch, milliseconds), "wait for want of memory");
}

bool OomNotices::ended() const { return inside_->watch.gone(); }

int OomNotices::descriptor() const { return inside_->watch.fd().get(); }

}  // namespace caisson::v1
