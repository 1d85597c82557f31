#include "gui/layout/positions.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace overlaysim::layout {
namespace {

TEST(PositionStore, KeepsEachScenariosPositionsApart) {
  const test::TemporaryDirectory folder;
  const PositionStore store(folder.Path() / "made" / "positions.json");
  EXPECT_EQ(store.Save("one", {{"node1", {1, 2.5}}}), "");
  EXPECT_EQ(store.Save("two", {{"node1", {-7, 8}}}), "");
  EXPECT_EQ(store.Load("one").at("node1"), (Point{1, 2.5}));
  EXPECT_EQ(store.Load("two").at("node1"), (Point{-7, 8}));
  EXPECT_TRUE(store.Load("three").empty());
  EXPECT_EQ(store.Save("one", {}), "");
  EXPECT_TRUE(store.Load("one").empty());
}

TEST(PositionStore, TakesNothingFromAFileThatSomebodyHasSpoiled) {
  const test::TemporaryDirectory folder;
  const std::filesystem::path file = folder.Path() / "positions.json";
  for (const char* text : {"", "[", "[1]", R"({"one": 7})", R"({"one": {"a": [1], "b": ["x", 2], "c": [1e300, 0]}})"}) {
    std::ofstream(file) << text;
    EXPECT_TRUE(PositionStore(file).Load("one").empty()) << text;
  }
}

}  // namespace
}  // namespace overlaysim::layout
