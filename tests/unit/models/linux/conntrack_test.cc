#include "models/linux/conntrack.h"

#include <gtest/gtest.h>

#include "support/tables.h"

namespace overlaysim::kernel {
namespace {

using test::Ip;

constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;

class ConntrackTest : public ::testing::Test {
 protected:
  static Tuple Udp(const char* source, uint16_t port, const char* destination = "9.9.9.9", uint16_t to = 53) {
    return {Ip(source), Ip(destination), 17, port, to};
  }
  Connection& New(const Tuple& tuple, uint8_t tcpFlags = kSyn) {
    Connection* connection = table.Create(tuple, *InverseOf(tuple), now);
    EXPECT_TRUE(connection);
    table.Handle(*connection, false, {tuple, tcpFlags}, now);
    return *connection;
  }
  Connection& Confirmed(const Tuple& tuple) {
    Connection& connection = New(tuple);
    EXPECT_TRUE(table.Confirm(connection, now));
    return connection;
  }
  bool IsKnown(const Tuple& tuple) { return table.Find(tuple, now).connection; }
  Conntrack::Judgement Segment(Connection& connection, bool isReply, uint8_t flags) {
    const auto judgement = table.Handle(connection, isReply, {connection.Of(isReply), flags}, now);
    if (isReply) connection.seenReply = true;
    return judgement;
  }
  /// The source that the connection leaves with.
  static std::pair<std::string, uint16_t> SourceOf(const Connection& c) {
    return {c.reply.destination.ToString(), c.reply.destinationPort};
  }
  void Masquerade(Connection& connection, NatRange range = {}) {
    range.low = range.high = Ip("1.1.1.1");
    table.Bind(
        connection, true, range, [this] { return random; }, now);
  }

  Conntrack table;
  Nanoseconds now = Seconds(1000);
  uint16_t random = 7;
};

TEST_F(ConntrackTest, FindsBothDirectionsOnlyWhenConfirmed) {
  Connection& connection = New(Udp("10.0.0.1", 1000));
  EXPECT_FALSE(IsKnown(connection.original));
  EXPECT_TRUE(table.Confirm(connection, now));
  EXPECT_FALSE(table.Find(connection.original, now).isReply);
  EXPECT_TRUE(table.Find(connection.reply, now).isReply);
}

TEST_F(ConntrackTest, ForgetsUdpWithoutAnswerAfterThirtySecondsAndAStreamAfterTwoMinutes) {
  Connection& connection = Confirmed(Udp("10.0.0.1", 1000));
  const Tuple tuple = connection.original;
  now = now + Seconds(29);
  ASSERT_TRUE(IsKnown(tuple));
  connection.seenReply = true;
  table.Handle(connection, true, {connection.reply}, now);  // 29 s after the first: a stream
  EXPECT_TRUE(connection.assured);
  now = now + Seconds(119);
  EXPECT_TRUE(IsKnown(tuple));
  now = now + Seconds(1);
  EXPECT_FALSE(IsKnown(tuple));
}

TEST_F(ConntrackTest, KeepsAnAnsweredUdpExchangeOfTwoSecondsForThirty) {
  Connection& connection = Confirmed(Udp("10.0.0.1", 1000));
  connection.seenReply = true;
  now = now + Seconds(1);
  table.Handle(connection, true, {connection.reply}, now);
  EXPECT_FALSE(connection.assured);
  EXPECT_EQ(connection.expires, now + Seconds(30));
}

TEST_F(ConntrackTest, FollowsTcpFromItsHandshakeToItsEnd) {
  Connection& c = Confirmed({Ip("10.0.0.1"), Ip("9.9.9.9"), 6, 1000, 80});
  EXPECT_EQ(c.tcp, TcpTrack::SynSent);
  EXPECT_EQ(c.expires, now + Seconds(120));
  Segment(c, true, kSyn | kAck);
  EXPECT_EQ(c.tcp, TcpTrack::SynRecv);
  Segment(c, false, kAck);
  EXPECT_EQ(c.tcp, TcpTrack::Established);
  EXPECT_TRUE(c.assured);
  EXPECT_EQ(c.expires, now + Seconds(432000));
  Segment(c, false, kFin | kAck);
  EXPECT_EQ(c.tcp, TcpTrack::FinWait);
  Segment(c, true, kAck);
  EXPECT_EQ(c.tcp, TcpTrack::CloseWait);
  Segment(c, true, kFin | kAck);
  EXPECT_EQ(c.tcp, TcpTrack::LastAck);
  Segment(c, false, kAck);
  EXPECT_EQ(c.tcp, TcpTrack::TimeWait);
  EXPECT_EQ(Segment(c, false, kSyn), Conntrack::Judgement::Repeat);  // the ports are used again
}

TEST_F(ConntrackTest, CallsTcpInvalidThatCannotBe) {
  const Tuple tuple{Ip("10.0.0.1"), Ip("9.9.9.9"), 6, 1000, 80};
  for (int combination : {kSyn | kFin, 0, kSyn | kAck, int{kRst}, kFin | kAck}) {
    const auto flags = static_cast<uint8_t>(combination);
    Connection* c = table.Create(tuple, *InverseOf(tuple), now);
    EXPECT_EQ(table.Handle(*c, false, {tuple, flags}, now) == Conntrack::Judgement::Invalid, true) << combination;
    table.ForgetUnconfirmed(c->id);
  }
  EXPECT_EQ(New(tuple, kAck).tcp, TcpTrack::Established);  // nf_conntrack_tcp_loose
}

TEST_F(ConntrackTest, BeginsWithIcmpQueriesOnly) {
  EXPECT_FALSE(InverseOf({Ip("10.0.0.1"), Ip("9.9.9.9"), 1, 5, 3 << 8}));  // unreachable
  const Tuple echo{Ip("10.0.0.1"), Ip("9.9.9.9"), 1, 5, 8 << 8};
  EXPECT_EQ(InverseOf(echo)->destinationPort, 0);
  Connection& reply = New({Ip("9.9.9.9"), Ip("10.0.0.1"), 1, 5, 0});
  EXPECT_EQ(table.Handle(reply, false, {reply.original}, now), Conntrack::Judgement::Invalid);
}

TEST_F(ConntrackTest, RefusesMoreThanItsMaximumUntilSomethingHasTimedOut) {
  table.settings.max = 2;
  Confirmed(Udp("10.0.0.1", 1));
  Confirmed(Udp("10.0.0.1", 2));
  const Tuple third = Udp("10.0.0.1", 3);
  EXPECT_EQ(table.Create(third, *InverseOf(third), now), nullptr);
  EXPECT_EQ(table.statistics.drop, 1u);
  now = now + Seconds(30);
  EXPECT_NE(table.Create(third, *InverseOf(third), now), nullptr);
}

TEST_F(ConntrackTest, MasqueradeKeepsAPortThatIsFree) {
  Connection& c = New(Udp("10.0.0.1", 1000));
  Masquerade(c);
  EXPECT_TRUE(c.sourceNat);
  EXPECT_EQ(SourceOf(c), std::pair(std::string("1.1.1.1"), uint16_t{1000}));
}

TEST_F(ConntrackTest, MasqueradeTakesARandomPortWhereTheSameIsInUse) {
  Connection& first = New(Udp("10.0.0.1", 1000));
  Masquerade(first);
  table.Confirm(first, now);
  Connection& second = New(Udp("10.0.0.2", 1000));
  Masquerade(second);
  EXPECT_EQ(SourceOf(second).second, 600 + 7);  // of 600 to 1023, as the port was one of these
  Connection& elsewhere = New(Udp("10.0.0.2", 1000, "8.8.8.8"));
  Masquerade(elsewhere);
  EXPECT_EQ(SourceOf(elsewhere).second, 600 + 7);  // find_appropriate_src(): what the socket was given before
}

TEST_F(ConntrackTest, RandomFullyNeverKeepsThePortOnPurpose) {
  Connection& c = New(Udp("10.0.0.1", 40000));
  Masquerade(c, {.fullyRandom = true});
  EXPECT_EQ(SourceOf(c).second, 1024 + 7);
}

TEST_F(ConntrackTest, KeepsTheReceiversPortUnlessTold) {
  Connection& c = New(Udp("10.0.0.1", 1000));
  table.Bind(
      c, false, {.low = Ip("10.244.1.2"), .high = Ip("10.244.1.2")}, [] { return uint16_t{0}; }, now);
  EXPECT_EQ(c.reply.source, Ip("10.244.1.2"));
  EXPECT_EQ(c.reply.sourcePort, 53);
  Connection& told = New(Udp("10.0.0.1", 1001));
  table.Bind(
      told, false, {.low = Ip("10.244.1.2"), .high = Ip("10.244.1.2"), .ports = PortRange{5353, 5353}},
      [] { return uint16_t{0}; }, now);
  EXPECT_EQ(told.reply.sourcePort, 5353);
  EXPECT_TRUE(told.destinationNat);
}

TEST_F(ConntrackTest, ForgetsWhatADeviceThatGoesDownMasqueraded) {
  Connection& c = New(Udp("10.0.0.1", 1000));
  c.masqueradeIfindex = 2;
  Confirmed(Udp("10.0.0.1", 2000));
  table.ForgetMasquerade(2);
  EXPECT_EQ(table.Count(), 1u);
}

}  // namespace
}  // namespace overlaysim::kernel
