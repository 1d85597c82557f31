#include <gtest/gtest.h>

#include "sim/import/parsers.h"

namespace overlaysim::import {
namespace {

Value Parse(std::string_view text) {
  ValueBuilder builder;
  auto error = ParseJson(text, builder);
  EXPECT_FALSE(error) << (error ? error->message : "");
  return std::move(builder.root);
}
SyntaxError ErrorOf(std::string_view text) {
  ValueBuilder builder;
  return ParseJson(text, builder).value_or(SyntaxError{});
}

TEST(JsonParser, KnowsWhereEachValueStands) {
  const Value root = Parse("{\n  \"a\": \"x\",\n  \"b\": [ 12, true,\n null ],\n  \"c\": {\"d\": \"\\\"q\\\"\"}\n}");
  EXPECT_EQ(root.place.line, 1u);
  EXPECT_EQ(root.Find("a")->place.line, 2u);
  EXPECT_EQ(root.Find("a")->place.column, 8u);
  const Value* b = root.Find("b");
  EXPECT_EQ(b->place.column, 8u);
  EXPECT_EQ(b->items.at(0).place.column, 10u);
  EXPECT_EQ(b->items.at(1).place.column, 14u);
  EXPECT_EQ(b->items.at(2).place.line, 4u);
  EXPECT_EQ(b->items.at(2).place.column, 2u);
  EXPECT_EQ(root.Find({"c", "d"})->place.column, 14u);
  EXPECT_EQ(root.Find({"c", "d"})->text, "\"q\"");
}

TEST(JsonParser, ReadsSeveralValuesAfterEachOther) {
  struct Counter : ValueEvents {
    int objects = 0;
    void BeginObject(TextPlace) override { ++objects; }
    void Key(std::string_view, TextPlace) override {}
    void EndObject() override {}
    void BeginArray(TextPlace) override {}
    void EndArray() override {}
    void Scalar(Value&&) override {}
  } counter;
  EXPECT_FALSE(ParseJson("{}\n{}{}\n", counter));
  EXPECT_EQ(counter.objects, 3);
}

TEST(JsonParser, SaysWhatIsWrongAndWhere) {
  const SyntaxError error = ErrorOf("{\n  \"a\": 1,\n}");
  EXPECT_EQ(error.place.line, 3u);
  EXPECT_EQ(error.place.column, 1u);
  EXPECT_EQ(error.message, "this is not valid JSON: unexpected '}'; expected string literal");
}

TEST(JsonParser, RecognisesAFileThatIsCutOff) {
  EXPECT_EQ(ErrorOf("{\"items\": [ {\"kind\": \"Node\"").message,
            "the file ends in the middle of an object or array; is it cut off?");
}

TEST(JsonParser, RefusesDeepNesting) {
  EXPECT_EQ(ErrorOf(std::string(100000, '[')).message, "this is nested more than 400 levels deep");
}

}  // namespace
}  // namespace overlaysim::import
