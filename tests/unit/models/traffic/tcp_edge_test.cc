#include "models/traffic/tcp_edge.h"

#include <gtest/gtest.h>
#include <ns3/inet-socket-address.h>
#include <ns3/simulator.h>
#include <ns3/tcp-socket-factory.h>
#include <ns3/udp-socket-factory.h>
#include <ns3/uinteger.h>

#include "models/wire/headers.h"
#include "support/two_pods.h"

namespace overlaysim::traffic {
namespace {

using test::TwoPods;

/// What a plain ns-3 application does: it knows the node, ns-3's sockets and nothing of us.
struct PlainNs3 {
  static ns3::Ptr<ns3::Socket> Open(TcpEdge& edge, ns3::TypeId factory, uint16_t port) {
    auto socket = ns3::Socket::CreateSocket(edge.Node(), factory);
    EXPECT_EQ(socket->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), port)), 0);
    return socket;
  }
  void Read(ns3::Ptr<ns3::Socket> socket) {
    ns3::Address from;
    while (auto packet = socket->RecvFrom(from)) {
      if (packet->GetSize() == 0) return;
      received += packet->GetSize();
      lastFrom = ns3::InetSocketAddress::ConvertFrom(from).GetIpv4().Get();
    }
  }
  void Accept(ns3::Ptr<ns3::Socket> socket, const ns3::Address&) {
    socket->SetRecvCallback(ns3::MakeCallback(&PlainNs3::Read, this));
  }
  void Refused(ns3::Ptr<ns3::Socket>) { ++refused; }
  uint32_t received = 0, lastFrom = 0, refused = 0;
};

constexpr uint32_t kB = TwoPods::kAddressB.value;

TEST(TcpEdge, PlainNs3TcpApplicationsTalkOverOurStack) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  PlainNs3 sink;
  auto listener = PlainNs3::Open(b, ns3::TcpSocketFactory::GetTypeId(), 5001);
  listener->SetAcceptCallback(ns3::MakeNullCallback<bool, ns3::Ptr<ns3::Socket>, const ns3::Address&>(),
                              ns3::MakeCallback(&PlainNs3::Accept, &sink));
  listener->Listen();
  auto client = PlainNs3::Open(a, ns3::TcpSocketFactory::GetTypeId(), 0);
  ns3::UintegerValue segmentSize;
  client->GetAttribute("SegmentSize", segmentSize);
  EXPECT_EQ(segmentSize.Get(), 1398u);  // 1450 - 20 - 20 - 12
  client->Connect(ns3::InetSocketAddress(ns3::Ipv4Address(kB), 5001));
  client->Send(ns3::Create<ns3::Packet>(50000));
  pods.Run(Seconds(5));
  EXPECT_EQ(sink.received, 50000u);
  EXPECT_EQ(sink.lastFrom, TwoPods::kAddressA.value);
}

TEST(TcpEdge, PlainNs3ClientIsToldThatThePortIsClosed) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  PlainNs3 application;
  auto client = PlainNs3::Open(a, ns3::TcpSocketFactory::GetTypeId(), 0);
  client->SetConnectCallback(ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>>(),
                             ns3::MakeCallback(&PlainNs3::Refused, &application));
  client->Connect(ns3::InetSocketAddress(ns3::Ipv4Address(kB), 5001));
  pods.Run(Seconds(1));
  EXPECT_EQ(application.refused, 1u);
}

TEST(TcpEdge, PlainNs3UdpApplicationsTalkOverOurStack) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  PlainNs3 sink;
  auto server = PlainNs3::Open(b, ns3::UdpSocketFactory::GetTypeId(), 5001);
  server->SetRecvCallback(ns3::MakeCallback(&PlainNs3::Read, &sink));
  auto client = PlainNs3::Open(a, ns3::UdpSocketFactory::GetTypeId(), 0);
  client->SendTo(ns3::Create<ns3::Packet>(100), 0, ns3::InetSocketAddress(ns3::Ipv4Address(kB), 5001));
  client->SendTo(ns3::Create<ns3::Packet>(4000), 0, ns3::InetSocketAddress(ns3::Ipv4Address(kB), 5001));
  pods.Run(Seconds(5));
  EXPECT_EQ(sink.received, 4100u);  // the second in fragments
  EXPECT_EQ(sink.lastFrom, TwoPods::kAddressA.value);
  for (const auto& frame : pods.frames) EXPECT_LE(frame.bytes.size(), 1464u);  // 1450 + 14
  EXPECT_EQ(pods.B().Ns().snmp.Get(kernel::Snmp::UdpInDatagrams), 2u);
  EXPECT_EQ(pods.B().Ns().snmp.Get(kernel::Snmp::UdpInCsumErrors), 0u);
}

TEST(TcpEdge, DatagramThatNobodyWantsIsAnsweredByOurs) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  b.Node();
  auto client = PlainNs3::Open(a, ns3::UdpSocketFactory::GetTypeId(), 0);
  client->SendTo(ns3::Create<ns3::Packet>(100), 0, ns3::InetSocketAddress(ns3::Ipv4Address(kB), 5001));
  pods.Run(Seconds(5));
  EXPECT_EQ(pods.network->verdicts[static_cast<size_t>(Verdict::UdpNoSocket)], 1u);
  EXPECT_EQ(pods.A().Ns().snmp.Get(kernel::Snmp::IcmpInDestUnreachs), 1u);
}

TEST(TcpEdge, AcceptedSocketThatNobodyWaitsForIsClosed) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  bool accepted = false;
  EXPECT_EQ(b.Accept(Ipv4Address{}, 5001, 7, [&](ns3::Ptr<ns3::Socket>) { accepted = true; }), 0);
  auto client = a.CreateTcpSocket();
  EXPECT_EQ(a.Connect(client, {}, 0, TwoPods::kAddressB, 5001, 8), 0);
  pods.Run(Seconds(5));
  EXPECT_FALSE(accepted);
  uint32_t fins = 0;
  for (const auto& frame : pods.Sent())
    if (frame.netns == NetnsId(1) && frame.bytes[23] == wire::kIpProtoTcp && (frame.bytes[47] & 1)) ++fins;
  EXPECT_GE(fins, 1u);
}

TEST(TcpEdge, PortIsTakenOnce) {
  TwoPods pods({});
  TcpEdge b(pods.B());
  auto listener = PlainNs3::Open(b, ns3::TcpSocketFactory::GetTypeId(), 5001);
  EXPECT_EQ(b.Accept(Ipv4Address{}, 5001, 1, [](ns3::Ptr<ns3::Socket>) {}), EADDRINUSE);
  EXPECT_EQ(b.Accept(Ipv4Address{}, 5002, 1, [](ns3::Ptr<ns3::Socket>) {}), 0);
  EXPECT_EQ(b.Accept(Ipv4Address{}, 5002, 2, [](ns3::Ptr<ns3::Socket>) {}), 0);  // two flows may wait for theirs
}

}  // namespace
}  // namespace overlaysim::traffic
