#include "gui/document/completion.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace overlaysim::document {
namespace {

/// `|` is the cursor.
CompletionList At(std::string text) {
  const size_t cursor = text.find('|');
  text.erase(cursor, 1);
  return CompleteAt(text, cursor);
}

bool Offers(const CompletionList& list, std::string_view label) {
  return std::any_of(list.items.begin(), list.items.end(), [&](const Completion& c) { return c.label == label; });
}

TEST(Completion, OffersKeysThatAreNotThereYet) {
  const auto list = At(R"({ "format": 1, | "seed": 2 })");
  EXPECT_TRUE(Offers(list, "cluster"));
  EXPECT_FALSE(Offers(list, "format"));
  EXPECT_FALSE(Offers(list, "seed"));
}

TEST(Completion, KnowsTheVariant) {
  const auto ping = At(R"({ "traffic": [ { "type": "ping", | } ] })");
  EXPECT_TRUE(Offers(ping, "count"));
  const auto leafSpine = At(R"({ "underlay": { "type": "leaf-spine", | } })");
  EXPECT_TRUE(Offers(leafSpine, "spines"));
  EXPECT_FALSE(Offers(leafSpine, "k"));
  const auto fail = At(R"({ "events": [ { "at": "1s", "fail": { "link": ["a", "b"] }, | } ] })");
  EXPECT_TRUE(Offers(fail, "for"));
  EXPECT_FALSE(Offers(fail, "on"));
}

TEST(Completion, OffersTheWordsOfAnEnumeration) {
  const auto list = At(R"({ "underlay": { "type": "lea|)");
  EXPECT_TRUE(Offers(list, "\"leaf-spine\""));
  EXPECT_EQ(list.from, std::string_view(R"({ "underlay": { "type": )").size());
  EXPECT_TRUE(Offers(At(R"({ "cluster": { "cni": { "type": |)"), "\"flannel\""));
}

TEST(Completion, InsideAStringTheWholeStringIsReplaced) {
  const auto list = At("{\n  \"tra|");
  EXPECT_EQ(list.from, 4u);
  EXPECT_TRUE(Offers(list, "traffic"));
}

TEST(Completion, SurvivesWhatIsNoScenario) {
  for (const char* text :
       {"|", "[|", "]}|", "{\"a\": {|", "\"|", "{{{{|", "{\"cluster\": [[{|", "/*|", "//|", "{\"x\\|"})
    EXPECT_NO_THROW(At(text)) << text;
}

}  // namespace
}  // namespace overlaysim::document
