// SPDX-License-Identifier: Apache-2.0
#include "plan/controllers/controller.hpp"

namespace caisson::plan::controllers {

namespace {

/// "2MB": a number without leading zeros, then KB, MB or GB, as the schema and the kernel's file names have it.
bool is_page_size(std::string_view size) {
  if (size.size() < 3 || size.front() < '1' || size.front() > '9' || size.back() != 'B') return false;
  const char unit = size[size.size() - 2];
  return (unit == 'K' || unit == 'M' || unit == 'G') &&
         size.substr(0, size.size() - 2).find_first_not_of("0123456789") == size.npos;
}

// The limit on reserved pages (Linux 5.7) keeps a mapping from succeeding that would later die of SIGBUS.
Status write(const config::Resources& resources, WriteList& out, const std::string& suffix) {
  for (std::size_t i = 0; i < resources.hugepage_limits.size(); ++i) {
    const auto& limit = resources.hugepage_limits[i];
    const std::string key = "/hugepageLimits/" + std::to_string(i);
    if (!is_page_size(limit.page_size))
      return fail_config(out.at(key + "/pageSize"), "invalid huge page size '{}'", limit.page_size);
    const std::string file = "hugetlb." + limit.page_size;
    out.add(key, file + suffix, std::to_string(limit.limit));
    out.add(key, file + ".rsvd" + suffix, std::to_string(limit.limit), Refusal::missing_is_met);
  }
  return {};
}

Status write_v1(const config::Resources& resources, WriteList& out) { return write(resources, out, ".limit_in_bytes"); }
Status write_v2(const config::Resources& resources, WriteList& out) { return write(resources, out, ".max"); }

}  // namespace

const Controller kHugetlb{"hugetlb", "hugetlb", write_v1, write_v2};

}  // namespace caisson::plan::controllers
