#include "sim/scenario/json_reader.h"

#include <gtest/gtest.h>

namespace overlaysim::scenario {
namespace {

Value ReadWell(std::string_view text) {
  auto value = ReadJson(text, 1, [](Place place, const std::string& message) {
    ADD_FAILURE() << place.line << ":" << place.column << ": " << message;
  });
  return value.value_or(Value());
}

std::string FirstProblem(std::string_view text) {
  std::string first;
  const auto value = ReadJson(text, 1, [&](Place place, const std::string& message) {
    if (first.empty()) first = std::to_string(place.line) + ":" + std::to_string(place.column) + ": " + message;
  });
  EXPECT_FALSE(value.has_value());
  return first;
}

void ExpectPlace(const Value& value, uint32_t line, uint32_t column, uint16_t length) {
  EXPECT_EQ(value.place, (Place{line, column, length, 1})) << value.place.line << ":" << value.place.column;
}

TEST(JsonReader, KnowsWhereEachValueStands) {
  const Value root = ReadWell("{ \"a\": [1,-2.5e3 ,true],\r\n\t\"b\" : {\"c\\\"\": \"x\\\\\" }, \"d\":null}");
  ExpectPlace(root, 1, 1, 1);
  ExpectPlace(*root.Find("a"), 1, 8, 1);
  ExpectPlace(root.Find("a")->items[0], 1, 9, 1);
  ExpectPlace(root.Find("a")->items[1], 1, 11, 6);
  ExpectPlace(root.Find("a")->items[2], 1, 19, 4);
  ExpectPlace(*root.Find("b")->Find("c\""), 2, 16, 5);
  ExpectPlace(*root.Find("d"), 2, 29, 4);
  EXPECT_EQ(root.members[1].keyPlace.column, 2u);
}

TEST(JsonReader, CommentsMoveNothing) {
  const Value root = ReadWell("// \"a\": 1\n/* [\n */ { /* { */ \"a\": // ]\n 7/**/ }");
  ExpectPlace(*root.Find("a"), 4, 2, 1);
}

TEST(JsonReader, AByteOrderMarkHasNoColumn) { ExpectPlace(ReadWell("\xef\xbb\xbf 1"), 1, 2, 1); }

TEST(JsonReader, KeepsAllOfBothIntegerRanges) {
  const Value root = ReadWell("[18446744073709551615, -9223372036854775808]");
  EXPECT_EQ(root.items[0].magnitude, UINT64_MAX);
  EXPECT_EQ(root.items[1].magnitude, uint64_t{1} << 63);
  EXPECT_TRUE(root.items[1].boolean) << "negative";
}

TEST(JsonReader, RefusesDuplicateKeysOfOneObjectOnly) {
  ReadWell(R"({ "a": { "a": 1 }, "b": { "a": 2 } })");
  EXPECT_EQ(FirstProblem("{ \"a\": 1,\n  \"a\": 2 }"), "2:3: duplicate key \"a\"; the first is in line 1");
}

TEST(JsonReader, NestsSixtyFourDeepAndNoDeeper) {
  ReadWell(std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']'));
  EXPECT_EQ(FirstProblem(std::string(1'000'000, '[')), "1:65: nested more than 64 deep");
}

TEST(JsonReader, PointsAtTheByteThatIsWrong) {
  EXPECT_TRUE(FirstProblem("{\n  \"a\": tru }").starts_with("2:11: syntax error"));
  EXPECT_TRUE(FirstProblem("[1,]").starts_with("1:4: syntax error"));
  EXPECT_TRUE(FirstProblem("[1] x").starts_with("1:5: syntax error"));
}

TEST(JsonPrinter, FoldsWhatDoesNotFitOnALine) {
  Value list = Value::Array();
  for (int i = 0; i < 3; ++i) list.items.emplace_back(std::string(50, 'x'));
  const std::string text = PrintJson(Value::Object().Set("short", Value::Array({"a"})).Set("long", list));
  const std::string x = "    \"" + std::string(50, 'x') + "\"";
  EXPECT_EQ(text, "{\n  \"short\": [\"a\"],\n  \"long\": [\n" + x + ",\n" + x + ",\n" + x + "\n  ]\n}\n");
}

TEST(JsonPrinter, QuotesControlCharactersAndBrokenUtf8) {
  EXPECT_EQ(QuoteJson("a\"\\\n\x01\xffü"), "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbdü\"");
}

}  // namespace
}  // namespace overlaysim::scenario
