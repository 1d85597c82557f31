#include <gtest/gtest.h>

#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using kernel::NudState;
using test::Counting;
using test::Ip;
using test::Mac;
using test::RoutedWorld;

class Arp : public ::testing::Test {
 protected:
  const kernel::Neighbour* Entry(const char* host, const char* ip) {
    return world.At(host).Ns().Neighbours().Find(2, Ip(ip));
  }
  NudState StateOf(const char* host, const char* ip) {
    const auto* entry = Entry(host, ip);
    return entry ? entry->state : NudState::None;
  }
  void Send(const char* destination, size_t bytes = 10) {
    world.At("a").SendUdp({.destination = Ip(destination)}, 40000, 9000, Counting(bytes));
  }
  /// ARP requests that left `host` by `device`, with their times.
  std::vector<Nanoseconds> Requests(const char* host, const char* device) {
    std::vector<Nanoseconds> out;
    for (const auto& seen : world.Frames(host, device))
      if (seen.outgoing && wire::Get16(&seen.bytes[12]) == wire::kEtherTypeArp && seen.bytes[21] == 1)
        out.push_back(seen.at);
    return out;
  }
  /// What a's raw socket hears: type, code of each ICMP message.
  std::vector<std::pair<int, int>> heard;
  void Listen() {
    world.At("a").OpenRawIcmp([this](const Received& m) { heard.emplace_back(m.payload[0], m.payload[1]); });
  }
  /// Host x, which nobody has on its list, says something by ARP to a.
  void Say(uint16_t operation, const char* senderIp, const char* targetIp, const char* to = "ff:ff:ff:ff:ff:ff",
           const char* mac = "02:00:00:00:00:77") {
    std::vector<uint8_t> frame(42);
    wire::Ethernet{frame.data()}.Write(Mac(to), Mac(mac), wire::kEtherTypeArp);
    wire::Arp{frame.data() + 14}.Write(operation, Mac(mac), Ip(senderIp), {}, Ip(targetIp));
    world.SendFrame("r", "ra", frame);
    world.Run(Milliseconds(10));
  }
  size_t Replies() {
    size_t count = 0;
    for (const auto& seen : world.Frames("a", "ea"))
      count += seen.outgoing && wire::Get16(&seen.bytes[12]) == wire::kEtherTypeArp && seen.bytes[21] == 2;
    return count;
  }
  RoutedWorld world;
};

TEST_F(Arp, AsksThreeTimesASecondApartThenTellsTheSenderAfterThree) {
  Listen();
  Send("10.0.1.99");
  Send("10.0.1.99");
  world.Run(Milliseconds(2999));
  EXPECT_EQ(Requests("a", "ea"), (std::vector<Nanoseconds>{{}, Seconds(1), Seconds(2)}));
  EXPECT_EQ(StateOf("a", "10.0.1.99"), NudState::Incomplete);
  EXPECT_TRUE(heard.empty());
  world.Run(Milliseconds(2));
  EXPECT_EQ(StateOf("a", "10.0.1.99"), NudState::Failed);
  EXPECT_EQ(heard, (std::vector<std::pair<int, int>>{{3, 1}, {3, 1}}));
  EXPECT_EQ(world.Ended(Verdict::NeighbourFailed), 2u);
  Send("10.0.1.99");  // a failed entry is tried again
  world.Run(Milliseconds(1));
  EXPECT_EQ(Requests("a", "ea").size(), 4u);
}

TEST_F(Arp, QueuesBehindAnOpenQuestionInOrder) {
  for (size_t i = 1; i <= 5; ++i) Send("10.0.1.1", i);
  world.Run(Milliseconds(1));
  EXPECT_EQ(Requests("a", "ea").size(), 1u);
  std::vector<size_t> sizes;
  for (const auto& seen : world.Frames("a", "ea"))
    if (seen.outgoing && seen.bytes.size() > 42) sizes.push_back(seen.bytes.size() - 42);
  EXPECT_EQ(sizes, (std::vector<size_t>{1, 2, 3, 4, 5}));
}

TEST_F(Arp, PushesTheOldestOutOfAFullQueue) {
  world.At("a").Ns().Parms(2).unresQlenBytes = 2 * 832;
  for (int i = 0; i < 3; ++i) Send("10.0.1.99");
  EXPECT_EQ(world.Ended(Verdict::NeighbourQueueFull), 1u);
}

TEST_F(Arp, CountsAQueuedPacketWithItsWholeBuffer) {  // skb->truesize, measured on Linux 6.18
  const std::pair<size_t, uint32_t> sizes[] = {{20, 832},   {196, 832},  {198, 1280},
                                               {640, 1280}, {648, 2304}, {1472, 2304}};
  int host = 100;
  for (const auto& [bytes, trueSize] : sizes) {
    const std::string to = "10.0.1." + std::to_string(host++);
    const uint64_t before = world.Ended(Verdict::NeighbourQueueFull);
    world.At("a").Ns().Parms(2).unresQlenBytes = 2 * trueSize;
    for (int i = 0; i < 2; ++i) Send(to.c_str(), bytes);
    EXPECT_EQ(world.Ended(Verdict::NeighbourQueueFull), before) << bytes;
    world.At("a").Ns().Parms(2).unresQlenBytes = 3 * trueSize - 1;
    Send(to.c_str(), bytes);
    EXPECT_EQ(world.Ended(Verdict::NeighbourQueueFull), before + 1) << bytes;
  }
}

TEST_F(Arp, LosesTheQueueWithTheEntry) {
  Send("10.0.1.99");
  world.At("a").Ns().DeleteNeighbour(2, Ip("10.0.1.99"));
  EXPECT_EQ(world.Ended(Verdict::NeighbourDeleted), 1u);
  world.Run(Seconds(5));
  EXPECT_EQ(Requests("a", "ea").size(), 1u);  // its timer is void
}

TEST_F(Arp, GoesFromReachableToStaleToDelayToProbeAndBack) {
  Send("10.0.1.1");
  world.Run(Milliseconds(1));
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Reachable);
  EXPECT_EQ(StateOf("r", "10.0.1.2"),
            NudState::Delay);  // learnt as stale from the request, and used at once for the ICMP error
  world.Run(Seconds(31));      // base_reachable_time 30 s, not used in the last 5
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Stale);
  Send("10.0.1.1");
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Delay);
  world.far->SetUp(false);
  world.Run(Milliseconds(4990));
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Delay);
  world.Run(Milliseconds(20));  // delay_first_probe_time 5 s, then one unicast question is enough
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Reachable);
  const auto& frames = world.Frames("a", "ea");
  const auto question = std::find_if(frames.rbegin(), frames.rend(), [](const auto& f) {
    return f.outgoing && wire::Get16(&f.bytes[12]) == wire::kEtherTypeArp && f.bytes[21] == 1;
  });
  EXPECT_EQ(wire::GetMac(question->bytes.data()), Mac("02:00:00:00:00:01"));
}

TEST_F(Arp, GivesANeighbourUpAfterThreeUnansweredProbes) {
  Send("10.0.1.1");
  world.Run(Seconds(31));
  world.At("r").Ns().allConf.arpIgnore = 8;  // the router does not answer any more
  Send("10.0.1.1");
  world.Run(Milliseconds(5001));
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Probe);
  world.Run(Seconds(3));
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Failed);
}

TEST_F(Arp, FollowsAnAddressThatMovedOnlyAfterTheLockTime) {
  Send("10.0.1.1");
  world.Run(Milliseconds(100));
  Say(wire::kArpRequest, "10.0.1.1", "10.0.1.50");
  EXPECT_EQ(Entry("a", "10.0.1.1")->mac, Mac("02:00:00:00:00:01"));
  world.Run(Seconds(2));
  Say(wire::kArpRequest, "10.0.1.1", "10.0.1.50");
  EXPECT_EQ(Entry("a", "10.0.1.1")->mac, Mac("02:00:00:00:00:77"));
  EXPECT_EQ(StateOf("a", "10.0.1.1"), NudState::Stale);
  Say(wire::kArpRequest, "10.0.1.1", "10.0.1.1", "ff:ff:ff:ff:ff:ff", "02:00:00:00:00:78");  // gratuitous: at once
  EXPECT_EQ(Entry("a", "10.0.1.1")->mac, Mac("02:00:00:00:00:78"));
}

// Linux 6.18 was asked the same by hand (arp_ignore, arp_accept, drop_gratuitous_arp, rp_filter).

TEST_F(Arp, AnswersForAnyOfItsAddressesUnlessToldOtherwise) {
  auto& ns = world.At("a").Ns();
  ns.AddAddress({.ifindex = 1, .local = Ip("172.16.0.1"), .prefixLength = 32});
  struct Case {
    int ignore;
    bool own, other, foreign;  ///< to 10.0.1.2, to 172.16.0.1, from 99.0.0.1
  };
  for (const Case& c : {Case{0, true, true, true}, Case{1, true, false, true}, Case{2, true, false, false},
                        Case{3, true, true, true}, Case{8, false, false, false}}) {
    ns.Conf(2).arpIgnore = static_cast<uint8_t>(c.ignore);
    for (auto [sender, target, answered] : {std::tuple{"10.0.1.7", "10.0.1.2", c.own},
                                            {"10.0.1.7", "172.16.0.1", c.other},
                                            {"99.0.0.1", "10.0.1.2", c.foreign}}) {
      const size_t before = Replies();
      Say(wire::kArpRequest, sender, target);
      EXPECT_EQ(Replies() - before, answered ? 1u : 0u) << "arp_ignore " << c.ignore << " " << sender << " " << target;
    }
  }
}

TEST_F(Arp, GivesNoAnswerToSendersThatCannotBe) {
  Say(wire::kArpRequest, "10.0.1.2", "10.0.1.2");
  Say(wire::kArpRequest, "127.0.0.1", "10.0.1.2");
  EXPECT_EQ(Replies(), 0u);
  world.At("a").Ns().Conf(2).rpFilter = 1;
  world.At("a").Ns().DeleteRoute({.dst = test::Net("0.0.0.0/0"), .scope = kernel::kScopeNowhere, .protocol = 0});
  Say(wire::kArpRequest, "99.0.0.1", "10.0.1.2");
  EXPECT_EQ(Replies(), 0u);
  Say(wire::kArpRequest, "10.0.1.7", "10.0.1.2");
  EXPECT_EQ(Replies(), 1u);
  EXPECT_EQ(world.At("a").Ns().snmp.Get(kernel::Snmp::TcpExtIPReversePathFilter), 0u);
}

TEST_F(Arp, LearnsFromStrangersOnlyWithArpAccept) {
  Say(wire::kArpReply, "10.0.1.50", "10.0.1.50");
  EXPECT_EQ(Entry("a", "10.0.1.50"), nullptr);
  world.At("a").Ns().Conf(2).arpAccept = true;
  Say(wire::kArpReply, "10.0.1.50", "10.0.1.50");
  Say(wire::kArpReply, "10.0.1.51", "10.0.1.52");
  EXPECT_EQ(StateOf("a", "10.0.1.50"), NudState::Stale);
  EXPECT_EQ(StateOf("a", "10.0.1.51"), NudState::Stale);
  world.At("a").Ns().Conf(2).dropGratuitousArp = true;
  Say(wire::kArpRequest, "10.0.1.60", "10.0.1.60");
  EXPECT_EQ(Entry("a", "10.0.1.60"), nullptr);
}

TEST_F(Arp, DefendsAnAddressThatIsProbed) {  // RFC 5227: the sender has no address yet
  Say(wire::kArpRequest, "0.0.0.0", "10.0.1.2");
  EXPECT_EQ(Replies(), 1u);
  EXPECT_EQ(Entry("a", "0.0.0.0"), nullptr);
}

TEST_F(Arp, AnswersForOthersAsAProxy) {
  auto& ns = world.At("r").Ns();
  ns.Conf(2).proxyArp = true;
  ns.Parms(2).proxyDelay = {};
  world.At("a").Ns().AddAddress({.ifindex = 2, .local = Ip("10.0.0.9"), .prefixLength = 16});
  world.At("a").SendUdp({.destination = Ip("10.0.2.2")}, 40000, 9000, Counting(1));
  world.Run(Milliseconds(10));
  EXPECT_EQ(Entry("a", "10.0.2.2")->mac, Mac("02:00:00:00:00:01"));
}

TEST_F(Arp, DropsWhatIsMalformed) {
  std::vector<uint8_t> frame(42);
  wire::Ethernet{frame.data()}.Write(MacAddress::Broadcast(), Mac("02:00:00:00:00:77"), wire::kEtherTypeArp);
  world.SendFrame("r", "ra", frame);                                                    // hardware type 0
  world.SendFrame("r", "ra", std::vector<uint8_t>(frame.begin(), frame.begin() + 30));  // cut short
  world.Run(Milliseconds(1));
  EXPECT_EQ(world.Ended(Verdict::ArpMalformed), 1u);
  EXPECT_EQ(world.Ended(Verdict::ArpTooShort), 1u);
}

TEST_F(Arp, SendsBroadcastsAndGroupsWithoutAsking) {
  auto& a = world.At("a");
  a.Ns().AddAddress({.ifindex = 2, .local = Ip("10.3.0.1"), .prefixLength = 24, .broadcast = Ip("10.3.0.127")});
  Send("10.0.1.255");
  Send("10.3.0.127");
  Send("239.129.2.3");
  const auto& frames = world.Frames("a", "ea");
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_TRUE(wire::GetMac(frames[0].bytes.data()).IsBroadcast());
  EXPECT_TRUE(wire::GetMac(frames[1].bytes.data()).IsBroadcast());
  EXPECT_EQ(wire::GetMac(frames[2].bytes.data()), Mac("01:00:5e:01:02:03"));  // 23 bits of 129.2.3
}

}  // namespace
}  // namespace overlaysim::host
