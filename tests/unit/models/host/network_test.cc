// Cables, the softirq queue, and that no frame is lost without a word.

#include <gtest/gtest.h>

#include <set>

#include "models/host/audit.h"
#include "sim/base/random.h"
#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::Ip;
using test::Mac;
using test::World;

class CablePath : public ::testing::Test {
 protected:
  CablePath() {
    for (const char* name : {"a", "b"}) {
      auto& ns = world.Add(name);
      world.AddEth(ns, "eth0", name[0] == 'a' ? "02:00:00:00:00:0a" : "02:00:00:00:00:0b", nullptr);
    }
    world.Start();
    // 1 Gb/s is 8 ns a byte
    cable = &world.Connect("a", "eth0", "b", "eth0",
                           {.name = "a-b", .rate = {1000000000}, .delay = Microseconds(5), .queueBytes = 5000});
    world.Capture("b", "eth0");
  }
  void Send(size_t bytes) {
    std::vector<uint8_t> frame = Counting(bytes);
    wire::Ethernet{frame.data()}.Write(Mac("02:00:00:00:00:0b"), Mac("02:00:00:00:00:0a"), 0x88b5);
    world.SendFrame("a", "eth0", frame);
  }
  std::vector<int64_t> Arrivals() {
    std::vector<int64_t> out;
    for (const auto& seen : world.Frames("b", "eth0")) out.push_back(seen.at.count);
    return out;
  }
  World world;
  Cable* cable = nullptr;
};

TEST_F(CablePath, SendsOneAfterAnotherAtItsRate) {
  Send(976);  // with 24 bytes of preamble, FCS and gap 1000 bytes: 8 us
  Send(976);
  world.Run(Microseconds(40));
  Send(976);
  world.Run(Microseconds(60));
  EXPECT_EQ(Arrivals(), (std::vector<int64_t>{13000, 21000, 40000 + 13000}));
  EXPECT_EQ(cable->GetDirection(0).wireBytes, 3000u);
  EXPECT_EQ(cable->GetDirection(1).frames, 0u);
}

TEST_F(CablePath, PadsShortFrames) {
  Send(20);  // 60 + 24 bytes at 8 ns
  world.Run(Microseconds(10));
  EXPECT_EQ(Arrivals(), (std::vector<int64_t>{84 * 8 + 5000}));
  EXPECT_EQ(world.Frames("b", "eth0")[0].bytes.size(), 20u);
}

TEST_F(CablePath, DropsWhatTheQueueHasNoRoomFor) {
  for (int i = 0; i < 7; ++i) Send(976);  // five times 1000 bytes fill 5000
  EXPECT_EQ(world.Ended(Verdict::QueueFull), 2u);
  EXPECT_EQ(cable->GetDirection(0).dropped, 2u);
  EXPECT_EQ(cable->GetDirection(0).maxQueueBytes, 4000);
  EXPECT_EQ(world.At("a").Ns().GetLink(2)->stats.txDropped, 2u);
  world.Run(Microseconds(8));
  Send(976);
  EXPECT_EQ(world.Ended(Verdict::QueueFull), 2u);  // one has left
}

TEST_F(CablePath, ChangesForWhatIsSentFromThenOn) {
  Send(976);  // leaves at 8 us, arrives at 13 us
  Send(976);  // leaves at 16 us, arrives at 21 us
  cable->Change({.rate = {10000000000}, .delay = Microseconds(1), .queueBytes = 3500});
  Send(976);  // leaves at 16.8 us; it may not overtake
  // 2000 bytes wait at the old rate and 1000 at the new one: no room for 1000 more
  EXPECT_EQ(cable->RoomFor(0, 976), std::nullopt);
  world.Run(Microseconds(30));
  Send(976);
  world.Run(Microseconds(60));
  EXPECT_EQ(Arrivals(), (std::vector<int64_t>{13000, 21000, 21000, 30000 + 800 + 1000}));
  EXPECT_EQ(cable->RoomFor(0, 976), 0);
}

TEST_F(CablePath, TakesAFrameLargerThanItsQueueWhenItIsIdle) {
  Send(9000);
  EXPECT_EQ(world.Ended(Verdict::QueueFull), 0u);
}

TEST_F(CablePath, AccountsForWhatIsStillOnItWhenTheRunEnds) {
  Send(976);
  Send(976);
  world.Run(Microseconds(15));  // the first has arrived, see above
  EXPECT_EQ(FindUnaccounted(world.Network()),
            (std::vector<std::string>{
                "in all, 2 packets were made and 1 have ended",
                "in the kernel of b, 0 packets were made, 2 came in, 1 ended and 0 went out",
                "2 frames were sent to b/eth0, which has received 1 and refused 0",
            }));
  world.Network().EndRun();
  EXPECT_EQ(world.Ended(Verdict::Unfinished), 1u);
  EXPECT_EQ(world.At("b").RefusedFrames(2), 1u);
  EXPECT_EQ(FindUnaccounted(world.Network()), std::vector<std::string>{});
}

TEST_F(CablePath, IsHeldAgainstTheCountersOfItsDevices) {
  Send(976);
  world.Run(Microseconds(15));
  ++world.At("a").Ns().GetLink(2)->stats.txPackets;
  EXPECT_EQ(FindUnaccounted(world.Network()),
            std::vector<std::string>{"a/eth0 has sent 2 frames, and 1 went onto its cable"});
}

TEST_F(CablePath, LosesWhatIsOnItWhenItIsCut) {
  Send(976);
  Send(976);
  world.Run(Microseconds(14));
  cable->SetUp(false);
  EXPECT_FALSE(world.At("b").Ns().GetLink(2)->carrier);
  Send(976);
  EXPECT_EQ(world.Ended(Verdict::LinkDown), 1u);
  world.Run(Microseconds(3));
  cable->SetUp(true);  // before the second would have arrived
  world.Run(Microseconds(20));
  EXPECT_EQ(Arrivals().size(), 1u);
  EXPECT_EQ(world.Ended(Verdict::CableCut), 1u);
}

TEST(Softirqs, DoNotStopTheClockInALoop) {
  // Two bridges joined twice: a broadcast goes round for ever, in one kernel.
  World world;
  auto& s = world.Add("s");
  auto& t = world.Add("t", "s");
  for (auto* ns : {&s, &t})
    test::AddUpLink(
        *ns,
        {.name = "br0", .kind = kernel::LinkKind::Bridge, .address = Mac("02:00:00:00:00:99"), .addressSet = true});
  world.AddVeth(s, "l1", "02:00:00:00:00:01", nullptr, t, "l1", "02:00:00:00:00:02");
  world.AddVeth(s, "l2", "02:00:00:00:00:03", nullptr, t, "l2", "02:00:00:00:00:04");
  for (auto* ns : {&s, &t})
    for (const char* port : {"l1", "l2"}) ns->SetLinkMaster(ns->FindLink(port)->ifindex, ns->FindLink("br0")->ifindex);
  world.Start();
  std::vector<uint8_t> frame(60);
  wire::Ethernet{frame.data()}.Write(MacAddress::Broadcast(), Mac("02:00:00:00:00:55"), 0x88b5);
  world.SendFrame("s", "l1", frame);
  world.Run(Milliseconds(1));
  EXPECT_EQ(engine::Now(), Milliseconds(1));
}

/// Each packet of each journey ends once, or is still under way.
void ExpectEveryPacketEnds(const std::vector<World::Record>& records, bool allOver) {
  std::map<std::pair<uint64_t, uint32_t>, int> ends;
  for (const auto& [where, r] : records) {
    const Fate fate = FateOf(r.verdict);
    int& count = ends[{r.journey, r.packet}];
    EXPECT_EQ(count, 0) << StageName(r.stage) << " after the end of packet " << r.packet << " of " << r.journey
                        << " in " << where;
    if (IsFinal(fate) && r.verdict != Verdict::Flooded) ++count;
  }
  if (!allOver) return;
  size_t open = 0;
  for (const auto& [packet, count] : ends) open += count == 0;
  EXPECT_EQ(open, 0u);
}

TEST(Conservation, EveryPacketOfRandomTrafficHasExactlyOneEnd) {
  for (uint64_t seed : {1u, 2u, 3u}) {
    test::FlannelWorld world;
    auto refuse = [&](const char* node, kernel::PortRange ports, kernel::Target::Kind kind) {
      test::AddRule(world.Node(node), "filter", kernel::Hook::Forward,
                    {kernel::TransportMatch{.protocol = 17, .destination = ports}}, {.kind = kind});
    };
    refuse("n2", {9003, 9004}, kernel::Target::Kind::Drop);
    refuse("n1", {9005, 9005}, kernel::Target::Kind::Reject);
    world.Begin();
    RandomStream random(seed, "traffic");
    const char* const senders[] = {"p11", "p12", "p21", "n1", "n2", "r"};
    const char* const receivers[] = {"10.244.1.2",  "10.244.1.3",   "10.244.2.2", "10.244.2.77",
                                     "172.16.1.11", "172.16.2.12",  "10.244.1.1", "10.244.2.0",
                                     "99.0.0.1",    "10.244.1.255", "127.0.0.1",  "172.16.1.1"};
    world.At("p21").BindUdp({}, 9001, [](const UdpDatagram&) {});
    for (int i = 0; i < 400; ++i) {
      auto& from = world.At(senders[random.Below(6)]);
      SendRequest request{.destination = Ip(receivers[random.Below(12)])};
      request.ttl = static_cast<uint8_t>(random.Below(4) == 0 ? 1 + random.Below(3) : 64);
      request.pmtu = static_cast<SendRequest::Pmtu>(random.Below(3));
      request.tos = static_cast<uint8_t>(random.Next());
      const size_t bytes = random.Below(10) == 0 ? random.Below(9000) : random.Below(1500);
      if (random.Below(3) == 0)
        from.SendIcmpEcho(request, 1, static_cast<uint16_t>(i), Counting(bytes));
      else
        from.SendUdp(request, static_cast<uint16_t>(40000 + random.Below(10)),
                     static_cast<uint16_t>(9000 + random.Below(6)), Counting(bytes));
      if (random.Below(5) == 0) {  // and garbage on the underlay
        std::vector<uint8_t> frame(random.Below(120));
        for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random.Next());
        if (frame.size() >= 14)
          wire::Ethernet{frame.data()}.Write(Mac("02:00:00:00:01:02"), Mac("02:00:00:00:02:02"),
                                             random.Below(2) ? 0x0800 : 0x0806);
        world.SendFrame("r", "rack2", frame);
      }
      world.Run(Microseconds(static_cast<int64_t>(random.Below(2000))));
    }
    ExpectEveryPacketEnds(world.records, false);
    world.Run(Seconds(120));  // every ARP question and every reassembly is over
    ExpectEveryPacketEnds(world.records, true);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Determinism, TheSameSeedGivesTheSameRecords) {
  std::vector<std::vector<TraceRecord>> runs;
  for (int run = 0; run < 2; ++run) {
    test::FlannelWorld world;
    world.Begin();
    for (uint16_t i = 0; i < 20; ++i) {
      world.At(i % 2 ? "p11" : "p21")
          .SendUdp({.destination = Ip(i % 2 ? "10.244.2.2" : "10.244.1.3")}, static_cast<uint16_t>(40000 + i), 9,
                   Counting(i * 100u));
      world.Run(Microseconds(50));
    }
    world.Run(Seconds(5));
    runs.emplace_back();
    for (const auto& r : world.records) runs.back().push_back(r.record);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

TEST(VethPair, CountsAFrameThatIsTooLongForTheOtherEndAtBoth) {  // veth_xmit(), ____dev_forward_skb()
  test::FlannelWorld world;
  world.Begin();
  world.At("p21").Ns().FindLink("eth0")->mtu = 100;
  world.At("p11").SendUdp({.destination = test::Ip("10.244.2.2")}, 1, 2, test::Counting(200));
  world.Run(Milliseconds(10));
  EXPECT_EQ(world.At("n2").Ns().FindLink("veth21")->stats.txDropped, 1u);
  EXPECT_EQ(world.At("p21").Ns().FindLink("eth0")->stats.rxDropped, 1u);
}

}  // namespace
}  // namespace overlaysim::host
