#include "sim/run/judge.h"

#include "running.h"

namespace overlaysim {
namespace {

/// What became of one expectation in a run of two nodes with three pings.
Judgement JudgementOf(const std::string& expectation, const std::string& more = "") {
  const Ran ran(TwoNodes(kThreePings + more + R"(, "expect": [)" + expectation + "]"));
  EXPECT_EQ(ran.outcome->judgements.size(), 1u);
  return ran.outcome->judgements.front();
}

/// UDP 8472 does not get from node to node.
const std::string kClosed = R"(, "underlay": {"allow": [{"to": "nodes", "icmp": true}]})";

TEST(Judge, ReachHoldsWhenEachIsAnswered) {
  const Judgement j = JudgementOf(R"({"reach": {"from": "pod-*", "to": "pod-*"}})");
  EXPECT_TRUE(j.held);
  EXPECT_EQ(j.found, "2 of 2");
}

TEST(Judge, ReachSaysWhereThePacketWasLost) {
  const Judgement j = JudgementOf(R"({"reach": {"from": "pod-a", "to": "pod-b"}})", kClosed);
  EXPECT_FALSE(j.held);
  EXPECT_EQ(j.expected, "an answer to each within 1s");  // the default deadline
  EXPECT_EQ(j.found.rfind("0 of 1; pod-a -> pod-b: no answer (FilterDrop: ", 0), 0u) << j.found;
  EXPECT_EQ(j.place.line, 2u);
}

TEST(Judge, ReachHoldsTheDeadlineAgainstTheRoundTrip) {
  // 8 cables of at least 1 us there and back.
  EXPECT_FALSE(JudgementOf(R"({"reach": {"from": "pod-a", "to": "pod-b"}, "deadline": "8us"})").held);
  EXPECT_TRUE(JudgementOf(R"({"reach": {"from": "pod-a", "to": "pod-b"}, "deadline": "1ms"})").held);
}

TEST(Judge, ReachByUdpAndTcp) {
  EXPECT_TRUE(JudgementOf(R"({"reach": {"from": "pod-a", "to": "pod-b", "udp": 53}})").held);
  EXPECT_TRUE(JudgementOf(R"({"reach": {"from": "pod-a", "to": "pod-b", "tcp": 6379}})").held);
  EXPECT_FALSE(JudgementOf(R"({"reach": {"from": "pod-a", "to": "pod-b", "udp": 53}})", kClosed).held);
}

TEST(Judge, NotReachHoldsWhenNoneIsAnswered) {
  EXPECT_TRUE(JudgementOf(R"({"notReach": {"from": "pod-a", "to": "pod-b"}})", kClosed).held);
  const Judgement j = JudgementOf(R"({"notReach": {"from": "pod-a", "to": "pod-b"}})");
  EXPECT_FALSE(j.held);
  EXPECT_EQ(j.found, "1 of 1; pod-a -> pod-b is answered");
}

TEST(Judge, LossCountsTheTrafficOfTheScenario) {
  EXPECT_EQ(JudgementOf(R"({"loss": {"from": "pod-a", "to": "pod-b"}, "max": "0%"})").found, "0 % (0 of 3)");
  EXPECT_EQ(JudgementOf(R"({"loss": {"from": "pod-a", "to": "pod-b"}, "max": "0%"})", kClosed).found, "100 % (3 of 3)");
}

TEST(Judge, LossInASpanCountsWhatWasSentInIt) {
  // The second of three pings, at 1 s, is lost.
  const std::string events = R"(, "events": [{"at": "0.5s", "exec": "ip link set flannel.1 down", "on": "node2"},
                                             {"at": "1.5s", "exec": "ip link set flannel.1 up", "on": "node2"}])";
  EXPECT_EQ(
      JudgementOf(R"({"loss": {"from": "pod-a", "to": "pod-b"}, "is": "100%", "during": ["0.5s", "1.5s"]})", events)
          .found,
      "100 % (1 of 1)");
  EXPECT_EQ(
      JudgementOf(R"({"loss": {"from": "pod-a", "to": "pod-b"}, "is": "0%", "during": ["0s", "0.5s"]})", events).found,
      "0 % (0 of 1)");
}

TEST(Judge, RttHoldsPercentilesAgainstBounds) {
  EXPECT_TRUE(JudgementOf(R"({"rtt": {"from": "pod-a", "to": "pod-b"}, "p99": {"below": "300us"}})").held);
  const Judgement j = JudgementOf(R"({"rtt": {"from": "pod-a", "to": "pod-b"}, "all": {"above": "1s"}})");
  EXPECT_FALSE(j.held);
  EXPECT_EQ(j.expected, "every one above 1s");
}

TEST(Judge, RttWithoutAnAnswerDoesNotHold) {
  const Judgement j = JudgementOf(R"({"rtt": {"from": "pod-a", "to": "pod-b"}, "p99": {"below": "300us"}})", kClosed);
  EXPECT_FALSE(j.held);
  EXPECT_EQ(j.found, "no answer");
}

TEST(Judge, PathIsHeldAgainstTheNamespacesInOrder) {
  EXPECT_TRUE(
      JudgementOf(R"({"path": {"from": "pod-a", "to": "pod-b"}, "through": ["node1", "leaf*", "node2"]})").held);
  EXPECT_FALSE(JudgementOf(R"({"path": {"from": "pod-a", "to": "pod-b"}, "through": ["node2", "node1"]})").held);
  const Judgement j = JudgementOf(R"({"path": {"from": "pod-a", "to": "pod-b"}, "avoids": ["router"]})");
  EXPECT_FALSE(j.held);
  EXPECT_EQ(j.expected, "not through router");
  EXPECT_EQ(j.found, "pod-a, node1, leaf1, router, leaf2, node2, pod-b");
}

TEST(Judge, MtuIsTheLargestPacketThatPassesUndivided) {
  EXPECT_EQ(JudgementOf(R"({"mtu": {"from": "pod-a", "to": "pod-b"}, "is": 1450})").found, "1450 bytes");  // 1500 - 50
  EXPECT_EQ(JudgementOf(R"({"mtu": {"from": "node1", "to": "node2"}, "is": 1500})").found, "1500 bytes");
  EXPECT_EQ(JudgementOf(R"({"mtu": {"from": "pod-a", "to": "pod-b"}, "min": 1})", kClosed).found, "nothing passes");
}

TEST(Judge, DropsCountTrafficByVerdictPlaceAndSpan) {
  EXPECT_EQ(JudgementOf(R"({"drops": {"verdict": "FilterDrop"}, "max": 0})", kClosed).found, "3");
  EXPECT_EQ(JudgementOf(R"({"drops": {"verdict": "FilterDrop", "on": "leaf1"}, "is": 3})", kClosed).found, "3");
  EXPECT_EQ(JudgementOf(R"({"drops": {"on": "node1"}, "is": 0})", kClosed).found, "0");
  EXPECT_EQ(JudgementOf(R"({"drops": {"verdict": "FilterDrop"}, "is": 1, "during": ["0.5s", "1.5s"]})", kClosed).found,
            "1");
}

TEST(Judge, ProbesAreNoPartOfTheFigures) {
  const Ran ran(TwoNodes(kThreePings + kClosed + R"(, "expect": [{"notReach": {"from": "pod-a", "to": "pod-b"}},
                                                                 {"drops": {"verdict": "FilterDrop"}, "is": 3}])"));
  EXPECT_TRUE(ran.outcome->AllHeld());
  EXPECT_EQ(ran.outcome->losses.Get(Verdict::FilterDrop), 3u);  // the three pings, not the probe
}

}  // namespace
}  // namespace overlaysim
