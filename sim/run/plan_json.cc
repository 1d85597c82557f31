#include "sim/run/plan_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

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
    case WorkloadKind::Inject:
      return "inject";
    case WorkloadKind::Command:
      return "command";
  }
  return "";
}

Json NamespaceJson(const ClusterPlan& plan, NetnsId id) {
  const NetnsInfo info = plan.Info(id);
  Json out{{"id", id.value}, {"name", info.name}, {"role", RoleName(info.role)}, {"kernel", info.kernel}};
  if (info.node) out["node"] = info.node.value;
  if (info.isShared) return out;
  const auto ns = plan.Materialise(id);
  Json devices = Json::array();
  for (const kernel::Link* link : ns->Links()) {
    Json device{
        {"ifindex", link->ifindex}, {"name", link->name}, {"mac", link->address.ToString()}, {"mtu", link->mtu}};
    if (link->master != 0) device["master"] = iproute2::DeviceName(*ns, link->master);
    Json addresses = Json::array();
    for (const kernel::Address& address : ns->Addresses())
      if (address.ifindex == link->ifindex)
        addresses.push_back(fmt::format("{}/{}", address.local.ToString(), address.prefixLength));
    if (!addresses.empty()) device["addresses"] = std::move(addresses);
    devices.push_back(std::move(device));
  }
  out["devices"] = std::move(devices);
  return out;
}

Json CableJson(const CablePlan& cable) {
  auto end = [](const CablePlan::End& e) { return Json{{"netns", e.netns.value}, {"ifindex", e.ifindex}}; };
  return {{"name", cable.name},
          {"a", end(cable.a)},
          {"b", end(cable.b)},
          {"bitsPerSecond", cable.rate.count},
          {"delayNs", cable.delay.count},
          {"queueBytes", cable.queueBytes},
          {"up", cable.up}};
}

Json WorkloadJson(const Workload& w) {
  Json out{{"id", w.id.value},
           {"name", w.name},
           {"kind", KindName(w.kind)},
           {"from", w.from.value},
           {"startNs", w.start.count}};
  if (w.to) out["to"] = w.to.value;
  if (w.isProbe) out["probe"] = true;
  if (w.kind == WorkloadKind::Command) {
    out["command"] = w.command;
    return out;
  }
  out["count"] = w.count;
  if (w.kind == WorkloadKind::Inject) return out;
  out["destination"] = w.destination.ToString();
  if (w.destinationPort != 0) out["destinationPort"] = w.destinationPort;
  if (w.kind == WorkloadKind::Tcp) {
    out["upBytes"] = w.up;
    out["downBytes"] = w.down;
  } else {
    out["payloadBytes"] = w.payload;
    out["intervalNs"] = w.interval.count;
  }
  return out;
}

/// Elements on lines of their own: such a file can be looked at, and compared line by line.
template <typename Each>
void AppendList(std::string& out, const char* key, size_t count, Each&& each) {
  out += fmt::format(",\n  \"{}\": [", key);
  for (size_t i = 0; i < count; ++i) out += (i == 0 ? "\n    " : ",\n    ") + each(i).dump();
  out += count == 0 ? "]" : "\n  ]";
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

std::string PlanToJson(const ClusterPlan& plan) {
  auto text = [](const std::string& s) { return Json(s).dump(); };
  std::string out =
      fmt::format("{{\n  \"name\": {},\n  \"description\": {},\n  \"understood\": {},\n  \"cni\": {},\n  \"seed\": {}",
                  text(plan.name), text(plan.description), text(plan.understood), text(plan.cniName), plan.seed);
  if (plan.duration.count > 0) out += fmt::format(",\n  \"durationNs\": {}", plan.duration.count);
  AppendList(out, "namespaces", plan.NetnsCount(), [&](size_t i) { return NamespaceJson(plan, NetnsId(i)); });
  AppendList(out, "cables", plan.cables.size(), [&](size_t i) { return CableJson(plan.cables[i]); });
  AppendList(out, "workloads", plan.workloads.size(), [&](size_t i) { return WorkloadJson(plan.workloads[i]); });
  AppendList(out, "events", plan.events.size(), [&](size_t i) {
    return Json{{"atNs", plan.events[i].at.count}, {"text", plan.events[i].text}};
  });
  AppendList(out, "captures", plan.captures.size(), [&](size_t i) {
    const CapturePoint& c = plan.captures[i];
    return Json{{"netns", c.netns.value}, {"device", c.device}, {"filter", c.filter}, {"snapBytes", c.snapLength}};
  });
  AppendList(out, "expectations", plan.expectations.size(), [&](size_t i) { return Json(plan.expectations[i].text); });
  return out + "\n}\n";
}

}  // namespace overlaysim
