#include <gtest/gtest.h>

#include "sim/import/parsers.h"

namespace overlaysim::import {
namespace {

Value Parse(std::string_view text) {
  ValueBuilder builder;
  auto error = ParseYaml(text, builder);
  EXPECT_FALSE(error) << (error ? error->message : "");
  return std::move(builder.root);
}
SyntaxError ErrorOf(std::string_view text) {
  ValueBuilder builder;
  return ParseYaml(text, builder).value_or(SyntaxError{});
}

TEST(YamlParser, TellsTextFromNumbersAndWords) {
  const Value root = Parse("a: 12\nb: \"12\"\nc: true\nd: ~\ne: 10.0.0.1\nf: 10.0.0.0/8\ng:\n");
  EXPECT_EQ(root.Find("a")->kind, Value::Kind::Number);
  EXPECT_EQ(root.Find("b")->kind, Value::Kind::String);
  EXPECT_EQ(root.Find("c")->kind, Value::Kind::Bool);
  EXPECT_EQ(root.Find("d")->kind, Value::Kind::Null);
  EXPECT_EQ(root.Find("e")->kind, Value::Kind::String);
  EXPECT_EQ(root.Find("f")->kind, Value::Kind::String);
  EXPECT_EQ(root.Find("g")->kind, Value::Kind::Null);
}

TEST(YamlParser, KnowsWhereTheLinesOfABlockStand) {
  const Value root = Parse("data:\n  conf: |\n\n    {\n    }\n");
  const Value* conf = root.Find({"data", "conf"});
  EXPECT_TRUE(conf->isBlock);
  EXPECT_EQ(conf->place.line, 2u);
  EXPECT_EQ(conf->blockIndent, 4u);
  EXPECT_EQ(conf->text, "\n{\n}\n");
}

TEST(YamlParser, ReplaysAliases) {
  const Value root = Parse("a: &x {k: [1, &y two]}\nb: *x\nc: *y\n");
  EXPECT_EQ(root.Find({"b", "k"})->items.size(), 2u);
  EXPECT_EQ(root.Find("c")->text, "two");
}

TEST(YamlParser, RefusesABombOfAliases) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int n = 0; n < 10; ++n) bomb += (n ? ", *a" : "*a") + std::to_string(i - 1);
    bomb += "]\n";
  }
  EXPECT_EQ(ErrorOf(bomb).message,
            "the aliases of this file expand to more than 100000 values; that is no cluster's own file");
}

TEST(YamlParser, RefusesAnAliasOfItself) {
  EXPECT_EQ(ErrorOf("a: &x [1, *x]\n").message, "this alias stands inside what it names, so it has no end");
}

TEST(YamlParser, RefusesDeepNestingAndKeysThatAreNoText) {
  EXPECT_NE(ErrorOf(std::string(100000, '[')).message, "");
  EXPECT_EQ(ErrorOf("{[1, 2]: 3}").message, "a key must be a text here");
}

TEST(YamlParser, AStrayCommaEndsIt) {
  EXPECT_EQ(ErrorOf(",--\nkind: ConfigMap\n").message, "this is not valid YAML: nothing can begin like this");
}

TEST(YamlParser, SaysWhereItIsBroken) {
  const SyntaxError error = ErrorOf("kind: Node\nmetadata:\n  name: a\n bad: b\n");
  EXPECT_EQ(error.place.line, 4u);
  EXPECT_TRUE(error.message.starts_with("this is not valid YAML: ")) << error.message;
}

}  // namespace
}  // namespace overlaysim::import
