#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/linux/namespace.h"
#include "models/wire/checksum.h"
#include "models/wire/headers.h"
#include "sim/trace/capture_writer.h"
#include "sim/trace/metrics.h"
#include "sim/trace/run_directory.h"
#include "sim/trace/trace_writer.h"
#include "support/temporary_directory.h"

namespace overlaysim::test {

/// What a small run holds.
struct SmallRunOptions {
  uint32_t pings = 3;          ///< one a millisecond, each with its reply
  bool hasDrop = false;        ///< behind them one more ping, whose TTL ends at the router
  bool hasHeaderBytes = true;  ///< the trace tells the packets' first bytes
  bool isComplete = true;      ///< the run ended by itself
  bool hasTrace = true, hasCapture = true, hasMetrics = true;
};

/// A run directory written by hand: two nodes with a pod each, a router between them, and pings from shop/cart to
/// shop/redis through a vxlan tunnel. The simulator takes no part in it.
class SmallRun {
 public:
  // Namespaces in the plan.
  static constexpr uint32_t kRouter = 0, kNode1 = 1, kNode2 = 2, kCart = 3, kRedis = 4;
  // Devices in a node; a pod's only one besides lo is 2, and so is a node's eth0.
  static constexpr uint32_t kEth0 = 2, kCni0 = 3, kFlannel = 4, kVeth = 5;
  static constexpr uint32_t kRowDefault = 10, kRowRemote = 11, kRowNeighbour = 12, kRowFdb = 13, kRowLocal = 14,
                            kRowPort = 15;
  static constexpr int64_t kIntervalNs = 1000000;

  explicit SmallRun(const SmallRunOptions& options = {}) : m_options(options) {
    std::string error;
    auto run = RunDirectory::Create({.directory = m_scratch / "run",
                                     .programVersion = "0.1.0",
                                     .modelVersion = "1",
                                     .name = "small",
                                     .description = "Two nodes, one tunnel"},
                                    error);
    if (!run) throw std::runtime_error(error);
    m_path = run->Path();
    Check(run->WriteFile(run_file::kPlan, Plan()));
    int64_t endNs = 0;
    if (m_options.hasTrace) Check(run->AddFile(run_file::kTrace));
    if (m_options.hasCapture) Check(run->AddFile(run_file::kPackets));
    {
      if (m_options.hasTrace) m_trace = std::make_unique<TraceWriter>(run->File(run_file::kTrace));
      if (m_options.hasCapture)
        m_capture = std::make_unique<PcapngWriter>(run->File(run_file::kPackets), "overlaysim 0.1.0");
      Begin();
      for (uint32_t i = 0; i < m_options.pings; ++i) endNs = Ping(i);
      if (m_options.hasDrop) endNs = DroppedPing(m_options.pings);
      if (m_trace) m_records = m_trace->RecordCount();
      if (m_capture) m_frames = m_capture->FrameCount();
      if (m_options.isComplete) {
        if (m_trace) m_trace->Finish();
        if (m_capture) m_capture->Finish();
      } else {
        if (m_trace) m_trace->Flush();
        if (m_capture) m_capture->Flush();
      }
    }
    if (m_options.isComplete) {
      if (m_options.hasMetrics) Check(run->WriteFile(run_file::kMetrics, MetricsToJson(Metrics(endNs))));
      Check(run->Finish(true, {endNs}, {{"records", m_records}}));
      m_trace.reset();
      m_capture.reset();
    } else {
      m_run = std::move(run);
    }
  }

  const std::filesystem::path& Path() const { return m_path; }
  std::filesystem::path File(std::string_view name) const { return m_path / name; }
  uint64_t Records() const { return m_records; }
  uint64_t Frames() const { return m_frames; }
  /// Of an incomplete run: one ping more, as a run that goes on would write it.
  void GoOn(bool isDropped = false) {
    const uint32_t i = m_options.pings++;
    m_endNs = isDropped ? DroppedPing(i) : Ping(i);
    if (m_trace) m_trace->Flush();
    if (m_capture) m_capture->Flush();
    m_records = m_trace ? m_trace->RecordCount() : 0;
  }
  /// And it ends by itself.
  void End() {
    if (m_trace) m_trace->Finish();
    if (m_capture) m_capture->Finish();
    Check(m_run->Finish(true, {m_endNs}, {{"records", m_records}}));
  }
  /// Journey of the i-th ping, and of its reply.
  static uint64_t Request(uint32_t i) { return uint64_t{kCart + 1} << 32 | (i + 1); }
  static uint64_t Reply(uint32_t i) { return uint64_t{kRedis + 1} << 32 | (i + 1); }

  /// An echo request or reply between the pods, from its IPv4 header on: 84 bytes.
  static std::vector<uint8_t> EchoPacket(bool isReply, uint16_t sequence, uint8_t ttl) {
    std::vector<uint8_t> packet(84);
    uint8_t* p = packet.data();
    WriteIpv4(p, 84, wire::kIpProtoIcmp, ttl, isReply ? kRedisAddress : kCartAddress,
              isReply ? kCartAddress : kRedisAddress);
    uint8_t* icmp = p + wire::kIpv4HeaderBytes;
    icmp[0] = isReply ? wire::kIcmpEchoReply : wire::kIcmpEcho;
    wire::Put16(icmp + 4, 1);
    wire::Put16(icmp + 6, sequence);
    for (uint8_t i = 16; i < 64; ++i) icmp[i] = i;
    wire::Put16(icmp + 2, wire::Checksum(icmp, 64));
    return packet;
  }
  static std::vector<uint8_t> WithEthernet(std::vector<uint8_t> packet, const char* to, const char* from) {
    packet.insert(packet.begin(), wire::kEthernetHeaderBytes, 0);
    wire::Ethernet{packet.data()}.Write(*MacAddress::Parse(to), *MacAddress::Parse(from), wire::kEtherTypeIpv4);
    return packet;
  }
  /// The outer headers of an inner frame of that size: IPv4, UDP, VXLAN with VNI 1; 36 bytes.
  static std::vector<uint8_t> OuterHeaders(bool isReply, uint32_t innerBytes) {
    std::vector<uint8_t> headers(wire::kIpv4HeaderBytes + wire::kUdpHeaderBytes + wire::kVxlanHeaderBytes);
    uint8_t* p = headers.data();
    const auto total = static_cast<uint16_t>(headers.size() + innerBytes);
    WriteIpv4(p, total, wire::kIpProtoUdp, 64, isReply ? kNode2Address : kNode1Address,
              isReply ? kNode1Address : kNode2Address);
    uint8_t* udp = p + wire::kIpv4HeaderBytes;
    wire::Put16(udp, 44212);
    wire::Put16(udp + 2, 8472);
    wire::Put16(udp + 4, total - wire::kIpv4HeaderBytes);
    wire::Vxlan{udp + wire::kUdpHeaderBytes}.Write(1);
    return headers;
  }

  static std::string Plan() {
    const auto nodeText = [](uint32_t id, const char* name, const char* mac, const char* address, const char* pods) {
      return fmt::format(
          R"({{"id":{0},"name":"{1}","role":"node","kernel":{0},"node":{2},"labels":{{"zone":"z{0}"}},"devices":[)"
          R"({{"ifindex":1,"name":"lo","mac":"00:00:00:00:00:00","mtu":65536,"addresses":["127.0.0.1/8"]}},)"
          R"({{"ifindex":2,"name":"eth0","mac":"02:00:00:00:0{0}:02","mtu":1500,"addresses":["{4}"]}},)"
          R"({{"ifindex":3,"name":"cni0","mac":"02:00:00:00:0{0}:03","mtu":1450,"kind":"bridge","addresses":["{5}.1/24"]}},)"
          R"({{"ifindex":4,"name":"flannel.1","mac":"{3}","mtu":1450,"kind":"vxlan","vni":1,"port":8472,)"
          R"("addresses":["{5}.0/32"]}},)"
          R"({{"ifindex":5,"name":"veth{0}","mac":"02:00:00:00:0{0}:05","mtu":1450,"master":"cni0"}}]}})",
          id, name, id - 1, mac, address, pods);
    };
    const auto pod = [](uint32_t id, const char* name, uint32_t kernel, const char* mac, const char* address) {
      return fmt::format(
          R"({{"id":{0},"name":"{1}","role":"pod","kernel":{2},"node":{3},"labels":{{"app":"{1}"}},"devices":[)"
          R"({{"ifindex":1,"name":"lo","mac":"00:00:00:00:00:00","mtu":65536,"addresses":["127.0.0.1/8"]}},)"
          R"({{"ifindex":2,"name":"eth0","mac":"{4}","mtu":1450,"peer":{{"netns":{2},"ifindex":5}},"addresses":["{5}"]}}]}})",
          id, name, kernel, kernel - 1, mac, address);
    };
    const auto cable = [](const char* name, uint32_t netns, uint32_t port) {
      return fmt::format(R"({{"name":"{}","a":{{"netns":{},"ifindex":2}},"b":{{"netns":0,"ifindex":{}}},)"
                         R"("bitsPerSecond":10000000000,"delayNs":1000,"queueBytes":1000000,"up":true}})",
                         name, netns, port);
    };
    std::string plan =
        R"({"name":"small","description":"Two nodes, one tunnel",)"
        R"("understood":"flannel vxlan, VNI 1, UDP 8472 · 2 nodes, 2 pods","cni":"flannel vxlan","seed":1,)"
        R"("namespaces":[{"id":0,"name":"router","role":"router","kernel":0,"devices":[)"
        R"({"ifindex":2,"name":"eth1","mac":"02:00:00:00:00:02","mtu":1500,"addresses":["172.16.1.1/24"]},)"
        R"({"ifindex":3,"name":"eth2","mac":"02:00:00:00:00:03","mtu":1500,"addresses":["172.16.2.1/24"]}]},)";
    plan += nodeText(kNode1, "node1", kFlannel1Mac, "172.16.1.11/24", "10.244.1") + ",";
    plan += nodeText(kNode2, "node2", kFlannel2Mac, "172.16.2.12/24", "10.244.2") + ",";
    plan += pod(kCart, "shop/cart", kNode1, kCartMac, "10.244.1.2/24") + ",";
    plan += pod(kRedis, "shop/redis", kNode2, kRedisMac, "10.244.2.2/24") + "],";
    plan += fmt::format(R"("cables":[{},{}],)", cable("node1-router", kNode1, 2), cable("node2-router", kNode2, 3));
    plan +=
        R"("workloads":[{"id":0,"name":"ping shop/cart -> shop/redis","kind":"ping","from":3,"startNs":0,"to":4}],)";
    plan += R"("events":[{"atNs":1500000,"text":"link node2-router fails for 1 ms"}],"captures":[],"expectations":[]})";
    return plan + "\n";
  }

 private:
  static constexpr Ipv4Address kCartAddress{0x0af40102}, kRedisAddress{0x0af40202}, kNode1Address{0xac10010b},
      kNode2Address{0xac10020c};
  static constexpr const char* kCartMac = "02:00:00:00:03:02";
  static constexpr const char* kRedisMac = "02:00:00:00:04:02";
  static constexpr const char* kFlannel1Mac = "02:00:00:00:01:04";
  static constexpr const char* kFlannel2Mac = "02:00:00:00:02:04";

  static void Check(const std::string& error) {
    if (!error.empty()) throw std::runtime_error(error);
  }
  static void WriteIpv4(uint8_t* p, uint16_t total, uint8_t protocol, uint8_t ttl, Ipv4Address from, Ipv4Address to) {
    p[0] = 0x45;
    wire::Put16(p + 2, total);
    wire::Put16(p + 6, protocol == wire::kIpProtoIcmp ? wire::kIpDf : 0);
    p[8] = ttl;
    p[9] = protocol;
    wire::PutIpv4(p + 12, from);
    wire::PutIpv4(p + 16, to);
    wire::Put16(p + 10, 0);
    wire::Put16(p + 10, wire::Checksum(p, wire::kIpv4HeaderBytes));
  }

  void Begin() {
    if (m_capture) {
      for (const char* name : {"shop/cart/eth0", "node1/eth0", "node2/eth0", "shop/redis/eth0"})
        m_capture->AddInterface({.name = name});
    }
    if (!m_trace) return;
    m_trace->NameFlow(0, "ping shop/cart -> shop/redis");
    const std::pair<uint32_t, const char*> names[] = {
        {kRouter, "router"}, {kNode1, "node1"}, {kNode2, "node2"}, {kCart, "shop/cart"}, {kRedis, "shop/redis"}};
    for (const auto& [netns, name] : names) m_trace->NameNetns(netns, name);
    const auto row = [&](uint32_t netns, kernel::Table table, uint32_t id, const char* text, int64_t timeNs = 0,
                         kernel::TableChange::Op op = kernel::TableChange::Op::Add) {
      m_trace->TableRow({.timeNs = timeNs,
                         .netns = netns,
                         .table = table,
                         .op = op,
                         .row = id,
                         .version = ++m_version,
                         .text = text});
    };
    using kernel::Table;
    row(kCart, Table::Route, kRowDefault, "default via 10.244.1.1 dev eth0");
    row(kRedis, Table::Route, kRowDefault, "default via 10.244.2.1 dev eth0");
    row(kNode1, Table::Link, 20,
        "4: flannel.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN vxlan id 1 local "
        "172.16.1.11 dev eth0 dstport 8472 nolearning");
    for (const bool isFirst : {true, false}) {
      const uint32_t node = isFirst ? kNode1 : kNode2;
      row(node, Table::Route, kRowRemote,
          isFirst ? "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink"
                  : "10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink");
      row(node, Table::Neighbour, kRowNeighbour,
          isFirst ? "10.244.2.0 dev flannel.1 lladdr 02:00:00:00:02:04 PERMANENT"
                  : "10.244.1.0 dev flannel.1 lladdr 02:00:00:00:01:04 PERMANENT");
      row(node, Table::VxlanFdb, kRowFdb,
          isFirst ? "02:00:00:00:02:04 dev flannel.1 dst 172.16.2.12 self permanent"
                  : "02:00:00:00:01:04 dev flannel.1 dst 172.16.1.11 self permanent");
      row(node, Table::Route, kRowDefault,
          isFirst ? "default via 172.16.1.1 dev eth0" : "default via 172.16.2.1 dev eth0");
      row(node, Table::Route, kRowLocal,
          isFirst ? "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1"
                  : "10.244.2.0/24 dev cni0 proto kernel scope link src 10.244.2.1");
      // Learnt from the first ping.
      row(node, Table::BridgeFdb, kRowPort,
          isFirst ? "02:00:00:00:03:02 dev veth1 master cni0" : "02:00:00:00:04:02 dev veth2 master cni0");
    }
    row(kRouter, Table::Route, kRowDefault, "172.16.2.0/24 dev eth2 proto kernel scope link src 172.16.2.1");
  }

  /// One packet's way, record by record.
  struct Way {
    uint64_t journey = 0, cause = 0;
    int64_t timeNs = 0;
    std::vector<uint8_t> bytes;  ///< as it stands
  };
  void Record(const Way& way, uint32_t netns, uint32_t ifindex, Stage stage, Verdict verdict = Verdict::Continue,
              uint32_t row = 0, kernel::Table table = {}, std::span<const uint8_t> before = {},
              std::span<const uint8_t> after = {}, uint16_t offset = 0) {
    if (!m_trace) return;
    TraceRecord record;
    record.timeNs = way.timeNs;
    record.journey = way.journey;
    record.cause = stage == Stage::Send ? way.cause : 0;
    record.flow = 0;
    record.netns = netns;
    record.ifindex = ifindex;
    record.sizeBytes = static_cast<uint32_t>(way.bytes.size());
    record.row = row;
    record.tableVersion = row ? m_version : 0;
    record.stage = stage;
    record.verdict = verdict;
    record.table = table;
    if (!m_options.hasHeaderBytes) before = after = {};
    m_trace->Append(record, {offset, before.first(std::min<size_t>(before.size(), 255)),
                             after.first(std::min<size_t>(after.size(), 255))});
  }
  void PushEthernet(Way& way, uint32_t netns, uint32_t ifindex, const char* to, const char* from) {
    way.bytes = WithEthernet(std::move(way.bytes), to, from);
    Record(way, netns, ifindex, Stage::Transmit, Verdict::Continue, 0, {}, {},
           std::span(way.bytes).first(wire::kEthernetHeaderBytes));
  }
  static void PopFront(Way& way, size_t count) {
    way.bytes.erase(way.bytes.begin(), way.bytes.begin() + static_cast<std::ptrdiff_t>(count));
  }
  void PopEthernet(Way& way, uint32_t netns, uint32_t ifindex) {
    const std::vector<uint8_t> header(way.bytes.begin(), way.bytes.begin() + wire::kEthernetHeaderBytes);
    PopFront(way, header.size());
    Record(way, netns, ifindex, Stage::IpReceive, Verdict::Continue, 0, {}, header);
  }
  void CountDown(Way& way, uint32_t netns, uint32_t ifindex, uint32_t row) {
    const std::vector<uint8_t> before(way.bytes.begin() + 8, way.bytes.begin() + 12);
    wire::Ipv4{way.bytes.data()}.DecrementTtl();
    Record(way, netns, ifindex, Stage::Forward, Verdict::Continue, row, kernel::Table::Route, before,
           std::span(way.bytes).subspan(8, 4), 8);
  }
  void Capture(const Way& way, uint32_t interface, CaptureDirection direction) {
    if (m_capture)
      m_capture->Write({.interface = interface,
                        .time = {way.timeNs},
                        .bytes = way.bytes,
                        .direction = direction,
                        .comment = Comment(way)});
  }

  /// As the recorder of a simulation says it.
  static std::string Comment(const Way& way) {
    const bool isRequest = way.journey >> 32 == kCart + 1;
    return fmt::format("{}, {}#{}", isRequest ? "shop/cart → shop/redis" : "shop/redis → shop/cart",
                       isRequest ? "shop/cart" : "shop/redis", static_cast<uint32_t>(way.journey));
  }

  /// From one pod to the other; answers when it arrived.
  int64_t Cross(Way way, bool isReply, Verdict end, bool dropsAtRouter) {
    using kernel::Table;
    const uint32_t pod = isReply ? kRedis : kCart, node = isReply ? kNode2 : kNode1;
    const uint32_t otherPod = isReply ? kCart : kRedis, otherNode = isReply ? kNode1 : kNode2;
    const uint16_t router = isReply ? 3 : 2, routerOut = isReply ? 2 : 3;
    const std::string podMac = isReply ? kRedisMac : kCartMac, otherPodMac = isReply ? kCartMac : kRedisMac;
    const std::string bridge = fmt::format("02:00:00:00:0{}:03", node),
                      otherBridge = fmt::format("02:00:00:00:0{}:03", otherNode);
    Record(way, pod, 0, Stage::Send, Verdict::Continue, 0, {}, {}, way.bytes);
    Record(way, pod, kEth0, Stage::RouteOutput, Verdict::Continue, kRowDefault, Table::Route);
    PushEthernet(way, pod, kEth0, bridge.c_str(), podMac.c_str());
    Capture(way, isReply ? 3 : 0, CaptureDirection::Outbound);
    Record(way, node, kVeth, Stage::Receive);
    Record(way, node, kCni0, Stage::BridgeLookup);
    Record(way, node, kCni0, Stage::Receive);
    PopEthernet(way, node, kCni0);
    Record(way, node, kCni0, Stage::RouteInput, Verdict::Continue, kRowRemote, Table::Route);
    CountDown(way, node, kCni0, kRowRemote);
    Record(way, node, kFlannel, Stage::NeighbourLookup, Verdict::Continue, kRowNeighbour, Table::Neighbour);
    way.bytes = WithEthernet(std::move(way.bytes), isReply ? kFlannel1Mac : kFlannel2Mac,
                             isReply ? kFlannel2Mac : kFlannel1Mac);
    Record(way, node, kFlannel, Stage::VxlanFdbLookup, Verdict::Continue, kRowFdb, Table::VxlanFdb, {},
           std::span(way.bytes).first(wire::kEthernetHeaderBytes));
    Record(way, node, kEth0, Stage::VxlanRoute, Verdict::Continue, kRowDefault, Table::Route);
    const auto outer = OuterHeaders(isReply, static_cast<uint32_t>(way.bytes.size()));
    way.bytes.insert(way.bytes.begin(), outer.begin(), outer.end());
    Record(way, node, kFlannel, Stage::Encapsulate, Verdict::Continue, 0, {}, {}, outer);
    PushEthernet(way, node, kEth0, isReply ? "02:00:00:00:00:03" : "02:00:00:00:00:02",
                 isReply ? "02:00:00:00:02:02" : "02:00:00:00:01:02");
    Capture(way, isReply ? 2 : 1, CaptureDirection::Outbound);
    way.timeNs += 1100;
    Record(way, kRouter, router, Stage::Receive);
    PopEthernet(way, kRouter, router);
    Record(way, kRouter, router, Stage::RouteInput, Verdict::Continue, kRowDefault, Table::Route);
    if (dropsAtRouter) {
      Record(way, kRouter, router, Stage::Forward, Verdict::TtlExpired, kRowDefault, Table::Route);
      return way.timeNs;
    }
    CountDown(way, kRouter, router, kRowDefault);
    PushEthernet(way, kRouter, routerOut, isReply ? "02:00:00:00:01:02" : "02:00:00:00:02:02",
                 isReply ? "02:00:00:00:00:02" : "02:00:00:00:00:03");
    way.timeNs += 1100;
    Record(way, otherNode, kEth0, Stage::Receive);
    Capture(way, isReply ? 1 : 2, CaptureDirection::Inbound);
    PopEthernet(way, otherNode, kEth0);
    const std::vector<uint8_t> taken(way.bytes.begin(), way.bytes.begin() + static_cast<std::ptrdiff_t>(outer.size()));
    PopFront(way, outer.size());
    Record(way, otherNode, kFlannel, Stage::Decapsulate, Verdict::Continue, 0, {}, taken);
    PopEthernet(way, otherNode, kFlannel);
    Record(way, otherNode, kFlannel, Stage::RouteInput, Verdict::Continue, kRowLocal, Table::Route);
    CountDown(way, otherNode, kFlannel, kRowLocal);
    way.bytes = WithEthernet(std::move(way.bytes), otherPodMac.c_str(), otherBridge.c_str());
    Record(way, otherNode, kCni0, Stage::BridgeLookup, Verdict::Continue, kRowPort, Table::BridgeFdb, {},
           std::span(way.bytes).first(wire::kEthernetHeaderBytes));
    Record(way, otherNode, kVeth, Stage::Transmit);
    Record(way, otherPod, kEth0, Stage::Receive);
    Capture(way, isReply ? 0 : 3, CaptureDirection::Inbound);
    PopEthernet(way, otherPod, kEth0);
    Record(way, otherPod, kEth0, Stage::LocalDeliver, end);
    return way.timeNs;
  }
  int64_t Ping(uint32_t i) {
    const int64_t start = i * kIntervalNs;
    const auto sequence = static_cast<uint16_t>(i + 1);
    const int64_t arrived =
        Cross({Request(i), 0, start, EchoPacket(false, sequence, 64)}, false, Verdict::Consumed, false);
    return Cross({Reply(i), Request(i), arrived, EchoPacket(true, sequence, 64)}, true, Verdict::Delivered, false);
  }
  int64_t DroppedPing(uint32_t i) {
    return Cross({Request(i), 0, i * kIntervalNs, EchoPacket(false, static_cast<uint16_t>(i + 1), 64)}, false,
                 Verdict::Delivered, true);
  }

  RunMetrics Metrics(int64_t endNs) const {
    RunMetrics metrics;
    metrics.simulated = {endNs};
    const uint32_t packets = m_options.pings;
    metrics.verdicts.Add(Verdict::Delivered, packets);
    metrics.verdicts.Add(Verdict::Consumed, packets);
    if (m_options.hasDrop) metrics.verdicts.Add(Verdict::TtlExpired);
    const auto link = [&](const char* name, const char* from, const char* to) {
      LinkMetrics l;
      l.name = name;
      l.from = from;
      l.to = to;
      l.rate = {10000000000};
      l.frames = packets;
      l.bytes = uint64_t{148} * packets;
      l.busy = {118 * int64_t{packets}};
      metrics.links.push_back(l);
    };
    link("node1-router", "node1/eth0", "router/eth1");
    link("node1-router", "router/eth1", "node1/eth0");
    link("node2-router", "node2/eth0", "router/eth2");
    link("node2-router", "router/eth2", "node2/eth0");
    FlowMetrics flow;
    flow.name = "ping shop/cart -> shop/redis";
    flow.from = "shop/cart";
    flow.to = "shop/redis";
    flow.offeredPackets = packets + (m_options.hasDrop ? 1 : 0);
    flow.offeredBytes = flow.offeredPackets * 56;
    flow.deliveredPackets = packets;
    flow.deliveredBytes = uint64_t{packets} * 56;
    for (uint32_t i = 0; i < packets; ++i) flow.rttNs.Add(4400);
    if (m_options.hasDrop) flow.verdicts.Add(Verdict::TtlExpired);
    metrics.flows.push_back(flow);
    return metrics;
  }

  TemporaryDirectory m_scratch;
  SmallRunOptions m_options;
  std::filesystem::path m_path;
  std::unique_ptr<TraceWriter> m_trace;
  std::unique_ptr<PcapngWriter> m_capture;
  uint32_t m_version = 0;
  uint64_t m_records = 0, m_frames = 0;
  int64_t m_endNs = 0;
  std::optional<RunDirectory> m_run;  ///< while it goes on
};

}  // namespace overlaysim::test
