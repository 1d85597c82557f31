#include "sim/run/plan_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "sim/iproute2/show.h"

namespace overlaysim {
namespace {

using Json = nlohmann::ordered_json;

const char* KindName(WorkloadKind kind) {
  switch (kind) {
    case WorkloadKind::Ping:
      return "ping";
    case WorkloadKind::Udp:
      return "udp";
    case WorkloadKind::Tcp:
      return "tcp";
    case WorkloadKind::Rpc:
      return "rpc";
    case WorkloadKind::Inject:
      return "inject";
    case WorkloadKind::Command:
      return "command";
  }
  return "";
}

/// Writes JSON by hand: a plan of 150,000 pods is 50 MB of it.
class Writer {
 public:
  explicit Writer(OutputFile& file) : m_file(file) {}
  ~Writer() { m_file.Write(m_out); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  template <typename... Args>
  void Write(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(m_out), text, std::forward<Args>(args)...);
  }
  void WriteText(std::string_view text) {
    const auto isPlain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
    if (std::all_of(text.begin(), text.end(), isPlain))
      Write("\"{}\"", text);
    else
      m_out += Json(text).dump();
  }
  /// Elements on lines of their own: such a file can be looked at, and compared line by line.
  template <typename Each>
  void WriteList(const char* key, size_t count, Each&& each) {
    Write(",\n  \"{}\": [", key);
    for (size_t i = 0; i < count; ++i) {
      m_out += i == 0 ? "\n    " : ",\n    ";
      each(i);
      if (m_out.size() < kBlockBytes) continue;
      m_file.Write(m_out);
      m_out.clear();
    }
    m_out += count == 0 ? "]" : "\n  ]";
  }

 private:
  static constexpr size_t kBlockBytes = 1 << 16;

  OutputFile& m_file;
  std::string m_out;
};

void WriteLabels(Writer& out, const Labels& labels) {
  const char* separator = ",\"labels\":{";
  for (const auto& [key, value] : labels) {
    out.Write("{}", separator);
    out.WriteText(key);
    out.Write(":");
    out.WriteText(value);
    separator = ",";
  }
  out.Write("}}");
}

void WriteDevice(Writer& out, int ifindex, std::string_view name, MacAddress mac, uint32_t mtu) {
  out.Write("{{\"ifindex\":{},\"name\":", ifindex);
  out.WriteText(name);
  out.Write(",\"mac\":\"{}\",\"mtu\":{}", mac.ToString(), mtu);
}

/// Of a veth whose other end the file has already: one end says it for both.
void WritePeer(Writer& out, NetnsId netns, int ifindex) {
  out.Write(",\"peer\":{{\"netns\":{},\"ifindex\":{}}}", netns.value, ifindex);
}

/// What a reader cannot guess from the device's name.
void WriteKind(Writer& out, const kernel::Link& link) {
  const std::string_view kind = kernel::LinkKindName(link.kind);
  if (kind.empty() || link.kind == kernel::LinkKind::Veth) return;
  out.Write(",\"kind\":\"{}\"", kind);
  if (kernel::IsUdpTunnel(link.kind)) {
    if (!link.vxlan.external) out.Write(",\"vni\":{}", link.vxlan.vni);
    out.Write(",\"port\":{}", link.vxlan.dstPort);
  } else if (link.kind == kernel::LinkKind::Wireguard && link.wireguard.listenPort != 0) {
    out.Write(",\"port\":{}", link.wireguard.listenPort);
  }
}

/// The same as of the namespace that would be made, without making it.
void WriteLonePod(Writer& out, const LonePod& pod) {
  constexpr uint32_t kLoopbackMtu = 65536;
  WriteDevice(out, 1, "lo", {}, kLoopbackMtu);
  out.Write(",\"addresses\":[\"127.0.0.1/8\"]}},");
  WriteDevice(out, pod.ifindex, "eth0", pod.mac, pod.mtu);
  WritePeer(out, pod.peerNetns, pod.peerIfindex);
  out.Write(",\"addresses\":[\"{}/{}\"", pod.address.ToString(), pod.prefixLength);
  if (!pod.address6.IsZero()) out.Write(",\"{}/{}\"", pod.address6.ToString(), pod.prefixLength6);
  out.Write("]}}");
}

void WriteDevices(Writer& out, const kernel::Namespace& ns) {
  const char* separator = "";
  for (const kernel::Link* link : ns.Links()) {
    out.Write("{}", separator);
    separator = ",";
    WriteDevice(out, link->ifindex, link->name, link->address, link->mtu);
    WriteKind(out, *link);
    const bool hasPeer = link->peerIfindex != 0 && link->peerNetns;
    if (hasPeer && std::pair(link->peerNetns, link->peerIfindex) < std::pair(ns.Id(), link->ifindex))
      WritePeer(out, link->peerNetns, link->peerIfindex);
    if (link->master != 0) {
      out.Write(",\"master\":");
      out.WriteText(iproute2::DeviceName(ns, link->master));
    }
    std::string_view before = ",\"addresses\":[";
    for (const kernel::Address& address : ns.Addresses()) {
      if (address.ifindex != link->ifindex) continue;
      out.Write("{}\"{}/{}\"", before, address.local.ToString(), address.prefixLength);
      before = ",";
    }
    for (const kernel::Address6& address : ns.Ipv6().Addresses()) {
      if (address.ifindex != link->ifindex || address.local.IsLinkLocal() || address.local.IsLoopback()) continue;
      out.Write("{}\"{}/{}\"", before, address.local.ToString(), address.prefixLength);
      before = ",";
    }
    out.Write("{}}}", before == "," ? "]" : "");
  }
}

void WriteNamespace(Writer& out, const ClusterPlan& plan, NetnsId id) {
  const NetnsInfo info = plan.Info(id);
  out.Write("{{\"id\":{},\"name\":", id.value);
  out.WriteText(info.name);
  out.Write(",\"role\":\"{}\",\"kernel\":{}", RoleName(info.role), info.kernel);
  if (info.node) out.Write(",\"node\":{}", info.node.value);
  if (const Labels* labels = plan.FindLabels(id)) WriteLabels(out, *labels);
  if (!info.isShared) {
    out.Write(",\"devices\":[");
    if (const auto pod = plan.FindLonePod(id))
      WriteLonePod(out, *pod);
    else
      WriteDevices(out, *plan.Materialise(id));
    out.Write("]");
  }
  out.Write("}}");
}

void WriteCable(Writer& out, const CablePlan& cable) {
  auto end = [&](const char* key, const CablePlan::End& e) {
    out.Write(",\"{}\":{{\"netns\":{},\"ifindex\":{}}}", key, e.netns.value, e.ifindex);
  };
  out.Write("{{\"name\":");
  out.WriteText(cable.name);
  end("a", cable.a);
  end("b", cable.b);
  out.Write(",\"bitsPerSecond\":{},\"delayNs\":{},\"queueBytes\":{},\"up\":{}}}", cable.rate.count, cable.delay.count,
            cable.queueBytes, cable.up);
}

void WriteWorkload(Writer& out, const Workload& w) {
  out.Write("{{\"id\":{},\"name\":", w.id.value);
  out.WriteText(w.name);
  out.Write(",\"kind\":\"{}\",\"from\":{},\"startNs\":{}", KindName(w.kind), w.from.value, w.start.count);
  if (w.to) out.Write(",\"to\":{}", w.to.value);
  if (w.isProbe) out.Write(",\"probe\":true");
  if (w.kind == WorkloadKind::Command) {
    out.Write(",\"command\":");
    out.WriteText(w.command);
  } else {
    out.Write(",\"count\":{}", w.count);
    if (w.kind != WorkloadKind::Inject) {
      out.Write(",\"destination\":\"{}\"", w.destination.ToString());
      if (w.destinationPort != 0) out.Write(",\"destinationPort\":{}", w.destinationPort);
      if (w.kind == WorkloadKind::Tcp || w.kind == WorkloadKind::Rpc)
        out.Write(",\"upBytes\":{},\"downBytes\":{}", w.up, w.down);
      else
        out.Write(",\"payloadBytes\":{},\"intervalNs\":{}", w.payload, w.interval.count);
    }
  }
  out.Write("}}");
}

}  // namespace

const char* RoleName(NetnsRole role) {
  switch (role) {
    case NetnsRole::Node:
      return "node";
    case NetnsRole::Pod:
      return "pod";
    case NetnsRole::Leaf:
      return "leaf";
    case NetnsRole::Spine:
      return "spine";
    case NetnsRole::Router:
      return "router";
    case NetnsRole::External:
      return "external";
    case NetnsRole::Lab:
      return "lab";
  }
  return "";
}

void WritePlan(const ClusterPlan& plan, OutputFile& file) {
  Writer out(file);
  auto text = [](const std::string& s) { return Json(s).dump(); };
  out.Write("{{\n  \"name\": {},\n  \"description\": {},\n  \"understood\": {},\n  \"cni\": {},\n  \"seed\": {}",
            text(plan.name), text(plan.description), text(plan.understood), text(plan.cniName), plan.seed);
  if (plan.duration.count > 0) out.Write(",\n  \"durationNs\": {}", plan.duration.count);
  out.WriteList("namespaces", plan.NetnsCount(), [&](size_t i) { WriteNamespace(out, plan, NetnsId(i)); });
  out.WriteList("cables", plan.cables.size(), [&](size_t i) { WriteCable(out, plan.cables[i]); });
  out.WriteList("workloads", plan.workloads.size(), [&](size_t i) { WriteWorkload(out, plan.workloads[i]); });
  out.WriteList("events", plan.events.size(), [&](size_t i) {
    const TimedEvent& event = plan.events[i];
    out.Write("{{\"atNs\":{},\"text\":", event.at.count);
    out.WriteText(event.text);
    if (event.kind == TimedEvent::Kind::CableChange)
      out.Write(",\"cable\":{},\"bitsPerSecond\":{},\"delayNs\":{},\"queueBytes\":{}", event.cable.value,
                event.becomes.rate.count, event.becomes.delay.count, event.becomes.queueBytes);
    out.Write("}}");
  });
  out.WriteList("captures", plan.captures.size(), [&](size_t i) {
    const CapturePoint& c = plan.captures[i];
    out.Write("{{\"netns\":{},\"device\":", c.netns.value);
    out.WriteText(c.device);
    out.Write(",\"filter\":");
    out.WriteText(c.filter);
    out.Write(",\"snapBytes\":{}}}", c.snapLength);
  });
  out.WriteList("expectations", plan.expectations.size(), [&](size_t i) { out.WriteText(plan.expectations[i].text); });
  out.Write("\n}}\n");
}

}  // namespace overlaysim
