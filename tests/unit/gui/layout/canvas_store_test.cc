#include "gui/layout/canvas_store.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace overlaysim::layout {
namespace {

CanvasChoices At(const char* netns, Point at) {
  CanvasChoices choices;
  choices.positions[netns] = at;
  return choices;
}

TEST(CanvasStore, KeepsEachScenariosPositionsApart) {
  const test::TemporaryDirectory folder;
  const CanvasStore store(folder.Path() / "made" / "canvas.json");
  EXPECT_EQ(store.Save("one", At("node1", {1, 2.5})), "");
  EXPECT_EQ(store.Save("two", At("node1", {-7, 8})), "");
  EXPECT_EQ(store.Load("one").positions.at("node1"), (Point{1, 2.5}));
  EXPECT_EQ(store.Load("two").positions.at("node1"), (Point{-7, 8}));
  EXPECT_TRUE(store.Load("three").positions.empty());
  EXPECT_EQ(store.Save("one", {}), "");
  EXPECT_TRUE(store.Load("one").positions.empty());
}

TEST(CanvasStore, KeepsWhatIsHiddenAndCollapsed) {
  const test::TemporaryDirectory folder;
  const CanvasStore store(folder.Path() / "canvas.json");
  CanvasChoices choices;
  choices.shown.hidden.namespaces = {"kube-system", "shop"};
  choices.shown.hidden.labels = {"app=web"};
  choices.shown.collapsed.racks = {"leaf2"};
  choices.shown.hiddenVnis = {7};
  EXPECT_EQ(store.Save("one", choices), "");
  EXPECT_EQ(store.Load("one").shown, choices.shown);
  EXPECT_TRUE(store.Load("one").positions.empty());
}

TEST(CanvasStore, TakesNothingFromAFileThatSomebodyHasSpoiled) {
  const test::TemporaryDirectory folder;
  const std::filesystem::path file = folder.Path() / "canvas.json";
  for (const char* text :
       {"", "[", "[1]", R"({"one": 7})", R"({"one": {"positions": {"a": [1], "b": ["x", 2], "c": [1e300, 0]}}})",
        R"({"one": {"hidden": 3, "collapsed": {"racks": "leaf1", "labels": [7]}, "hiddenVnis": [-1, 99999999]}})"}) {
    std::ofstream(file) << text;
    const CanvasChoices choices = CanvasStore(file).Load("one");
    EXPECT_TRUE(choices.positions.empty()) << text;
    EXPECT_EQ(choices.shown, Shown()) << text;
  }
}

}  // namespace
}  // namespace overlaysim::layout
