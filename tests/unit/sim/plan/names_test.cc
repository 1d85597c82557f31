#include "sim/plan/names.h"

#include <gtest/gtest.h>

namespace overlaysim::plan {
namespace {

TEST(PlanNames, CalicoMacIsSha1OfTheNodeName) {
  EXPECT_EQ(CalicoVtepMac("node1").ToString(), "66:f9:37:c3:7e:94");  // printf node1 | sha1sum: f937c37e94...
}

TEST(PlanNames, MadeUpMacsAreLocallyAdministeredUnicast) {
  for (const char* name : {"node1/eth0", "node2/eth0", "shop/cart-1/eth0"})
    EXPECT_EQ(MacFromName(name).bytes[0] & 3, 2) << name;
  EXPECT_EQ(MacFromName("node1/eth0"), MacFromName("node1/eth0"));
}

TEST(PlanNames, PatternsMatchAsPeopleExpect) {
  EXPECT_TRUE(MatchesPattern("shop/cart-*", "shop/cart-1"));
  EXPECT_TRUE(MatchesPattern("*", ""));
  EXPECT_TRUE(MatchesPattern("a*b*c", "aXXbYYbZc"));
  EXPECT_TRUE(MatchesPattern("node?", "node1"));
  EXPECT_FALSE(MatchesPattern("node?", "node10"));
  EXPECT_FALSE(MatchesPattern("shop/*", "shopping/x"));
}

TEST(PlanNames, GeneratedNamesCountFromTheNumberGiven) {
  EXPECT_EQ(GeneratedName("node{i}", 7), "node7");
  EXPECT_EQ(GeneratedName("node-{i:03d}", 7), "node-007");
  EXPECT_EQ(GeneratedName("web", 7), "web7");
  EXPECT_EQ(GeneratedName("{node}-web{i}", 7, "n1"), "n1-web7");
}

}  // namespace
}  // namespace overlaysim::plan
