#include "sim/base/diagnostics.h"

#include <gtest/gtest.h>

namespace overlaysim {
namespace {

TEST(Diagnostics, AreSortedByPlaceAndShowTheLine) {
  Diagnostics diagnostics;
  diagnostics.AddSource("a.json", "{\n  \"x\": 1,\n}");
  diagnostics.Error({"a.json", 3, 1, 1}, "second");
  diagnostics.Error({"a.json", 2, 3, 3}, "first");
  EXPECT_EQ(diagnostics.Format(),
            "a.json:2:3: error: first\n"
            "    2 |   \"x\": 1,\n"
            "      |   ^~~\n"
            "a.json:3:1: error: second\n"
            "    3 | }\n"
            "      | ^\n"
            "2 errors\n");
}

TEST(DidYouMean, FindsOneSlipInAShortWord) {
  const std::vector<std::string> known{"flannel", "calico", "count", "cni"};
  EXPECT_EQ(DidYouMean("flanel", known), "flannel");
  EXPECT_EQ(DidYouMean("Calico", known), "calico");
  EXPECT_EQ(DidYouMean("cuont", known), "count") << "two neighbours that changed places";
  EXPECT_EQ(DidYouMean("cin", known), "cni");
  EXPECT_EQ(DidYouMean("weave", known), "");
}

}  // namespace
}  // namespace overlaysim
