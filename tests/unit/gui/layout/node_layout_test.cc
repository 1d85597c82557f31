#include "gui/layout/node_layout.h"

#include <gtest/gtest.h>

#include "support/gui/topologies.h"

namespace overlaysim::layout {
namespace {

constexpr Box kBox{100, 200, 160, 120};

TEST(NodeLayout, ShowsEveryDeviceAndPodOnceAndInsideTheBox) {
  const replay::Topology topology = test::LeafSpine({.racks = 1, .nodesPerRack = 1, .podsPerNode = 30, .spines = 1});
  const uint32_t node = topology.Find("node1")->id;
  const NodeInside inside = LayOutInside(topology, node, kBox);
  EXPECT_EQ(inside.pods.size(), 30u);
  EXPECT_EQ(inside.devices.size(), 3u + 2 * 30);  // eth0, cni0, flannel.1; both ends of each veth
  for (const DeviceBox& device : inside.devices) {
    EXPECT_GE(device.box.x, kBox.x);
    EXPECT_LE(device.box.Right(), kBox.Right());
    EXPECT_GE(device.box.y, kBox.y);
    EXPECT_LE(device.box.Bottom(), kBox.Bottom());
  }
  for (size_t i = 0; i < inside.pods.size(); ++i)
    for (size_t j = i + 1; j < inside.pods.size(); ++j) EXPECT_FALSE(inside.pods[i].box.Intersects(inside.pods[j].box));
}

TEST(NodeLayout, TellsUplinkTunnelBridgeAndVethsApart) {
  const replay::Topology topology = test::LeafSpine({.racks = 1, .nodesPerRack = 1, .podsPerNode = 1, .spines = 1});
  const uint32_t node = topology.Find("node1")->id;
  const NodeInside inside = LayOutInside(topology, node, kBox);
  EXPECT_EQ(inside.Find(node, 2)->kind, DeviceBox::Kind::Uplink);
  EXPECT_EQ(inside.Find(node, 3)->kind, DeviceBox::Kind::Bridge);
  EXPECT_EQ(inside.Find(node, 4)->kind, DeviceBox::Kind::Other);
  EXPECT_EQ(inside.Find(node, 5)->kind, DeviceBox::Kind::PodPort);
  EXPECT_EQ(inside.Find(topology.Find("shop/web1")->id, 2)->kind, DeviceBox::Kind::PodEth);
  EXPECT_EQ(inside.Find(node, 1), nullptr);  // lo
}

TEST(NodeLayout, EachPodHangsOnTheVethThatThePlanNames) {
  const replay::Topology topology = test::ParsePlan(
      R"({"namespaces":[{"id":0,"name":"n","role":"node","kernel":0,"devices":[{"ifindex":7,"name":"a","mtu":1},)"
      R"({"ifindex":8,"name":"b","mtu":1},{"ifindex":9,"name":"veth9","mtu":1}]},)"
      R"({"id":1,"name":"p","role":"pod","kernel":0,"devices":[{"ifindex":3,"name":"net1","mtu":1},)"
      R"({"ifindex":2,"name":"eth0","mtu":1,"peer":{"netns":0,"ifindex":8}}]},)"
      R"({"id":2,"name":"q","role":"pod","kernel":0,"devices":[{"ifindex":2,"name":"eth0","mtu":1,)"
      R"("peer":{"netns":0,"ifindex":7}}]}]})");
  const NodeInside inside = LayOutInside(topology, 0, kBox);
  ASSERT_TRUE(inside.Find(0, 8));
  EXPECT_EQ(inside.Find(0, 8)->kind, DeviceBox::Kind::PodPort);
  EXPECT_EQ(inside.Find(0, 8)->box.x, inside.Find(1, 2)->box.x) << "b above p, whatever the order and the names";
  EXPECT_EQ(inside.Find(0, 7)->box.x, inside.Find(2, 2)->box.x);
  EXPECT_EQ(inside.Find(0, 9)->kind, DeviceBox::Kind::Other) << "it leads to no pod";
}

TEST(NodeLayout, PodsThatAreShownAsOneHaveOneBox) {
  const replay::Topology topology = test::LeafSpine({.racks = 1, .nodesPerRack = 1, .podsPerNode = 5, .spines = 1});
  const uint32_t node = topology.Find("node1")->id;
  const std::span<const uint32_t> pods = topology.PodsOf(node);
  const NodeInside inside = LayOutInside(topology, node, kBox, {{{pods[0]}, ""}, {{pods[1], pods[3]}, "shop"}});
  EXPECT_EQ(inside.pods.size(), 2u);
  EXPECT_EQ(inside.FindPod(pods[3]), inside.FindPod(pods[1]));
  EXPECT_EQ(inside.FindPod(pods[2]), nullptr);
  EXPECT_EQ(inside.devices.size(), 3u + 2) << "both ends of one veth";
}

TEST(NodeLayout, ASwitchHasItsPortsAndItsBridge) {
  const replay::Topology topology = test::LeafSpine({.racks = 1, .nodesPerRack = 3, .podsPerNode = 0, .spines = 2});
  const uint32_t leaf = topology.Find("leaf1")->id;
  const NodeInside inside = LayOutInside(topology, leaf, kBox);
  EXPECT_EQ(inside.devices.size(), 1u + 3 + 2);
  const Box bridge = inside.Find(leaf, 2)->box;
  EXPECT_GT(inside.Find(leaf, 3)->box.y, bridge.y);  // to a node
  EXPECT_LT(inside.Find(leaf, 6)->box.y, bridge.y);  // to a spine
}

TEST(NodeLayout, DrawsManyPodsWhereTheirDotsHaveBeen) {
  const PodGrid grid = PodGridOf(250, kBox);
  EXPECT_GE(grid.columns * grid.rows, 250u);
  for (size_t i = 0; i < 250; ++i) {
    const Box cell = grid.Cell(i);
    EXPECT_GE(cell.x, grid.area.x);
    EXPECT_LE(cell.Bottom(), grid.area.Bottom() + 1e-9);
  }
}

}  // namespace
}  // namespace overlaysim::layout
