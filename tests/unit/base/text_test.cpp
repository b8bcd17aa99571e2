// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <catch2/catch.hpp>

using namespace caisson;

TEST_CASE("text is split at each separator and joined again", "[base][text]") {
  CHECK(text::split("", ',') == std::vector<std::string_view>{""});
  CHECK(text::split("a,,b,", ',') == std::vector<std::string_view>{"a", "", "b", ""});
  CHECK(text::join(std::vector<std::string>{}, ",").empty());
  CHECK(text::join(std::vector<std::string>{"a", "", "b"}, ", ") == "a, , b");
  CHECK(text::trim(" \t a b\n") == "a b");
  CHECK(text::trim(" \n").empty());
}

TEST_CASE("numbers are read strictly", "[base][text]") {
  CHECK(text::parse_uint("0") == 0u);
  CHECK(text::parse_uint("18446744073709551615") == UINT64_MAX);
  CHECK(text::parse_uint("7", 7) == 7u);
  for (const auto* bad : {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616"})
    CHECK_FALSE(text::parse_uint(bad));
  CHECK_FALSE(text::parse_uint("8", 7));
  CHECK(text::parse_int("-9223372036854775808") == INT64_MIN);
  CHECK(text::parse_int("12") == 12);
  for (const auto* bad : {"", "-", "+1", "- 1", "9223372036854775808"}) CHECK_FALSE(text::parse_int(bad));
}

TEST_CASE("lists of ids are read, sorted and merged", "[base][text]") {
  using Ranges = std::vector<text::IdRange>;
  CHECK(text::parse_id_list("") == Ranges{});
  CHECK(text::parse_id_list(" \n") == Ranges{});
  CHECK(text::parse_id_list("0-3,7") == Ranges{{0, 3}, {7, 7}});
  CHECK(text::parse_id_list("7, 0 - 3") == Ranges{{0, 3}, {7, 7}});
  CHECK(text::parse_id_list("2,1,3-4,3") == Ranges{{1, 4}});
  CHECK(text::parse_id_list("65535") == Ranges{{65535, 65535}});
  for (const auto* bad : {",", "1,", "3-1", "-1", "1-", "a", "1-2-3", "65536", "0x1"})
    CHECK_FALSE(text::parse_id_list(bad));
  CHECK(text::format_id_list(Ranges{{0, 3}, {7, 7}}) == "0-3,7");
  CHECK(text::format_id_list({}).empty());
}

TEST_CASE("bytes that are not UTF-8 are replaced", "[base][text]") {
  CHECK(text::to_utf8("gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x90\x8b") == "gr\xc3\xbc\xc3\x9f\x65 \xf0\x9f\x90\x8b");
  CHECK(text::to_utf8("a\xff\x62") == "a\xef\xbf\xbd\x62");
  CHECK(text::to_utf8("\xc3") == "\xef\xbf\xbd");                          // cut short
  CHECK(text::to_utf8("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");          // '/' the long way
  CHECK(text::to_utf8("\xed\xa0\x80").find('\xed') == std::string::npos);  // a surrogate
  CHECK(text::json_quoted("a\"b\\c\n\x01\xff") == "\"a\\\"b\\\\c\\n\\u0001\xef\xbf\xbd\"");
}

TEST_CASE("control characters are spelt out for a terminal", "[base][text]") {
  CHECK(text::printable("plain, caf\xc3\xa9 \xe2\x82\xac").ends_with("caf\xc3\xa9 \xe2\x82\xac"));
  CHECK(text::printable("\x1b[2J\a\n\t\r\x7f") == R"(\u001b[2J\u0007\n\t\u000d\u007f)");
  CHECK(text::printable(std::string_view("\0", 1)) == R"(\u0000)");
  CHECK(text::printable("\xc2\x9b"
                        "31m\xc2\xa0") == "\\u009b31m\xc2\xa0");
  CHECK(text::printable("\x9b"
                        "31m") == R"(\x9b31m)");
  CHECK(text::json_quoted("\x7f\xc2\x9b") == R"("\u007f\u009b")");
}

TEST_CASE("what is UTF-8, wherever the part that is not stands", "[base][text]") {
  const std::string ascii = "twenty characters...";
  for (const char* good : {"", "a", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\x8b", "\x7f"})
    for (std::size_t at = 0; at <= ascii.size(); ++at) CHECK(text::is_utf8(std::string(ascii).insert(at, good)));
  for (const char* bad : {"\x80", "\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    for (std::size_t at = 0; at <= ascii.size(); ++at) CHECK_FALSE(text::is_utf8(std::string(ascii).insert(at, bad)));
}

TEST_CASE("bytes as people write them", "[base][text]") {
  const std::pair<const char*, std::int64_t> good[] = {
      {"0", 0},          {"1048576", 1048576}, {"-1", -1},       {"64k", 64 << 10}, {"64K", 64 << 10},
      {"5b", 5},         {"2m", 2 << 20},      {"2MB", 2 << 20}, {"2MiB", 2 << 20}, {"1.5g", 1610612736LL},
      {"1t", 1LL << 40}, {"1p", 1LL << 50},
  };
  for (const auto& [written, bytes] : good) CHECK(text::parse_size(written) == bytes);
  for (const char* bad : {"", "k", "-2", "-1k", "1x", "1kk", "1 k", "1e3", "9999p", "0x10", "mb"})
    CHECK_FALSE(text::parse_size(bad));
}

TEST_CASE("durations as Go programs write them", "[base][text]") {
  const std::pair<const char*, std::int64_t> good[] = {{"0", 0},
                                                       {"5s", 5'000'000'000},
                                                       {"250ms", 250'000'000},
                                                       {"1m30s", 90'000'000'000},
                                                       {"1.5h", 5'400'000'000'000},
                                                       {"3us", 3000},
                                                       {"7ns", 7}};
  for (const auto& [written, nanoseconds] : good) CHECK(text::parse_duration(written) == nanoseconds);
  for (const char* bad : {"", "5", "s", "-5s", "5 s", "5x", "5s3", "99999999h"}) CHECK_FALSE(text::parse_duration(bad));
}

TEST_CASE("sizes for people", "[base][text]") {
  CHECK(text::format_size(0) == "0B");
  CHECK(text::format_size(1023) == "1023B");
  CHECK(text::format_size(1536) == "1.50KiB");
  CHECK(text::format_size(64 << 20) == "64.0MiB");
  CHECK(text::format_size(500 << 20) == "500MiB");
  CHECK(text::format_size(std::uint64_t(3) << 50) == "3.00PiB");
}
