#include "gui/app/place_menu.h"

#include <QCoreApplication>

namespace overlaysim::app {
namespace {

using document::EventWish;
using replay::Role;

QString Tr(const char* text) { return QCoreApplication::translate("PlaceMenu", text); }

constexpr uint16_t kFlannelPort = 8472;

void AddCableEvents(const replay::Topology& plan, const replay::Cable& cable, int64_t atNs,
                    std::vector<PlaceEvent>& out) {
  const std::string &a = plan.netns[cable.a.netns].name, &b = plan.netns[cable.b.netns].name;
  const QString name = QStringLiteral("%1 – %2").arg(QString::fromStdString(a), QString::fromStdString(b));
  const auto add = [&](const char* words, const char* question, EventWish::Kind kind, std::string value) {
    out.push_back({Tr(words).arg(name),
                   *question ? Tr(question) : QString(),
                   {.atNs = atNs, .kind = kind, .a = a, .b = b, .value = std::move(value)}});
  };
  add("Break the cable %1", "", EventWish::Kind::FailLink, "");
  add("Slow the cable %1 down", "New &rate", EventWish::Kind::SlowLink, "100Mbps");
  add("Delay the cable %1", "New &delay", EventWish::Kind::DelayLink, "10ms");
  add("Change the MTU of %1", "New &MTU", EventWish::Kind::SetMtu, "1400");
}

const replay::Device* FirstTunnel(const replay::Netns& netns) {
  for (const replay::Device& device : netns.devices)
    if (device.name.rfind("flannel", 0) == 0 || device.name.rfind("vxlan", 0) == 0) return &device;
  return nullptr;
}

}  // namespace

std::vector<PlaceEvent> EventsFor(const replay::Topology& plan, const views::Place& place, int64_t atNs) {
  std::vector<PlaceEvent> out;
  if (place.kind == views::Place::Kind::Cable && place.cable < plan.cables.size()) {
    AddCableEvents(plan, plan.cables[place.cable], atNs, out);
    return out;
  }
  if (place.kind == views::Place::Kind::None || place.netns >= plan.netns.size()) return out;
  const replay::Netns& netns = plan.netns[place.netns];
  const QString name = QString::fromStdString(netns.name);
  if (place.kind == views::Place::Kind::Device) {
    const uint32_t cable = plan.CableAt({place.netns, place.ifindex});
    if (cable != replay::Topology::kNone) AddCableEvents(plan, plan.cables[cable], atNs, out);
    if (const replay::Device* device = netns.Find(place.ifindex)) {
      const QString on = QStringLiteral("%1/%2").arg(name, QString::fromStdString(device->name));
      const auto exec = [&](const char* words, const std::string& command) {
        out.push_back({Tr(words).arg(on),
                       Tr("&Command"),
                       {.atNs = atNs, .kind = EventWish::Kind::Exec, .a = netns.name, .value = command}});
      };
      exec("Take %1 down", "ip link set dev " + device->name + " down");
      if (cable == replay::Topology::kNone)
        exec("Change the MTU of %1", "ip link set dev " + device->name + " mtu " + std::to_string(device->mtu));
    }
    return out;
  }
  const bool hasCables = !plan.CablesOf(place.netns).empty();
  if (hasCables) {
    const auto add = [&](const char* words, const char* question, EventWish::Kind kind, const char* value) {
      out.push_back({Tr(words).arg(name),
                     *question ? Tr(question) : QString(),
                     {.atNs = atNs, .kind = kind, .a = netns.name, .value = value}});
    };
    add("Fail %1: break all its cables", "", EventWish::Kind::FailNode, "");
    add("Slow all cables of %1 down", "New &rate", EventWish::Kind::SlowLink, "100Mbps");
    add("Change the MTU of all cables of %1", "New &MTU", EventWish::Kind::SetMtu, "1400");
  }
  if (netns.role == Role::Node || netns.role == Role::Pod || netns.role == Role::Lab) {
    const bool isPod = netns.role == Role::Pod;
    out.push_back({Tr("Block a port on %1").arg(name),
                   Tr("&Command"),
                   {.atNs = atNs,
                    .kind = EventWish::Kind::Exec,
                    .a = netns.name,
                    .value = isPod ? document::BlockPortCommand("INPUT", "tcp", 80)
                                   : document::BlockPortCommand("INPUT", "udp", kFlannelPort)}});
    const replay::Device* tunnel = FirstTunnel(netns);
    const std::string command = tunnel ? "ip neigh flush dev " + tunnel->name : std::string("ip neigh flush dev eth0");
    out.push_back({Tr("Type a command on %1").arg(name),
                   Tr("&Command"),
                   {.atNs = atNs, .kind = EventWish::Kind::Exec, .a = netns.name, .value = command}});
  }
  return out;
}

std::vector<PlaceEdit> EditsFor(const replay::Topology& plan, const views::Place& place) {
  std::vector<PlaceEdit> out;
  out.push_back({PlaceEdit::Kind::AddNode, Tr("Add a node…"), ""});
  if (place.kind == views::Place::Kind::Cable && place.cable < plan.cables.size()) {
    const replay::Cable& cable = plan.cables[place.cable];
    out.push_back({PlaceEdit::Kind::RemoveLink, Tr("Remove the cable %1").arg(QString::fromStdString(cable.name)),
                   plan.netns[cable.a.netns].name, plan.netns[cable.b.netns].name});
    return out;
  }
  if (place.kind == views::Place::Kind::Cable || place.kind == views::Place::Kind::None ||
      place.netns >= plan.netns.size())
    return out;
  const replay::Netns& netns = plan.netns[place.netns];
  const QString name = QString::fromStdString(netns.name);
  if (netns.role == Role::Node) {
    out.push_back({PlaceEdit::Kind::AddPod, Tr("Add a pod on %1…").arg(name), netns.name});
    out.push_back({PlaceEdit::Kind::Connect, Tr("Connect %1 with a cable…").arg(name), netns.name});
    out.push_back({PlaceEdit::Kind::Remove, Tr("Remove the node %1").arg(name), netns.name});
  } else if (netns.role == Role::Pod) {
    using document::TrafficKind;
    for (const auto& [kind, words] : {std::pair(TrafficKind::Ping, QT_TRANSLATE_NOOP("PlaceMenu", "&Ping to…")),
                                      {TrafficKind::Udp, QT_TRANSLATE_NOOP("PlaceMenu", "&UDP datagrams to…")},
                                      {TrafficKind::Tcp, QT_TRANSLATE_NOOP("PlaceMenu", "&TCP connection to…")},
                                      {TrafficKind::Rpc, QT_TRANSLATE_NOOP("PlaceMenu", "&Requests and replies to…")},
                                      {TrafficKind::Bulk, QT_TRANSLATE_NOOP("PlaceMenu", "&Bulk transfer to…")}})
      out.push_back(
          {PlaceEdit::Kind::AddTraffic, Tr(words), netns.name, {}, Tr("Add traffic from %1").arg(name), kind});
    out.push_back({PlaceEdit::Kind::Remove, Tr("Remove the pod %1").arg(name), netns.name});
    constexpr size_t kMostTraffic = 8;
    size_t listed = 0;
    for (const replay::Workload& workload : plan.workloads) {
      if (workload.from != netns.id || !workload.to || listed == kMostTraffic) continue;
      ++listed;
      const std::string& to = plan.netns[*workload.to].name;
      out.push_back({PlaceEdit::Kind::RemoveTraffic,
                     Tr("Remove the traffic from %1 to %2").arg(name, QString::fromStdString(to)), netns.name, to});
    }
  }
  return out;
}

}  // namespace overlaysim::app
