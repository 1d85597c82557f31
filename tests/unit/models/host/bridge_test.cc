#include <gtest/gtest.h>

#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::Mac;
using test::Net;

/// A bridge with three ports, each on a cable to a host that only listens: x1, x2, x3. Hosts' MACs end in 01, 02, 03.
class BridgePath : public ::testing::Test {
 protected:
  BridgePath() {
    auto& s = world.Add("s");
    br = test::AddUpLink(
        s, {.name = "br0", .kind = kernel::LinkKind::Bridge, .address = Mac("02:00:00:00:00:99"), .addressSet = true},
        "10.0.0.9/24");
    for (int i = 1; i <= 3; ++i) {
      const std::string digit = std::to_string(i);
      auto& x = world.Add("x" + digit);
      world.AddEth(x, "eth0", ("02:00:00:00:00:0" + digit).c_str(), ("10.0.0." + digit + "/24").c_str());
      ports.push_back(world.AddEth(s, ("p" + digit).c_str(), ("02:00:00:00:01:0" + digit).c_str(), nullptr));
      s.SetLinkMaster(ports.back(), br);
    }
    world.Start();
    for (int i = 1; i <= 3; ++i) {
      const std::string digit = std::to_string(i);
      world.Connect(("x" + digit).c_str(), "eth0", "s", ("p" + digit).c_str());
      world.Capture("x" + digit, "eth0");
    }
    world.Capture("s", "br0");
    Ns().GetLink(br)->promiscuity = 0;  // seen, but not as under tcpdump: the bridge hands up only what is for it
  }
  kernel::Namespace& Ns() { return world.At("s").Ns(); }
  kernel::Link& Port(int i) { return *Ns().GetLink(ports[static_cast<size_t>(i - 1)]); }

  /// Sends a frame of host `from` to that MAC; answers where it came out: "2", "23", "b" for the bridge itself.
  std::string Goes(int from, const char* to, const char* source = nullptr, size_t bytes = 60) {
    std::vector<uint8_t> frame = Counting(bytes);
    const std::string mac = source ? source : "02:00:00:00:00:0" + std::to_string(from);
    wire::Ethernet{frame.data()}.Write(Mac(to), Mac(mac.c_str()), 0x88b5);  // for experiments: nobody answers
    std::array<size_t, 5> before{};
    for (int i = 1; i <= 3; ++i) before[static_cast<size_t>(i)] = world.Frames("x" + std::to_string(i), "eth0").size();
    before[4] = world.Frames("s", "br0").size();
    const std::string sender = "x" + std::to_string(from);
    world.SendFrame(sender, "eth0", frame);
    world.Run(Milliseconds(1));
    std::string out;
    for (int i = 1; i <= 3; ++i) {
      const auto& frames = world.Frames("x" + std::to_string(i), "eth0");
      for (size_t n = before[static_cast<size_t>(i)]; n < frames.size(); ++n)
        if (!frames[n].outgoing) out += std::to_string(i);
    }
    if (world.Frames("s", "br0").size() > before[4]) out += "b";
    return out;
  }
  test::World world;
  int br = 0;
  std::vector<int> ports;
};

TEST_F(BridgePath, FloodsUnknownUnicastAndBroadcastButNotBack) {
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "23");
  EXPECT_EQ(Goes(1, "ff:ff:ff:ff:ff:ff"), "23b");
  EXPECT_EQ(Goes(1, "01:00:5e:00:00:05"), "23b");
}

TEST_F(BridgePath, LearnsWhereAnAddressIsAndFollowsItsMove) {
  Goes(2, "ff:ff:ff:ff:ff:ff");
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "2");
  Goes(3, "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:02");  // the station has moved
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "3");
}

TEST_F(BridgePath, ForgetsAfterTheAgeingTimeWithoutTraffic) {
  Goes(2, "ff:ff:ff:ff:ff:ff");
  world.Run(Seconds(200));
  Goes(2, "ff:ff:ff:ff:ff:ff");
  world.Run(Seconds(200));  // 300 s since it was last heard have not passed
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "2");
  world.Run(Seconds(101));
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "23");
}

TEST_F(BridgePath, LearnsNothingWithAnAgeingTimeOfZeroOrWithLearningOff) {
  Ns().GetLink(br)->bridge.ageingTime = 0;
  Goes(2, "ff:ff:ff:ff:ff:ff");
  EXPECT_EQ(Ns().FindBridgeFdb(br)->Find(Mac("02:00:00:00:00:02")), nullptr);
  Ns().GetLink(br)->bridge.ageingTime = 30000;
  Port(2).port.learning = false;
  Goes(2, "ff:ff:ff:ff:ff:ff");
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "23");
}

TEST_F(BridgePath, KeepsStaticEntriesWhereTheyAre) {
  Ns().AddBridgeFdb(ports[2], Mac("02:00:00:00:00:02"), false, true, kernel::Namespace::kCreate, {});
  Goes(2, "ff:ff:ff:ff:ff:ff");
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "3");
}

TEST_F(BridgePath, HandsUpWhatIsForItselfOrAPort) {
  EXPECT_EQ(Goes(1, "02:00:00:00:00:99"), "b");
  EXPECT_EQ(Goes(1, "02:00:00:00:01:02"), "b");
}

TEST_F(BridgePath, BringsAFrameBackOnlyToAHairpinPort) {
  Goes(1, "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:55");  // two stations behind port 1
  EXPECT_EQ(Goes(1, "02:00:00:00:00:55"), "");
  EXPECT_EQ(world.Ended(Verdict::BridgeSamePort), 1u);
  Port(1).port.hairpin = true;
  EXPECT_EQ(Goes(1, "02:00:00:00:00:55"), "1");
  EXPECT_EQ(Goes(1, "ff:ff:ff:ff:ff:ff"), "123b");
}

TEST_F(BridgePath, ObeysFloodFlagsAndIsolation) {
  Port(2).port.flood = false;
  EXPECT_EQ(Goes(1, "02:00:00:00:00:77"), "3");
  Port(2).port.bcastFlood = false;
  EXPECT_EQ(Goes(1, "ff:ff:ff:ff:ff:ff"), "3b");
  Port(2).port.mcastFlood = false;
  EXPECT_EQ(Goes(1, "01:00:5e:00:00:05"), "3b");
  Port(1).port.isolated = Port(3).port.isolated = true;
  EXPECT_EQ(Goes(1, "02:00:00:00:00:77"), "");
  EXPECT_EQ(world.Ended(Verdict::BridgeNoPort), 1u);
}

TEST_F(BridgePath, NeitherTakesNorSendsThroughADisabledPort) {
  Port(2).port.disabled = true;
  EXPECT_EQ(Goes(1, "ff:ff:ff:ff:ff:ff"), "3b");
  EXPECT_EQ(Goes(2, "ff:ff:ff:ff:ff:ff"), "");
  EXPECT_EQ(world.Ended(Verdict::BridgePortState), 1u);
}

TEST_F(BridgePath, DropsImpossibleSources) {
  EXPECT_EQ(Goes(1, "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"), "");
  EXPECT_EQ(Goes(1, "ff:ff:ff:ff:ff:ff", "03:00:00:00:00:01"), "");
  EXPECT_EQ(world.Ended(Verdict::BridgeBadSource), 2u);
}

TEST_F(BridgePath, ForwardsNoFrameLongerThanThePortsMtu) {
  Ns().SetLinkMtu(ports[1], 1000);
  Goes(2, "ff:ff:ff:ff:ff:ff");
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02", nullptr, 1018), "2");  // 1000 + Ethernet 14 + VLAN 4
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02", nullptr, 1019), "");
  EXPECT_EQ(world.Ended(Verdict::ExceedsDeviceMtu), 1u);
}

TEST_F(BridgePath, ShowsEverythingToTcpdump) {
  Goes(2, "ff:ff:ff:ff:ff:ff");
  Ns().GetLink(br)->promiscuity = 1;
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "2b");
}

TEST_F(BridgePath, GivesAPromiscuousBridgeWhatItsPortMayNotGet) {  // br_forward() with local_rcv: no drop
  Goes(2, "ff:ff:ff:ff:ff:ff");
  Port(1).port.isolated = Port(2).port.isolated = true;
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "");
  EXPECT_EQ(world.Ended(Verdict::BridgePortBlocked), 1u);
  Ns().GetLink(br)->promiscuity = 1;
  EXPECT_EQ(Goes(1, "02:00:00:00:00:02"), "b");
  EXPECT_EQ(world.Ended(Verdict::BridgePortBlocked), 1u);
}

TEST_F(BridgePath, CarriesThePacketsOfItsOwnHost) {
  world.At("s").SendIcmpEcho({.destination = test::Ip("10.0.0.2")}, 1, 1, Counting(8));
  world.Run(Milliseconds(10));
  EXPECT_EQ(world.At("s").Ns().snmp.Get(kernel::Snmp::IcmpInEchoReps), 1u);
  EXPECT_EQ(Ns().Neighbours().Find(br, test::Ip("10.0.0.2"))->mac, Mac("02:00:00:00:00:02"));
}

}  // namespace
}  // namespace overlaysim::host
