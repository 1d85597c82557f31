#include "tests/random/random_scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <stdexcept>

#include "sim/import/reader.h"
#include "sim/plan/compile.h"
#include "sim/scenario/load.h"

namespace overlaysim::random {
namespace {

constexpr uint64_t kMostNodes = 6;
constexpr uint64_t kMostFrames = 60;
constexpr uint64_t kMostEvents = 6;

std::string Joined(const std::vector<std::string>& items) { return fmt::format("{}", fmt::join(items, ", ")); }

std::string DrawSysctls(Draw& draw) {
  std::vector<std::string> lines;
  auto maybe = [&](const char* name, std::initializer_list<uint32_t> values) {
    if (draw.OneIn(6)) lines.push_back(fmt::format(R"("{}": {})", name, draw.Of(values)));
  };
  maybe("net.ipv4.ip_forward", {0, 1});
  maybe("net.ipv4.conf.all.rp_filter", {0, 1, 2});
  maybe("net.ipv4.conf.eth0.accept_local", {0, 1});
  maybe("net.ipv4.conf.eth0.proxy_arp", {0, 1});
  maybe("net.ipv4.conf.all.arp_ignore", {0, 1, 2, 3, 8});
  maybe("net.ipv4.conf.all.arp_announce", {0, 1, 2});
  maybe("net.ipv4.conf.all.route_localnet", {0, 1});
  maybe("net.ipv4.icmp_ratelimit", {0, 1, 1000});
  maybe("net.ipv4.icmp_echo_ignore_all", {0, 1});
  maybe("net.ipv4.ip_forward_use_pmtu", {0, 1});
  maybe("net.ipv4.fib_multipath_hash_policy", {0, 1});
  maybe("net.ipv4.neigh.default.unres_qlen_bytes", {0, 2000, 212992});
  return "{" + Joined(lines) + "}";
}

std::string DrawFirewall(Draw& draw) {
  if (!draw.OneIn(4)) return "";
  return draw.Of({R"(, "firewall": {"deny": [{"udp": 8472}]})", R"(, "firewall": {"deny": [{"icmp": true}]})",
                  R"(, "firewall": {"allow": [{"udp": [8472, 4789]}, {"icmp": true}]})",
                  R"(, "firewall": {"deny": [{"from": "pods", "to": "nodes"}]})"});
}

std::string DrawCni(Draw& draw) {
  return draw.Of({R"({"type": "flannel"})", R"({"type": "flannel", "directRouting": true})",
                  R"({"type": "flannel", "vni": 7, "port": 4789, "learning": true})",
                  R"({"type": "calico", "vxlanMode": "Always"})", R"({"type": "calico", "vxlanMode": "CrossSubnet"})",
                  R"({"type": "vxlan"})", R"({"type": "vxlan", "nextHop": "node", "df": "set", "ttl": 9})",
                  R"({"type": "vxlan", "mode": "bridged", "learning": true, "df": "inherit"})",
                  R"({"type": "vxlan", "mode": "bridged", "udpChecksum": false})"});
}

void DrawCluster(Draw& draw, RandomScenario& scenario) {
  const uint64_t nodes = draw.Between(1, kMostNodes), podsPerNode = draw.Between(1, 2);
  std::vector<std::string> nodeLines;
  for (uint64_t i = 1; i <= nodes; ++i)
    nodeLines.push_back(
        fmt::format(R"({{"name": "node{}", "sysctl": {}{}}})", i, DrawSysctls(draw), DrawFirewall(draw)));
  const std::string underlay =
      draw.Of({R"("type": "router")", R"("type": "flat")", R"("type": "router", "nodesPerLeaf": 2)",
               R"("type": "leaf-spine", "spines": 2, "nodesPerLeaf": 2)",
               R"("type": "leaf-spine", "spines": 1, "nodesPerLeaf": 1)"});
  const uint32_t mtu = draw.Of({1500u, 1500u, 1450u, 9000u, 1280u, 700u});
  const std::string cni = DrawCni(draw);
  scenario.network = fmt::format(
      R"("underlay": {{{}, "hostLink": {{"mtu": {}, "rate": "{}", "queue": "{}"}}}},
  "cluster": {{"nodes": [{}], "cni": {},
    "pods": [{{"generate": {}, "per": "node", "name": "pod{{i}}"}}]}})",
      underlay, mtu, draw.Of({"10Gbps", "10Mbps"}), draw.Of({"1MB", "4kB"}), Joined(nodeLines), cni, podsPerNode);
  const uint64_t pods = nodes * podsPerNode;
  for (uint64_t n = draw.Below(4); n > 0; --n)
    scenario.traffic.push_back(fmt::format(
        R"({{"type": {}, "from": "pod{}", "to": "{}{}", "payload": "{}B", "interval": "200us", "start": "{}us"}})",
        draw.Of({R"("ping")", R"("udp", "packets": 40)"}), draw.Between(1, pods), draw.Of({"pod", "node"}),
        draw.Between(1, nodes), draw.Of({0u, 56u, 1400u, 1472u, 3000u}), draw.Below(2000)));
}

/// Hosts on one bridge, each with a vxlan device of its own kind, plain or in a bridge that a guest hangs on.
void DrawLab(Draw& draw, RandomScenario& scenario) {
  const uint64_t hosts = draw.Between(2, 4);
  std::vector<std::string> netns = {"sw"}, setup = {"ip -n sw link add br0 type bridge", "ip -n sw link set br0 up"};
  auto add = [&](const std::string& command) { setup.push_back(command); };
  const uint32_t mtu = draw.Of({1500u, 1500u, 1400u, 9000u}), vni = draw.Of({1u, 42u}), port = draw.Of({4789u, 8472u});
  const bool bridged = draw.OneIn(2);
  for (uint64_t i = 1; i <= hosts; ++i) {
    const std::string h = fmt::format("h{}", i);
    netns.push_back(h);
    add(fmt::format("ip link add eth0 netns {0} address 02:00:00:00:01:{1:02x} type veth peer name p{1} netns sw", h,
                    i));
    add(fmt::format("ip -n {} link set eth0 mtu {} up", h, mtu));
    add(fmt::format("ip -n sw link set p{} mtu {} up", i, mtu));
    add(fmt::format("ip -n sw link set p{} master br0", i));
    add(fmt::format("ip -n {} link set lo up", h));
    add(fmt::format("ip -n {} addr add 10.0.0.{}/24 dev eth0", h, i));
    if (draw.OneIn(2)) add(fmt::format("ip netns exec {} sysctl -w net.ipv4.ip_forward=1", h));
    add(fmt::format(
        "ip -n {0} link add vx0 address 02:00:00:00:02:{1:02x} type vxlan id {2} dstport {3} local "
        "10.0.0.{1} {4} {5} {6} {7}",
        h, i, vni, port, draw.Of({"learning", "nolearning"}), draw.Of({"", "noudpcsum", "udpcsum"}),
        draw.Of({"", "ttl 3", "ttl inherit"}), draw.Of({"", "tos inherit", "df set", "df inherit", "proxy"})));
    if (draw.OneIn(2)) add(fmt::format("ip -n {} link set vx0 mtu {}", h, draw.Of({mtu - 50, mtu, 600u})));
    for (uint64_t peer = 1; peer <= hosts; ++peer)
      if (peer != i || draw.OneIn(8))
        add(fmt::format("bridge -n {} fdb append 00:00:00:00:00:00 dev vx0 dst 10.0.0.{}", h, peer));
    if (bridged) {
      const std::string guest = fmt::format("g{}", i);
      netns.push_back(guest);
      add(fmt::format("ip -n {} link add brv type bridge", h));
      add(fmt::format("ip link add eth0 netns {0} type veth peer name port netns {1}", guest, h));
      add(fmt::format("ip -n {} addr add 192.168.7.{}/24 dev eth0", guest, i));
      add(fmt::format("ip -n {} link set eth0 up", guest));
      for (const char* device : {"brv", "port", "vx0"}) add(fmt::format("ip -n {} link set {} up", h, device));
      for (const char* device : {"port", "vx0"}) add(fmt::format("ip -n {} link set {} master brv", h, device));
      if (draw.OneIn(2)) add(fmt::format("ip -n {} addr add 192.168.7.1{}/24 dev brv", h, i));
    } else {
      add(fmt::format("ip -n {} link set vx0 up", h));
      add(fmt::format("ip -n {} addr add 192.168.7.{}/24 dev vx0", h, i));
    }
  }
  for (std::string& word : netns) word = '"' + word + '"';
  for (std::string& word : setup) word = '"' + word + '"';
  scenario.network = fmt::format("\"lab\": {{\"netns\": [{}],\n  \"setup\": [{}]}}", Joined(netns),
                                 fmt::format("{}", fmt::join(setup, ",\n    ")));
  for (uint64_t n = draw.Below(3); n > 0; --n)
    scenario.traffic.push_back(fmt::format(
        R"({{"type": "ping", "from": "{}{}", "to": "192.168.7.{}", "payload": "{}B", "start": "{}us", "count": 1}})",
        bridged ? "g" : "h", draw.Between(1, hosts), draw.Between(1, hosts), draw.Of({0u, 56u, 1400u, 3000u}),
        draw.Below(2000)));
}

Surroundings Look(const ClusterPlan& plan) {
  Surroundings around;
  std::set<uint16_t> ports;
  std::set<uint32_t> vnis;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const NetnsInfo info = plan.Info(NetnsId(i));
    const auto ns = info.isShared ? nullptr : plan.Materialise(NetnsId(i));
    if (!ns || ns->Links().size() < 2) continue;
    for (const kernel::Link* link : ns->Links()) {
      const bool isVxlan = link->kind == kernel::LinkKind::Vxlan;
      around.devices.push_back({info.name + "/" + link->name, info.name, link->name, link->address, isVxlan,
                                link->kind == kernel::LinkKind::Bridge});
      if (!isVxlan) continue;
      ports.insert(link->vxlan.dstPort);
      vnis.insert(link->vxlan.vni);
    }
    for (const kernel::Address& address : ns->Addresses()) around.addresses.push_back(address.local);
  }
  around.vxlanPorts.assign(ports.begin(), ports.end());
  around.vnis.assign(vnis.begin(), vnis.end());
  return around;
}

/// A command as an administrator or a broken agent might give it; it may well fail.
std::string DrawCommand(Draw& draw, const Surroundings& around, const Surroundings::Device& at) {
  const std::string ip = draw.Of(around.addresses).ToString(), mac = draw.Of(around.devices).mac.ToString();
  const std::string other = draw.Of(around.devices).name;
  switch (draw.Below(20)) {
    case 0:
      return fmt::format("ip link set {} down", at.name);
    case 1:
      return fmt::format("ip link set {} up", at.name);
    case 2:
      return fmt::format("ip link set {} mtu {}", at.name, draw.Of({68u, 576u, 1280u, 1500u, 9000u}));
    case 3:
      return fmt::format("ip link del {}", at.name);
    case 4:
      return fmt::format("ip link set {} address {}", at.name, mac);
    case 5:
      return fmt::format("ip link set {} nomaster", at.name);
    case 6:
      return fmt::format("ip link set {} master {}", at.name, other);
    case 7:
      return fmt::format("ip addr add {}/{} dev {}", ip, draw.Of({8u, 24u, 32u}), at.name);
    case 8:
      return fmt::format("ip addr flush dev {}", at.name);
    case 9:
      return fmt::format("ip route replace {} {}/32", draw.Of({"blackhole", "unreachable", "prohibit"}), ip);
    case 10:
      return fmt::format("ip route replace {}/32 via {} dev {} onlink", ip, draw.Of(around.addresses).ToString(),
                         at.name);
    case 11:
      return fmt::format("ip route replace {}/32 dev {} mtu {}", ip, at.name, draw.Of({600u, 1400u}));
    case 12:
      return fmt::format("ip route flush dev {}", at.name);
    case 13:
      return fmt::format("ip neigh replace {} lladdr {} dev {} nud {}", ip, mac, at.name,
                         draw.Of({"permanent", "reachable", "stale", "failed"}));
    case 14:
      return fmt::format("ip neigh flush dev {}", at.name);
    case 15:
      return fmt::format("bridge fdb {} {} dev {} dst {} self permanent", draw.Of({"append", "replace", "del"}), mac,
                         at.name, ip);
    case 16:
      return fmt::format("bridge link set dev {} {} {}", at.name,
                         draw.Of({"hairpin", "isolated", "learning", "flood", "mcast_flood", "bcast_flood"}),
                         draw.Of({"on", "off"}));
    case 17:
      return fmt::format("iptables -{} {} {} -j {}", draw.Of({"A", "I"}), draw.Of({"INPUT", "FORWARD", "OUTPUT"}),
                         draw.Of({"-p udp --dport 8472", "-p udp", "-p icmp", "-p tcp", ""}),
                         draw.Of({"DROP", "REJECT", "ACCEPT"}));
    case 18:
      return fmt::format("ip link set {} promisc {}", at.name, draw.Of({"on", "off"}));
    default:
      return fmt::format("sysctl -w {}={}",
                         draw.Of({"net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter", "net.ipv4.ipfrag_time",
                                  "net.ipv4.icmp_echo_ignore_all", "net.ipv4.conf.all.accept_local"}),
                         draw.Below(3));
  }
}

/// Nodes that come and go, and agents that end, while packets are under way.
void DrawControlPlane(Draw& draw, uint64_t spanUs, RandomScenario& scenario) {
  const bool hasAgents = scenario.network.find(R"("type": "flannel")") != std::string::npos ||
                         scenario.network.find(R"("type": "calico")") != std::string::npos;
  uint64_t nodes = 0;
  while (scenario.network.find(fmt::format(R"("name": "node{}")", nodes + 1)) != std::string::npos) ++nodes;
  if (!hasAgents || nodes < 2 || draw.OneIn(2)) return;
  scenario.network += fmt::format(
      R"(,
  "controlPlane": {{{}"setup": "{}us", "podCIDRLatency": "0s", "watchLatency": {{"from": "10us", "to": "500us"}}, "operation": "{}us"}})",
      draw.OneIn(3) ? R"("start": {"from": "0s", "to": "300us"}, )" : "", draw.Below(300), draw.Between(1, 50));
  // The last node leaves, and comes again; the first one's agent ends.
  const uint64_t leaves = draw.Below(spanUs), comes = leaves + 1 + draw.Below(spanUs);
  scenario.events.push_back(fmt::format(R"({{"at": "{}us", "leave": "node{}"}})", leaves, nodes));
  scenario.events.push_back(fmt::format(R"({{"at": "{}us", "join": "node{}"}})", comes, nodes));
  scenario.events.push_back(draw.OneIn(2) ? fmt::format(R"({{"at": "{}us", "restart": "node*"}})", draw.Below(spanUs))
                                          : fmt::format(R"({{"at": "{}us", "stop": "node1", "for": "{}us"}})",
                                                        draw.Below(spanUs), draw.Below(spanUs)));
}

}  // namespace

std::string RandomScenario::Text() const {
  std::vector<std::string> lines = traffic;
  for (const Injection& injection : injections) {
    std::string hex;
    for (uint8_t byte : injection.frame) hex += fmt::format("{:02x}", byte);
    lines.push_back(fmt::format(R"({{"type": "inject", "on": "{}", "start": "{}us", "frames": ["{}"]}})", injection.on,
                                injection.at.count / 1000, hex));
  }
  return fmt::format("{{\n  \"format\": 1,\n  {},\n  \"traffic\": [{}],\n  \"events\": [{}]\n}}\n", network,
                     fmt::join(lines, ",\n    "), fmt::join(events, ",\n    "));
}

std::unique_ptr<ClusterPlan> PlanOf(const RandomScenario& scenario) {
  Diagnostics diagnostics;
  const auto read = scenario::LoadScenarioText(scenario.Text(), "random.json", {}, diagnostics);
  std::unique_ptr<ClusterPlan> plan;
  if (read)
    plan = CompilePlan(
        *read, [](const auto&, Diagnostics&) { return import::ImportedCluster{}; }, diagnostics);
  if (!plan) throw std::runtime_error(diagnostics.Format() + scenario.Text());
  return plan;
}

RandomScenario DrawScenario(Kind kind, uint64_t seed, const std::vector<Bytes>& samples) {
  RandomScenario scenario;
  Draw networkDraw(seed, "network"), eventDraw(seed, "events"), frameDraw(seed, "frames");
  if (kind == Kind::Cluster)
    DrawCluster(networkDraw, scenario);
  else
    DrawLab(networkDraw, scenario);
  const Surroundings around = Look(*PlanOf(scenario));

  Nanoseconds at = Microseconds(1);
  FrameMaker maker(frameDraw, around, samples);
  for (uint64_t n = frameDraw.Between(10, kMostFrames); n > 0; --n) {
    // most come in a burst, some when what the ones before have begun is over
    at = at + Microseconds(frameDraw.OneIn(10) ? static_cast<int64_t>(frameDraw.Below(4000000))
                                               : static_cast<int64_t>(frameDraw.Below(60)));
    const std::string& on = frameDraw.Of(around.devices).on;
    for (Bytes& frame : maker.Make()) scenario.injections.push_back({at, on, std::move(frame)});
  }
  const auto span = static_cast<uint64_t>(at.count / 1000);
  for (uint64_t n = eventDraw.Below(kMostEvents); n > 0; --n) {
    const Surroundings::Device& device = eventDraw.Of(around.devices);
    const uint64_t when = eventDraw.Below(span);
    scenario.events.push_back(kind == Kind::Cluster && eventDraw.OneIn(8)
                                  ? fmt::format(R"({{"at": "{}us", "fail": {{"node": "node1"}}, "for": "3ms"}})", when)
                                  : fmt::format(R"({{"at": "{}us", "on": "{}", "exec": "{}"}})", when, device.netns,
                                                DrawCommand(eventDraw, around, device)));
  }
  Draw controlDraw(seed, "control plane");
  if (kind == Kind::Cluster) DrawControlPlane(controlDraw, span, scenario);
  return scenario;
}

RandomScenario DrawForKernel(uint64_t seed, const std::vector<Bytes>& samples) {
  constexpr size_t kLongest = 1450 + 14;  // what a pod's device takes
  constexpr int kDraws = 60;
  constexpr Nanoseconds kApart = Milliseconds(40);
  RandomScenario scenario;
  scenario.network = R"("cluster": {"nodes": ["node1", "node2"], "cni": {"type": "flannel", "ipMasq": false},
    "pods": [{"name": "pod-a", "node": "node1"}, {"name": "pod-b", "node": "node2"}]},
  "capture": [{"on": "node*/eth0"}, {"on": "pod-*/eth0"}, {"on": "node*/flannel.1"}])";
  scenario.traffic.push_back(R"({"type": "ping", "from": "pod-a", "to": "pod-b", "count": 1})");
  const Surroundings around = Look(*PlanOf(scenario));
  Draw draw(seed, "frames");
  FrameMaker maker(draw, around, samples);
  Nanoseconds at = Milliseconds(600);
  for (int n = 0; n < kDraws; ++n, at = at + kApart) {
    const std::string on = draw.Of({"node1/eth0", "pod-a/eth0", "pod-b/eth0", "node2/eth0"});
    for (Bytes& frame : maker.Make())
      if (frame.size() <= kLongest) scenario.injections.push_back({at, on, std::move(frame)});
  }
  return scenario;
}

std::vector<Bytes> SampleFrames() {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(OVERLAYSIM_SOURCE_DIR "/tests/data/packets"))
    if (entry.path().extension() == ".hex") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Bytes> samples;
  for (const fs::path& path : files) {
    std::ifstream file(path);
    Bytes frame;
    for (std::string line, token; std::getline(file, line);) {
      if (line.empty() || line[0] == '#') continue;
      for (std::istringstream words(line); words >> token;) {
        uint8_t byte = 0;
        std::from_chars(token.data(), token.data() + token.size(), byte, 16);
        frame.push_back(byte);
      }
    }
    samples.push_back(std::move(frame));
  }
  return samples;
}

}  // namespace overlaysim::random
