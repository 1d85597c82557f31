#include "gui/document/check_scenario.h"

#include <gtest/gtest.h>

namespace overlaysim::document {
namespace {

TEST(CheckScenario, SaysWhatWasUnderstood) {
  const auto check = CheckScenario("x.json", R"({ "format": 1, "cluster": { "nodes": ["a", "b"], "pods": [
    { "name": "p", "node": "a" }] } })");
  EXPECT_TRUE(check.problems.empty());
  EXPECT_EQ(check.understood, "flannel vxlan, VNI 1, UDP 8472 · 2 nodes, 1 pod");
}

TEST(CheckScenario, FindsWhatOnlyThePlanFinds) {
  const auto check = CheckScenario("x.json", R"({ "format": 1, "cluster": { "nodes": ["a", "b"], "pods": [
    { "name": "p", "node": "c" }] } })");
  ASSERT_EQ(check.problems.size(), 1u);
  EXPECT_EQ(check.problems[0].place.line, 2u);
  EXPECT_NE(check.problems[0].message.find("there is no such node"), std::string::npos) << check.problems[0].message;
  EXPECT_EQ(check.understood, "");
}

}  // namespace
}  // namespace overlaysim::document
