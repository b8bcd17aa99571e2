// SPDX-License-Identifier: Apache-2.0
#include "json/read.hpp"

#include <catch2/catch.hpp>

#include "sample.hpp"

using namespace caisson;
using sample::Leaf;
using sample::Shade;
using sample::Tree;

namespace {

/// "what [pointer]" of the fault.
std::string fault(std::string_view text) {
  const auto tree = json::parse<Tree>(text);
  if (tree) return "no fault";
  CHECK(tree.error().kind() == ErrorKind::config);
  return tree.error().what() + " [" + tree.error().pointer() + "]";
}

}  // namespace

TEST_CASE("every kind of member is read", "[json]") {
  const auto tree = json::parse<Tree>(R"({
    "tall": true, "small": -5, "tiny": 65535, "wide": -9223372036854775808, "huge": 18446744073709551615,
    "ratio": 0.5, "text": "a\"\\\/\u00fc\ud83d\udc0b\n", "leaves": [{"name": "x", "shade": "dark"}, {"name": "y"}],
    "byName": {"b": [1, 2], "a": []}, "words": [], "maybe": false, "best": {"name": "z"},
    "raw": {"k": [1, null, "v"]}, "shade": "bright", "stranger": {"deep": [1]}})");
  REQUIRE(tree);
  CHECK(tree->tall);
  CHECK(tree->small == -5);
  CHECK(tree->tiny == 65535);
  CHECK(tree->wide == INT64_MIN);
  CHECK(tree->huge == UINT64_MAX);
  CHECK(tree->ratio == 0.5);
  CHECK(tree->text == "a\"\\/\xc3\xbc\xf0\x9f\x90\x8b\n");
  CHECK(tree->leaves == std::vector<Leaf>{{"x", Shade::dark}, {"y", std::nullopt}});
  CHECK(tree->by_name == std::map<std::string, std::vector<int>>{{"a", {}}, {"b", {1, 2}}});
  CHECK(tree->words == std::vector<std::string>{});
  CHECK(tree->maybe == false);
  CHECK(tree->best == Leaf{"z", std::nullopt});
  CHECK(tree->raw.text == R"({"k":[1,null,"v"]})");
  CHECK(tree->shade == Shade::light);
}

TEST_CASE("null is absence", "[json]") {
  const auto tree = json::parse<Tree>(R"({"tall":null,"text":null,"leaves":null,"words":null,"best":null,
                                         "byName":{"a":null,"b":[1]}})");
  REQUIRE(tree);
  CHECK_FALSE(tree->words);
  CHECK_FALSE(tree->best);
  CHECK(tree->by_name.size() == 1);
  CHECK(fault(R"({"best":{"name":null}})") == "a required value is null [/best/name]");
  CHECK(fault(R"({"leaves":[null]})") == "expected an object, not null [/leaves/0]");
}

TEST_CASE("an empty word is absence where the set has no default", "[json]") {
  CHECK(json::parse<Leaf>(R"({"name":"x","shade":""})") == Leaf{"x", std::nullopt});
  CHECK(fault(R"({"shade":""})") == "shade '' was never seen [/shade]");
}

TEST_CASE("faults bear the pointer of the value", "[json]") {
  CHECK(fault("[]") == "expected an object, not an array []");
  CHECK(fault("null") == "expected an object, not null []");
  CHECK(fault(R"({"tall":1})") == "expected true or false, not a number [/tall]");
  CHECK(fault(R"({"text":1})") == "expected a string, not a number [/text]");
  CHECK(fault(R"({"small":"1"})") == "expected an integer, not a string [/small]");
  CHECK(fault(R"({"ratio":"1"})") == "expected a number, not a string [/ratio]");
  CHECK(fault(R"({"leaves":{}})") == "expected an array, not an object [/leaves]");
  CHECK(fault(R"({"byName":[]})") == "expected an object, not an array [/byName]");
  CHECK(fault(R"({"byName":{"a/b~c":[1,true]}})") == "expected an integer, not a boolean [/byName/a~1b~0c/1]");
  CHECK(fault(R"({"leaves":[{"name":"x"},{}]})") == "a required value is missing [/leaves/1/name]");
  CHECK(fault(R"({"leaves":[{"name":"x","shade":"grey"}]})") == "shade 'grey' was never seen [/leaves/0/shade]");
  CHECK(json::parse<Leaf>("{}", json::Encoding::any, "/base").error().pointer() == "/base/name");
}

TEST_CASE("numbers must fit", "[json]") {
  CHECK(fault(R"({"tiny":65536})") == "expected an integer from 0 to 65535 [/tiny]");
  CHECK(fault(R"({"tiny":-1})") == "expected an integer from 0 to 65535 [/tiny]");
  CHECK(fault(R"({"small":2147483648})") == "expected an integer from -2147483648 to 2147483647 [/small]");
  CHECK(fault(R"({"small":-2147483649})") == "expected an integer from -2147483648 to 2147483647 [/small]");
  CHECK(fault(R"({"small":1.0})") == "expected an integer from -2147483648 to 2147483647 [/small]");
  CHECK(fault(R"({"huge":18446744073709551616})") == "expected an integer from 0 to 18446744073709551615 [/huge]");
  CHECK(fault(R"({"wide":9223372036854775808})") ==
        "expected an integer from -9223372036854775808 to 9223372036854775807 [/wide]");
}

TEST_CASE("a member given twice and NUL bytes are refused", "[json]") {
  CHECK(fault(R"({"text":"a","tall":true,"text":"b"})") == "given twice [/text]");
  CHECK(fault(R"({"byName":{"a":[],"a":[]}})") == "given twice [/byName/a]");
  CHECK(fault(R"({"text":"/etc\u0000/x"})") == "a string must not contain a NUL byte [/text]");
  CHECK(fault(R"({"byName":{"a\u0000b":[]}})") == "a name must not contain a NUL byte [/byName]");
}

TEST_CASE("text that is not JSON names line and column", "[json]") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "invalid JSON at line 1, column 1: the document is empty"},
      {"  \n ", "invalid JSON at line 2, column 2: the document is empty"},
      {"{\n  \"a\": 1,\n  b\n}", "invalid JSON at line 3, column 3: expected the name of a member"},
      {"{\"a\":1}\n{}", "invalid JSON at line 2, column 1: nothing may follow the document"},
      {"{\"a\"\n 1}", "invalid JSON at line 2, column 2: expected ':' after the name of a member"},
      {"{\"a\":1 \"b\":2}", "invalid JSON at line 1, column 8: expected ',' or '}' after a member"},
      {"{\"a\":[1 2]}", "invalid JSON at line 1, column 9: expected ',' or ']' after an element"},
      {"{\"a\":", "invalid JSON at line 1, column 6: expected a value"},
      {"{\"a\":1,}", "invalid JSON at line 1, column 8: expected the name of a member"},
  };
  for (const auto& [text, message] : cases) {
    const auto tree = json::parse<Tree>(text);
    REQUIRE_FALSE(tree);
    CHECK(tree.error().message() == message);
  }
  for (const std::string_view text :
       {"{\"a\":tru}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":-}", "{\"a\":1e}", "{\"a\":1e999}", "{\"a\":\"x}", "{'a':1}",
        "{\"a\":\"\\x\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\ud800\"}", "{\"a\":\"\n\"}", "{\"a\":NaN}", "[1,]",
        "/**/{}"}) {
    const auto tree = json::parse<Tree>(text);
    REQUIRE_FALSE(tree);
    CHECK(tree.error().what().starts_with("invalid JSON at line "));
  }
  const auto nul = json::parse<Tree>(std::string_view("{}\0x", 4));
  REQUIRE_FALSE(nul);
  CHECK(nul.error().message() == "invalid JSON at line 1, column 3: NUL byte");
}

TEST_CASE("the encoding is checked where it matters", "[json]") {
  CHECK(json::parse<Tree>("{\"text\":\"\xff\"}")->text == "\xff");
  CHECK(json::parse<Tree>("\xef\xbb\xbf{}", json::Encoding::utf8));  // a byte order mark
  CHECK(json::parse<Tree>("\xef\xbb\xbf{}"));
  CHECK_FALSE(json::parse<Tree>("\xef\xbb{}"));  // two thirds of one
  const auto half = json::parse<Tree>(R"({"text":"\udc00"})", json::Encoding::utf8);
  REQUIRE_FALSE(half);
  CHECK(half.error().pointer() == "/text");
  const auto tree = json::parse<Tree>("{\n\"text\":\"ab\xff\"}", json::Encoding::utf8);
  REQUIRE_FALSE(tree);
  CHECK(tree.error().message().starts_with("invalid JSON at line 2, column 1"));
}

TEST_CASE("an exponent that RapidJSON would add up wrongly is refused, and the same text in a string is not",
          "[json]") {
  const auto failure = [](const std::string& text) {
    const auto read = json::parse<json::Raw>(text);
    return read ? std::string() : read.error().message();
  };
  CHECK(failure("[0.1234567891e-2147483639]").find("exponent too small") != std::string::npos);
  CHECK(failure("[1E-100000000]").find("exponent too small") != std::string::npos);
  CHECK(failure("[1.5e-99999999]") == "");
  CHECK(failure("[1.5e-000000000000000001]") == "");
  CHECK(failure(R"(["0.1e-2147483639", "\"1e-2147483639"])") == "");
  CHECK(failure(R"(["\"", 1e-2147483639])").find("exponent too small") != std::string::npos);
}

TEST_CASE("depth is no danger", "[json]") {
  constexpr std::size_t kDepth = 1'000'000;
  CHECK(json::parse<Tree>(std::string(kDepth, '[')).error().what().starts_with("invalid JSON"));
  const auto deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  CHECK(json::parse<Tree>("{\"stranger\":" + deep + "}"));
  CHECK(fault("{\"raw\":" + deep + "}") == "nested deeper than 128 levels [/raw]");
}

TEST_CASE("a member without a row is reported where that is asked for, with the nearest key", "[json]") {
  static std::vector<std::string> reported;
  reported.clear();
  json::on_ignored_key([](const std::string& pointer, std::string_view nearest) {
    reported.push_back(pointer + " " + std::string(nearest));
  });
  CHECK(json::parse<Tree>(R"({"leavs":[],"leaves":[{"name":"x","nmae":"y","a/b":1}]})"));
  json::on_ignored_key(nullptr);
  CHECK(json::parse<Tree>(R"({"other":1})"));
  CHECK(reported == std::vector<std::string>{"/leavs leaves", "/leaves/0/nmae ", "/leaves/0/a~1b "});
}
