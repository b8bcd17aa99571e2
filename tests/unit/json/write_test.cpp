// SPDX-License-Identifier: Apache-2.0
#include "json/write.hpp"

#include <catch2/catch.hpp>

#include "json/read.hpp"
#include "sample.hpp"

using namespace caisson;
using sample::Leaf;
using sample::Shade;
using sample::Tree;

TEST_CASE("what is absent is left out", "[json]") {
  CHECK(json::write(Tree{}) == R"({"shade":"light"})");
  Tree tree;
  tree.words.emplace();
  tree.maybe = false;
  CHECK(json::write(tree) == R"({"words":[],"maybe":false,"shade":"light"})");
  CHECK(json::write(Leaf{}) == R"({"name":""})");
  CHECK(json::write(std::vector<int>{}) == "[]");
  CHECK(json::write(std::optional<Leaf>{}) == "null");
  CHECK(json::write(std::map<std::string, std::string>{{"a", "b"}}) == R"({"a":"b"})");
}

TEST_CASE("members stand in the table's order", "[json]") {
  Tree tree;
  tree.huge = UINT64_MAX;
  tree.wide = INT64_MIN;
  tree.ratio = 0.1;
  tree.raw.text = "[1,{}]";
  tree.shade = Shade::dark;
  CHECK(json::write(tree) ==
        R"({"wide":-9223372036854775808,"huge":18446744073709551615,"ratio":0.1,"raw":[1,{}],"shade":"dark"})");
}

TEST_CASE("styles", "[json]") {
  Tree tree;
  tree.leaves = {{"x", Shade::dark}, {"y", std::nullopt}};
  tree.by_name["a"] = {};
  CHECK(json::write(tree, json::Style::two_spaces) ==
        "{\n  \"leaves\": [\n    {\n      \"name\": \"x\",\n      \"shade\": \"dark\"\n    },\n    {\n"
        "      \"name\": \"y\"\n    }\n  ],\n  \"byName\": {\n    \"a\": []\n  },\n  \"shade\": \"light\"\n}");
  CHECK(json::write(Leaf{"x", {}}, json::Style::tabs) == "{\n\t\"name\": \"x\"\n}");
  CHECK(json::write(Leaf{"x", {}}, json::Style::four_spaces) == "{\n    \"name\": \"x\"\n}");
  CHECK(json::write(std::vector<int>{1, 2}, json::Style::two_spaces) == "[\n  1,\n  2\n]");
}

TEST_CASE("strings are escaped where JSON or a terminal needs it", "[json]") {
  const auto text = [](std::string value) { return json::write(value); };
  CHECK(text("/a <b> & 'c'") == R"("/a <b> & 'c'")");
  CHECK(text("\"\\\b\f\n\r\t\x01\x1f\x7f") == "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"");
  CHECK(text("\xc3\xbc\xff") == "\"\xc3\xbc\xff\"");
  CHECK(text(std::string("a\0b", 3)) == "\"a\\ufffdb\"");
}

TEST_CASE("control characters are escaped, those after ASCII too", "[json]") {
  CHECK(json::write(Leaf{"\x1b[m\x7f\xc2\x9b"
                         "2J\xc2\xa0\xc3\x9b\xc2"}) == "{\"name\":\"\\u001b[m\\u007f\\u009b2J\xc2\xa0\xc3\x9b\xc2\"}");
}

TEST_CASE("what is written is read again", "[json]") {
  Tree tree{.tall = true,
            .small = -1,
            .tiny = 7,
            .wide = -2,
            .huge = 3,
            .ratio = 0.25,
            .text = "\x01 \"x\" \xff",
            .leaves = {{"x", Shade::dark}},
            .by_name = {{"a/b", {1, 2, 3}}, {"", {}}},
            .words = std::vector<std::string>{},
            .maybe = true,
            .best = Leaf{"b", std::nullopt},
            .raw = {"{\"k\":1}"},
            .shade = Shade::dark};
  for (const auto style :
       {json::Style::compact, json::Style::two_spaces, json::Style::four_spaces, json::Style::tabs}) {
    const auto again = json::parse<Tree>(json::write(tree, style));
    REQUIRE(again);
    CHECK(*again == tree);
  }
}
