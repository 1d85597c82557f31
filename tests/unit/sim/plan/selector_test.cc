#include "sim/plan/cni/selector.h"

#include <gtest/gtest.h>

namespace overlaysim::plan {
namespace {

const Selector::Labels kNode = {{"rack", "r1"}, {"topology.kubernetes.io/zone", "eu-west"}, {"gpu", ""}};

bool Holds(const std::string& text) {
  std::string error;
  const auto selector = Selector::Parse(text, error);
  EXPECT_TRUE(selector) << text << ": " << error;
  return selector && selector->Matches(kNode);
}

TEST(CalicoSelector, OperatorsAreThoseOfCalico) {
  EXPECT_TRUE(Holds(""));
  EXPECT_TRUE(Holds("all()"));
  EXPECT_FALSE(Holds("global()"));
  EXPECT_TRUE(Holds("has(gpu)"));
  EXPECT_TRUE(Holds("rack == 'r1'"));
  EXPECT_TRUE(Holds("rack in {\"r1\", \"r2\"}"));
  EXPECT_TRUE(Holds("topology.kubernetes.io/zone starts with 'eu'"));
  EXPECT_TRUE(Holds("topology.kubernetes.io/zone ends with \"west\""));
  EXPECT_TRUE(Holds("topology.kubernetes.io/zone contains '-w'"));
  EXPECT_FALSE(Holds("rack in {}"));
}

TEST(CalicoSelector, MissingLabelIsUnequalToEverything) {
  EXPECT_TRUE(Holds("absent != 'x'"));
  EXPECT_TRUE(Holds("absent not in {'x'}"));
  EXPECT_FALSE(Holds("absent == ''"));
}

TEST(CalicoSelector, NotBindsMoreThanAndMoreThanOr) {
  EXPECT_TRUE(Holds("!has(absent) && rack == 'r1'"));
  EXPECT_TRUE(Holds("has(gpu) || has(absent) && has(absent)"));
  EXPECT_FALSE(Holds("(has(gpu) || has(absent)) && has(absent)"));
  EXPECT_FALSE(Holds("!!has(absent)"));
}

TEST(CalicoSelector, WhatIsNoSelectorIsRefusedWithTheReason) {
  for (const char* text : {"rack", "rack = 'x'", "rack == r1", "has(rack", "rack in {'a'", "all() all()", "&& all()",
                           "rack == 'x' &&", "rack not 'x'"}) {
    std::string error;
    EXPECT_FALSE(Selector::Parse(text, error)) << text;
    EXPECT_FALSE(error.empty()) << text;
  }
  std::string error;
  EXPECT_FALSE(Selector::Parse(std::string(100000, '('), error));
  EXPECT_FALSE(Selector::Parse(std::string(100000, '!'), error));
}

}  // namespace
}  // namespace overlaysim::plan
