// What overlaysim is measured against: a leaf-spine network without any overlay on ns-3's stock models, as someone who
// knows ns-3 writes it for speed. IPv4 only, point-to-point devices with drop-tail queues and no queue discs, static
// routes with one aggregated prefix per leaf, no global routing, no traces, no packet metadata, sockets without
// applications around them. Each flow sends so many datagrams at a fixed distance between two hosts of different
// leaves; or, with --tcp-bytes, one host sends a stream to another over one cable.
//
// Prints one JSON object.

#include <ns3/command-line.h>
#include <ns3/config.h>
#include <ns3/drop-tail-queue.h>
#include <ns3/inet-socket-address.h>
#include <ns3/internet-stack-helper.h>
#include <ns3/ipv4-static-routing-helper.h>
#include <ns3/ipv4.h>
#include <ns3/node-container.h>
#include <ns3/point-to-point-helper.h>
#include <ns3/simulator.h>
#include <ns3/socket.h>
#include <ns3/string.h>
#include <ns3/tcp-socket-factory.h>
#include <ns3/udp-socket-factory.h>
#include <ns3/uinteger.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <vector>

namespace {

using ns3::Ptr;

double CpuSeconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Settings {
  uint32_t leaves = 125, spines = 8, hostsPerLeaf = 40, flows = 100000, packets = 10, payload = 1400, seed = 1;
  uint64_t intervalNs = 1000000;
  uint64_t tcpBytes = 0;
  std::string hostRate = "25Gbps", fabricRate = "100Gbps", hostDelay = "1us", fabricDelay = "2us";
};

uint64_t g_delivered = 0;

void CountDatagrams(Ptr<ns3::Socket> socket) {
  while (Ptr<ns3::Packet> packet = socket->Recv()) ++g_delivered;
}

/// A sender of datagrams at a fixed distance.
class Sender {
 public:
  Sender(Ptr<ns3::Socket> socket, const Settings& settings)
      : m_socket(socket), m_payload(settings.payload), m_left(settings.packets), m_interval(settings.intervalNs) {}
  void Send() {
    m_socket->Send(ns3::Create<ns3::Packet>(m_payload));
    if (--m_left > 0) ns3::Simulator::Schedule(ns3::NanoSeconds(m_interval), &Sender::Send, this);
  }

 private:
  Ptr<ns3::Socket> m_socket;
  uint32_t m_payload, m_left;
  uint64_t m_interval;
};

constexpr uint16_t kPort = 9;
constexpr uint32_t kFabricAddresses = 172u << 24 | 16u << 16;

uint32_t AddInterface(Ptr<ns3::Node> node, Ptr<ns3::NetDevice> device, uint32_t address, uint32_t mask) {
  Ptr<ns3::Ipv4> ipv4 = node->GetObject<ns3::Ipv4>();
  const uint32_t interface = ipv4->AddInterface(device);
  ipv4->AddAddress(interface, {ns3::Ipv4Address(address), ns3::Ipv4Mask(mask)});
  ipv4->SetUp(interface);
  return interface;
}

Ptr<ns3::Ipv4StaticRouting> RoutingOf(Ptr<ns3::Node> node) {
  return ns3::Ipv4StaticRoutingHelper().GetStaticRouting(node->GetObject<ns3::Ipv4>());
}

/// Hosts, leaves and spines with addresses and routes. Each leaf has 10.LEAF/16 in parts of four addresses per host.
class LeafSpine {
 public:
  explicit LeafSpine(const Settings& s) : m_settings(s) {
    m_hosts.Create(s.leaves * s.hostsPerLeaf);
    m_leaves.Create(s.leaves);
    m_spines.Create(s.spines);
    ns3::InternetStackHelper stack;
    stack.SetIpv6StackInstall(false);
    stack.SetRoutingHelper(ns3::Ipv4StaticRoutingHelper());
    stack.Install(m_hosts);
    stack.Install(m_leaves);
    stack.Install(m_spines);
    const ns3::PointToPointHelper hostLinks = Links(s.hostRate, s.hostDelay);
    const ns3::PointToPointHelper fabricLinks = Links(s.fabricRate, s.fabricDelay);
    for (uint32_t leaf = 0; leaf < s.leaves; ++leaf) JoinSpines(leaf, fabricLinks);
    for (uint32_t host = 0; host < m_hosts.GetN(); ++host) JoinHost(host, hostLinks);
  }
  const ns3::NodeContainer& Hosts() const { return m_hosts; }
  ns3::Ipv4Address AddressOf(uint32_t host) const { return ns3::Ipv4Address(LeafSideOf(host) + 1); }

 private:
  static constexpr uint32_t kPairMask = 0xfffffffc, kLeafMask = 0xffff0000;

  static ns3::PointToPointHelper Links(const std::string& rate, const std::string& delay) {
    ns3::PointToPointHelper links;
    links.SetDeviceAttribute("DataRate", ns3::StringValue(rate));
    links.SetChannelAttribute("Delay", ns3::StringValue(delay));
    links.DisableFlowControl();  // no queue discs
    return links;
  }
  static uint32_t NetworkOf(uint32_t leaf) { return 10u << 24 | leaf << 16; }
  uint32_t LeafSideOf(uint32_t host) const {
    return NetworkOf(host / m_settings.hostsPerLeaf) + host % m_settings.hostsPerLeaf * 4 + 1;
  }
  void JoinSpines(uint32_t leaf, ns3::PointToPointHelper links) {
    std::vector<uint32_t> interfaces;
    for (uint32_t spine = 0; spine < m_settings.spines; ++spine) {
      const ns3::NetDeviceContainer ends = links.Install(m_leaves.Get(leaf), m_spines.Get(spine));
      const uint32_t pair = PairOf(leaf, spine);
      interfaces.push_back(AddInterface(m_leaves.Get(leaf), ends.Get(0), pair + 1, kPairMask));
      const uint32_t down = AddInterface(m_spines.Get(spine), ends.Get(1), pair + 2, kPairMask);
      RoutingOf(m_spines.Get(spine))
          ->AddNetworkRouteTo(ns3::Ipv4Address(NetworkOf(leaf)), ns3::Ipv4Mask(kLeafMask), ns3::Ipv4Address(pair + 1),
                              down);
    }
    for (uint32_t other = 0; other < m_settings.leaves; ++other) {
      if (other == leaf) continue;
      const uint32_t spine = (leaf + other) % m_settings.spines;  // stock ns-3 spreads by destination at best
      RoutingOf(m_leaves.Get(leaf))
          ->AddNetworkRouteTo(ns3::Ipv4Address(NetworkOf(other)), ns3::Ipv4Mask(kLeafMask),
                              ns3::Ipv4Address(PairOf(leaf, spine) + 2), interfaces[spine]);
    }
  }
  void JoinHost(uint32_t host, ns3::PointToPointHelper links) {
    const uint32_t leaf = host / m_settings.hostsPerLeaf;
    const ns3::NetDeviceContainer ends = links.Install(m_leaves.Get(leaf), m_hosts.Get(host));
    AddInterface(m_leaves.Get(leaf), ends.Get(0), LeafSideOf(host), kPairMask);
    const uint32_t up = AddInterface(m_hosts.Get(host), ends.Get(1), LeafSideOf(host) + 1, kPairMask);
    RoutingOf(m_hosts.Get(host))->SetDefaultRoute(ns3::Ipv4Address(LeafSideOf(host)), up);
  }
  uint32_t PairOf(uint32_t leaf, uint32_t spine) const {
    return kFabricAddresses + (leaf * m_settings.spines + spine) * 4;
  }

  const Settings& m_settings;
  ns3::NodeContainer m_hosts, m_leaves, m_spines;
};

void Report(const Settings& s, double setup, double loop, uint64_t offered, uint64_t bytes) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf(
      "{\"hosts\": %u, \"setup_cpu_s\": %.3f, \"loop_cpu_s\": %.3f, \"offered\": %llu, \"delivered\": %llu, "
      "\"delivered_bytes\": %llu, \"events\": %llu, \"rss_mib\": %ld}\n",
      s.leaves * s.hostsPerLeaf, setup, loop, static_cast<unsigned long long>(offered),
      static_cast<unsigned long long>(g_delivered), static_cast<unsigned long long>(bytes),
      static_cast<unsigned long long>(ns3::Simulator::GetEventCount()), usage.ru_maxrss / 1024);
}

void RunDatagrams(const Settings& s) {
  const double begin = CpuSeconds();
  const LeafSpine network(s);
  const ns3::NodeContainer& hosts = network.Hosts();
  std::mt19937_64 random(s.seed);
  std::vector<Ptr<ns3::Socket>> sinks(hosts.GetN());
  std::vector<Sender> senders;
  senders.reserve(s.flows);
  for (uint32_t flow = 0; flow < s.flows; ++flow) {
    const uint32_t from = static_cast<uint32_t>(random() % hosts.GetN());
    uint32_t to;
    do to = static_cast<uint32_t>(random() % hosts.GetN());
    while (to / s.hostsPerLeaf == from / s.hostsPerLeaf && s.leaves > 1);
    if (!sinks[to]) {
      sinks[to] = ns3::Socket::CreateSocket(hosts.Get(to), ns3::UdpSocketFactory::GetTypeId());
      sinks[to]->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kPort));
      sinks[to]->SetRecvCallback(ns3::MakeCallback(&CountDatagrams));
    }
    Ptr<ns3::Socket> socket = ns3::Socket::CreateSocket(hosts.Get(from), ns3::UdpSocketFactory::GetTypeId());
    socket->Bind();
    socket->Connect(ns3::InetSocketAddress(network.AddressOf(to), kPort));
    senders.emplace_back(socket, s);
    ns3::Simulator::ScheduleWithContext(hosts.Get(from)->GetId(), ns3::NanoSeconds(random() % s.intervalNs),
                                        &Sender::Send, &senders.back());
  }
  const double ready = CpuSeconds();
  ns3::Simulator::Run();
  Report(s, ready - begin, CpuSeconds() - ready, uint64_t{s.flows} * s.packets, g_delivered * s.payload);
}

uint64_t g_tcpReceived = 0;

void CountBytes(Ptr<ns3::Socket> socket) {
  while (Ptr<ns3::Packet> packet = socket->Recv()) g_tcpReceived += packet->GetSize();
}

/// Two hosts, one cable, one stream.
void RunStream(const Settings& s) {
  constexpr uint32_t kSegment = 1448, kBuffer = 4u << 20;
  ns3::Config::SetDefault("ns3::TcpSocket::SegmentSize", ns3::UintegerValue(kSegment));
  ns3::Config::SetDefault("ns3::TcpSocket::SndBufSize", ns3::UintegerValue(kBuffer));
  ns3::Config::SetDefault("ns3::TcpSocket::RcvBufSize", ns3::UintegerValue(kBuffer));
  const double begin = CpuSeconds();
  ns3::NodeContainer hosts(2);
  ns3::InternetStackHelper stack;
  stack.SetIpv6StackInstall(false);
  stack.Install(hosts);
  ns3::PointToPointHelper link;
  link.SetDeviceAttribute("DataRate", ns3::StringValue(s.hostRate));
  link.SetChannelAttribute("Delay", ns3::StringValue(s.hostDelay));
  link.DisableFlowControl();
  const ns3::NetDeviceContainer ends = link.Install(hosts);
  constexpr uint32_t kNetwork = 10u << 24;
  for (uint32_t i = 0; i < 2; ++i) AddInterface(hosts.Get(i), ends.Get(i), kNetwork + 1 + i, 0xffffff00);
  Ptr<ns3::Socket> listener = ns3::Socket::CreateSocket(hosts.Get(1), ns3::TcpSocketFactory::GetTypeId());
  listener->Bind(ns3::InetSocketAddress(ns3::Ipv4Address::GetAny(), kPort));
  listener->Listen();
  listener->SetAcceptCallback(
      ns3::MakeNullCallback<bool, Ptr<ns3::Socket>, const ns3::Address&>(),
      ns3::Callback<void, Ptr<ns3::Socket>, const ns3::Address&>([](Ptr<ns3::Socket> socket, const ns3::Address&) {
        socket->SetRecvCallback(ns3::MakeCallback(&CountBytes));
      }));
  Ptr<ns3::Socket> sender = ns3::Socket::CreateSocket(hosts.Get(0), ns3::TcpSocketFactory::GetTypeId());
  uint64_t left = s.tcpBytes;
  auto fill = [&left](Ptr<ns3::Socket> socket, uint32_t) {
    while (left > 0) {
      const auto bytes = static_cast<uint32_t>(std::min<uint64_t>({left, socket->GetTxAvailable(), 64u << 10}));
      if (bytes == 0 || socket->Send(ns3::Create<ns3::Packet>(bytes)) < 0) return;
      left -= bytes;
    }
    socket->Close();
  };
  sender->SetSendCallback(ns3::Callback<void, Ptr<ns3::Socket>, uint32_t>(fill));
  sender->SetConnectCallback(ns3::Callback<void, Ptr<ns3::Socket>>([&](Ptr<ns3::Socket> socket) { fill(socket, 0); }),
                             ns3::MakeNullCallback<void, Ptr<ns3::Socket>>());
  sender->Bind();
  sender->Connect(ns3::InetSocketAddress(ns3::Ipv4Address(kNetwork + 2), kPort));
  const double ready = CpuSeconds();
  ns3::Simulator::Run();
  Report(s, ready - begin, CpuSeconds() - ready, s.tcpBytes, g_tcpReceived);
}

}  // namespace

int main(int argc, char** argv) {
  Settings s;
  ns3::CommandLine command;
  command.AddValue("leaves", "leaf switches", s.leaves);
  command.AddValue("spines", "spine switches", s.spines);
  command.AddValue("hosts-per-leaf", "hosts of each leaf", s.hostsPerLeaf);
  command.AddValue("flows", "pairs of hosts", s.flows);
  command.AddValue("packets", "datagrams of each pair", s.packets);
  command.AddValue("payload", "bytes of each datagram", s.payload);
  command.AddValue("interval-ns", "between two datagrams of a pair", s.intervalNs);
  command.AddValue("tcp-bytes", "instead: one stream of so many bytes between two hosts", s.tcpBytes);
  command.AddValue("host-rate", "of hosts' cables", s.hostRate);
  command.AddValue("host-delay", "of hosts' cables", s.hostDelay);
  command.AddValue("seed", "of the pairs", s.seed);
  command.Parse(argc, argv);
  if (s.tcpBytes > 0)
    RunStream(s);
  else
    RunDatagrams(s);
  ns3::Simulator::Destroy();
}
