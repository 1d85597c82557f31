#include "gui/views/canvas/place_text.h"

#include <QCoreApplication>
#include <QStringList>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

using replay::Activity;
using replay::Role;

QString Tr(const char* text) { return QCoreApplication::translate("overlaysim::views::Canvas", text); }
QString Text(const std::string& text) { return QString::fromStdString(text); }

QString DeviceLine(const CanvasState& state, uint32_t netns, const replay::Device& device) {
  QStringList words{Text(device.name)};
  for (const std::string& address : device.addresses) words << Text(address);
  if (device.mtu > 0) words << Tr("mtu %1").arg(state.MtuOf(netns, device));
  if (device.vni) words << Tr("vni %1").arg(*device.vni);
  if (!device.master.empty()) words << Tr("master %1").arg(Text(device.master));
  return words.join(QStringLiteral("  "));
}

QString CableLine(const CanvasState& state, uint32_t cable, Activity::Direction direction) {
  const auto& topology = *state.Topology();
  const auto& c = topology.cables[cable];
  const bool isForward = direction == Activity::Direction::AToB;
  const replay::CableEnd &from = isForward ? c.a : c.b, &to = isForward ? c.b : c.a;
  const QString ends =
      Text(topology.netns[from.netns].name) + QStringLiteral(" → ") + Text(topology.netns[to.netns].name);
  const replay::LinkSample* sample = state.Sample(cable, direction);
  if (!sample) return Tr("%1: silent").arg(ends);
  QString line = Tr("%1: %2 %, %3 frames, %4")
                     .arg(ends, QString::number(state.facts->activity.Utilisation(cable, *sample) * 100, 'f', 1),
                          CountText(sample->frames), BytesText(sample->wireBytes));
  if (sample->drops > 0) line += Tr(", %1 dropped").arg(CountText(sample->drops));
  if (sample->maxQueueBytes > 0) line += Tr(", queue up to %1").arg(BytesText(sample->maxQueueBytes));
  return line;
}

}  // namespace

QString PlaceName(const replay::Topology& topology, const Place& place) {
  switch (place.kind) {
    case Place::Kind::None:
      return {};
    case Place::Kind::Cable:
      return place.cable < topology.cables.size() ? Text(topology.cables[place.cable].name) : QString();
    case Place::Kind::Netns:
      return place.netns < topology.netns.size() ? Text(topology.netns[place.netns].name) : QString();
    case Place::Kind::Device: {
      if (place.netns >= topology.netns.size()) return {};
      const auto& netns = topology.netns[place.netns];
      const replay::Device* device = netns.Find(place.ifindex);
      return Text(netns.name) + QLatin1Char('/') + (device ? Text(device->name) : QString::number(place.ifindex));
    }
  }
  return {};
}

QString PlaceToolTip(const CanvasState& state, const Place& place) {
  const auto& topology = *state.Topology();
  const QString name = PlaceName(topology, place);
  if (name.isEmpty()) return {};
  QStringList lines;
  if (place.kind == Place::Kind::Cable) {
    lines << name;
    const replay::CableSettings now = topology.SettingsAt(place.cable, state.timeNs);
    lines << Tr("%1, %2").arg(
        now.bitsPerSecond == 0 ? Tr("infinitely fast") : RateText(static_cast<double>(now.bitsPerSecond)),
        TimeText(now.delayNs));
    if (!state.IsCableUp(place.cable)) lines << Tr("down");
    for (const auto direction : {Activity::Direction::AToB, Activity::Direction::BToA})
      lines << CableLine(state, place.cable, direction);
  } else {
    const auto& netns = topology.netns[place.netns];
    lines << QStringLiteral("%1 · %2").arg(name,
                                           place.kind == Place::Kind::Device ? Tr("device") : RoleText(netns.role));
    if (place.kind == Place::Kind::Device) {
      if (const replay::Device* device = netns.Find(place.ifindex)) {
        lines << DeviceLine(state, place.netns, *device);
        if (!device->mac.empty()) lines << Text(device->mac);
      }
      const uint32_t cable = topology.CableAt({place.netns, place.ifindex});
      if (cable != layout::kNone) lines << Tr("cable %1").arg(Text(topology.cables[cable].name));
    } else {
      if (netns.isShared) lines << Tr("on the node's network (hostNetwork)");
      const size_t pods = topology.PodsOf(place.netns).size();
      if (netns.role == Role::Node) lines << (pods == 1 ? Tr("1 pod") : Tr("%1 pods").arg(pods));
      constexpr size_t kMostLabels = 8;
      for (size_t i = 0; i < netns.labels.size() && i < kMostLabels; ++i) {
        const replay::Label& label = topology.labels[netns.labels[i]];
        lines << Tr("label %1=%2").arg(Text(label.key), Text(label.value));
      }
      if (netns.labels.size() > kMostLabels) lines << Tr("and %1 labels more").arg(netns.labels.size() - kMostLabels);
      constexpr int kMostDevices = 6;
      int shown = 0;
      for (const replay::Device& device : netns.devices)
        if (device.name != "lo" && !device.addresses.empty() && shown++ < kMostDevices)
          lines << DeviceLine(state, place.netns, device);
    }
    if (state.facts)
      if (const uint32_t drops = state.facts->activity.DropsAt(place.netns, state.timeNs); drops > 0)
        lines << Tr("%1 dropped here in this span").arg(CountText(drops));
  }
  // Names come from files: shown as they are, not as markup.
  return QStringLiteral("<p style='white-space:pre'>") + lines.join(QLatin1Char('\n')).toHtmlEscaped() +
         QStringLiteral("</p>");
}

}  // namespace overlaysim::views
