// SPDX-License-Identifier: Apache-2.0
// The reporter of all our test programs: one line a test case, which tests/run counts. Included by each program's main.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include "support/skip.hpp"

namespace caisson::testing {

class LinesReporter : public Catch::StreamingReporterBase<LinesReporter> {
 public:
  using StreamingReporterBase::StreamingReporterBase;

  static std::string getDescription() { return "one line a test case: ok, FAILED or skipped"; }

  void assertionStarting(const Catch::AssertionInfo&) override {}

  bool assertionEnded(const Catch::AssertionStats& stats) override {
    const auto& result = stats.assertionResult;
    if (result.isOk()) return true;
    const auto place = result.getSourceInfo();
    details_ += "    " + std::string(place.file) + ":" + std::to_string(place.line) + ": ";
    for (std::size_t i = 1; i < m_sectionStack.size(); ++i) details_ += "[" + m_sectionStack[i].name + "] ";
    details_ += result.hasExpression() ? result.getExpressionInMacro() : std::string(result.getMessage());
    if (result.hasExpandedExpression() && result.getExpandedExpression() != result.getExpression())
      details_ += "\n      with " + indented(result.getExpandedExpression());
    if (result.hasExpression() && result.hasMessage()) details_ += "\n      " + indented(result.getMessage());
    for (const auto& info : stats.infoMessages)
      if (info.type == Catch::ResultWas::Info) details_ += "\n      " + indented(info.message);
    details_ += '\n';
    return true;
  }

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    StreamingReporterBase::testCaseStarting(info);
    skip_reason.clear();
    details_.clear();
    timer_.start();
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const bool failed = stats.totals.assertions.failed > 0;
    const char* verdict = failed ? "FAILED  " : skip_reason.empty() ? "ok      " : "skipped ";
    stream << verdict << ' ' << m_config->name() << ": " << stats.testInfo.name;
    if (!failed && !skip_reason.empty()) stream << ": " << skip_reason;
    stream << "  (" << timer_.getElapsedMilliseconds() << " ms)\n" << details_;
    stream.flush();
    StreamingReporterBase::testCaseEnded(stats);
  }

  /// Without this last line the program has died on the way.
  void testRunEnded(const Catch::TestRunStats& stats) override {
    stream << "end of " << m_config->name() << '\n';
    stream.flush();
    StreamingReporterBase::testRunEnded(stats);
  }

 private:
  static std::string indented(const std::string& text) {
    std::string out;
    for (const char c : text) out += c == '\n' ? std::string("\n      ") : std::string(1, c);
    return out;
  }

  std::string details_;
  Catch::Timer timer_;
};

CATCH_REGISTER_REPORTER("lines", LinesReporter)

}  // namespace caisson::testing
