#include "gui/layout/cluster_layout.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/gui/topologies.h"

namespace overlaysim::layout {
namespace {

using test::LeafSpine;

TEST(ClusterLayout, RacksStandBelowTheSpinesAndNodesBelowTheirLeaf) {
  const replay::Topology topology = LeafSpine({.racks = 4, .nodesPerRack = 2, .podsPerNode = 1, .spines = 2});
  const ClusterLayout layout = LayOut(topology);
  ASSERT_EQ(layout.racks.size(), 4u);
  const Box spine = layout.sites[layout.siteOf[topology.Find("spine1")->id]].box;
  for (const Rack& rack : layout.racks) {
    EXPECT_LT(spine.Bottom(), rack.box.y);
    EXPECT_EQ(rack.sites.size(), 2u);
    for (const uint32_t site : rack.sites) {
      EXPECT_LT(layout.sites[rack.head].box.Bottom(), layout.sites[site].box.y);
      EXPECT_TRUE(rack.box.Contains(layout.sites[site].box.Centre()));
    }
  }
}

TEST(ClusterLayout, NothingOverlapsInALargeCluster) {
  const replay::Topology topology = LeafSpine({.racks = 125, .nodesPerRack = 40, .podsPerNode = 0, .spines = 8});
  const ClusterLayout layout = LayOut(topology);
  ASSERT_EQ(layout.sites.size(), 125u * 40 + 125 + 8);
  for (size_t i = 0; i < layout.racks.size(); ++i)
    for (size_t j = i + 1; j < layout.racks.size(); ++j)
      ASSERT_FALSE(layout.racks[i].box.Intersects(layout.racks[j].box)) << i << " and " << j;
  for (const Rack& rack : layout.racks)
    for (size_t i = 0; i < rack.sites.size(); ++i)
      for (size_t j = i + 1; j < rack.sites.size(); ++j)
        ASSERT_FALSE(layout.sites[rack.sites[i]].box.Intersects(layout.sites[rack.sites[j]].box));
  const double aspect = layout.bounds.width / layout.bounds.height;
  EXPECT_GT(aspect, 0.8);
  EXPECT_LT(aspect, 2.4);
}

TEST(ClusterLayout, CablesRunFromEndToEndWithoutCrossingANodesBox) {
  const replay::Topology topology = LeafSpine({.racks = 12, .nodesPerRack = 9, .podsPerNode = 0, .spines = 2});
  const ClusterLayout layout = LayOut(topology);
  for (uint32_t c = 0; c < topology.cables.size(); ++c) {
    const auto path = layout.CablePath(c);
    ASSERT_GE(path.size(), 2u);
    const Box from = layout.sites[layout.siteOf[topology.cables[c].a.netns]].box;
    const Box to = layout.sites[layout.siteOf[topology.cables[c].b.netns]].box;
    EXPECT_TRUE(from.Grown(0.01).Contains(path.front()));
    EXPECT_TRUE(to.Grown(0.01).Contains(path.back()));
    for (size_t i = 0; i + 1 < path.size(); ++i)
      for (const Site& site : layout.sites) {
        // Midpoints of axis-parallel segments are inside no box.
        const Point middle{(path[i].x + path[i + 1].x) / 2, (path[i].y + path[i + 1].y) / 2};
        if (path[i].x == path[i + 1].x || path[i].y == path[i + 1].y) {
          EXPECT_FALSE(site.box.Contains(middle)) << topology.cables[c].name;
        }
      }
  }
}

TEST(ClusterLayout, PodsAreWhereTheirNodeIs) {
  const replay::Topology topology = LeafSpine({.racks = 1, .nodesPerRack = 2, .podsPerNode = 3, .spines = 1});
  const ClusterLayout layout = LayOut(topology);
  for (const replay::Netns& netns : topology.netns) {
    if (netns.role == replay::Role::Pod) {
      EXPECT_EQ(layout.siteOf[netns.id], layout.siteOf[topology.HostOf(netns.id)]);
    }
  }
}

TEST(ClusterLayout, ARackThatIsCollapsedIsItsSwitch) {
  const replay::Topology topology = LeafSpine({.racks = 2, .nodesPerRack = 3, .podsPerNode = 1, .spines = 1});
  Options options;
  options.isCollapsed.assign(topology.netns.size(), false);
  const uint32_t leaf = topology.Find("leaf1")->id;
  options.isCollapsed[leaf] = true;
  const ClusterLayout layout = LayOut(topology, {}, options);
  EXPECT_EQ(layout.racks[0].collapsedNodes, 3u);
  EXPECT_TRUE(layout.racks[0].sites.empty());
  EXPECT_EQ(layout.siteOf[topology.Find("node1")->id], layout.siteOf[leaf]);
}

TEST(ClusterLayout, HiddenNodesHaveNoPlaceAndNoCables) {
  const replay::Topology topology = LeafSpine({.racks = 1, .nodesPerRack = 2, .podsPerNode = 1, .spines = 1});
  Options options;
  options.isHidden.assign(topology.netns.size(), false);
  const uint32_t node = topology.Find("node2")->id;
  options.isHidden[node] = true;
  const ClusterLayout layout = LayOut(topology, {}, options);
  EXPECT_EQ(layout.siteOf[node], kNone);
  EXPECT_TRUE(layout.CablePath(topology.CablesOf(node).front()).empty());
}

TEST(ClusterLayout, WhatSomebodyHasMovedStaysThere) {
  const replay::Topology topology = LeafSpine({.racks = 2, .nodesPerRack = 2, .podsPerNode = 0, .spines = 1});
  const ClusterLayout layout = LayOut(topology, {{"node1", {-500, 700}}, {"leaf2", {3000, 100}}});
  const Box node = layout.sites[layout.siteOf[topology.Find("node1")->id]].box;
  EXPECT_EQ(node.x, -500);
  EXPECT_EQ(node.y, 700);
  const Rack& second = layout.racks[1];
  EXPECT_EQ(layout.sites[second.head].box.x, 3000);
  for (const uint32_t site : second.sites) EXPECT_TRUE(second.box.Contains(layout.sites[site].box.Centre()));
}

TEST(ClusterLayout, ALabBecomesColumnsFromOneEndToTheOther) {
  // a - r1 - r2 - b
  const replay::Topology topology = test::Lab({"a", "r1", "r2", "b"}, {{0, 1}, {1, 2}, {2, 3}});
  const ClusterLayout layout = LayOut(topology);
  ASSERT_EQ(layout.sites.size(), 4u);
  const auto x = [&](const char* name) { return layout.sites[layout.siteOf[topology.Find(name)->id]].box.x; };
  EXPECT_TRUE((x("a") < x("r1") && x("r1") < x("r2") && x("r2") < x("b")) ||
              (x("a") > x("r1") && x("r1") > x("r2") && x("r2") > x("b")));
}

TEST(ClusterLayout, OneNodeAloneAndNothingAtAllHaveALayout) {
  EXPECT_EQ(LayOut(test::Lab({"only"}, {})).sites.size(), 1u);
  EXPECT_TRUE(LayOut(test::Lab({}, {})).sites.empty());
}

TEST(ClusterLayout, TheSiteAtAPointIsTheOneWhoseBoxItIsIn) {
  const replay::Topology topology = LeafSpine({.racks = 2, .nodesPerRack = 3, .podsPerNode = 1, .spines = 1});
  const ClusterLayout layout = LayOut(topology);
  for (uint32_t i = 0; i < layout.sites.size(); ++i) EXPECT_EQ(layout.SiteAt(layout.sites[i].box.Centre()), i);
  EXPECT_EQ(layout.SiteAt({-1e6, -1e6}), kNone);
}

}  // namespace
}  // namespace overlaysim::layout
