#include "gui/views/journey/journey_text.h"

#include <QCoreApplication>
#include <algorithm>

#include "gui/views/format.h"
#include "gui/views/journey/header_bricks.h"
#include "models/linux/table_change.h"

namespace overlaysim::views {
namespace {

QString Tr(const char* text) { return QCoreApplication::translate("JourneyText", text); }

QString ToQString(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

}  // namespace

QString CommandOf(kernel::Table table) {
  using kernel::Table;
  switch (table) {
    case Table::Link:
      return QStringLiteral("ip -d link");
    case Table::Address:
      return QStringLiteral("ip address");
    case Table::Route:
      return QStringLiteral("ip route show table all");
    case Table::Neighbour:
      return QStringLiteral("ip neigh");
    case Table::BridgeFdb:
      return QStringLiteral("bridge fdb");
    case Table::VxlanFdb:
      return QStringLiteral("bridge fdb");
    case Table::Filter:
      return QStringLiteral("iptables-save; nft list ruleset");
    case Table::Rule:
      return QStringLiteral("ip rule");
    case Table::Sysctl:
      return QStringLiteral("sysctl -a");
    case Table::Address6:
      return QStringLiteral("ip -6 address");
    case Table::Route6:
      return QStringLiteral("ip -6 route show table all");
    case Table::Neighbour6:
      return QStringLiteral("ip -6 neigh");
    case Table::Rule6:
      return QStringLiteral("ip -6 rule");
    case Table::TunnelPeer:
      return QStringLiteral("wg show, ip xfrm");
  }
  return {};
}

TableContext ContextOf(replay::Run& run, const replay::Hop& hop) {
  TableContext context;
  if (hop.record.row == 0) return context;
  const TableHistory* tables = run.Tables();
  if (!tables) return context;
  const QString line = ToQString(hop.line);
  for (const TableRow& row : tables->RowsAt(hop.record.netns, hop.record.table, hop.record.timeNs)) {
    if (row.row == hop.record.row) {
      context.match = static_cast<int>(context.lines.size());
      context.lines << (line.isEmpty() ? ToQString(row.text) : line);
    } else {
      context.lines << ToQString(row.text);
    }
  }
  // The line decided, and something took it away in the same instant.
  if (context.match < 0 && !line.isEmpty()) {
    context.match = 0;
    context.lines.prepend(line);
  }
  if (context.lines.isEmpty()) return context;
  context.prompt = ToQString(run.PlaceName(hop.record.netns, 0)) + QStringLiteral("# ") + CommandOf(hop.record.table);
  return context;
}

TableContext Surroundings(const TableContext& whole, int around, int& skippedBefore, int& skippedAfter) {
  const int count = static_cast<int>(whole.lines.size());
  const int centre = std::max(0, whole.match);
  const int from = std::max(0, std::min(centre - around, count - 2 * around - 1));
  const int to = std::min(count, std::max(centre + around + 1, 2 * around + 1));
  skippedBefore = from;
  skippedAfter = count - to;
  TableContext part;
  part.prompt = whole.prompt;
  part.lines = whole.lines.mid(from, to - from);
  part.match = whole.match < 0 ? -1 : whole.match - from;
  return part;
}

QString DeviceText(const replay::Run& run, const replay::Hop& hop) {
  const replay::Topology& plan = run.Plan();
  if (hop.record.netns >= plan.netns.size()) return {};
  const replay::Netns& netns = plan.netns[hop.record.netns];
  const QString role = RoleText(netns.role);
  QString text = ToQString(netns.name);
  if (!role.isEmpty() && role != text) text += QStringLiteral(" (%1)").arg(role);
  if (const uint32_t host = plan.HostOf(hop.record.netns); host != hop.record.netns && host < plan.netns.size())
    text += Tr(" on %1").arg(ToQString(plan.netns[host].name));
  if (const replay::Device* device = netns.Find(hop.record.ifindex)) {
    text += QStringLiteral(" · ") + ToQString(device->name) + Tr(", MTU %1").arg(hop.mtu);
    if (!device->mac.empty() && device->name != "lo") text += QStringLiteral(", ") + ToQString(device->mac);
    for (const std::string& address : device->addresses) text += QStringLiteral(", ") + ToQString(address);
    if (!device->master.empty()) text += Tr(", port of %1").arg(ToQString(device->master));
  }
  return text;
}

QString TextOf(replay::Run& run, const replay::Hop& hop, int number, int count) {
  QString text =
      QStringLiteral("%1/%2  %3  %4\n").arg(number).arg(count).arg(ToQString(hop.place), ToQString(hop.action));
  text += Tr("    at %1, %2 since the start, %3 since the last step\n")
              .arg(ExactTimeText(hop.record.timeNs), TimeText(hop.sinceStartNs), TimeText(hop.sinceLastNs));
  if (!hop.why.empty()) text += QStringLiteral("    ") + ToQString(hop.why) + QLatin1Char('\n');
  if (!hop.line.empty()) text += QStringLiteral("    %1: %2\n").arg(ToQString(hop.tableName), ToQString(hop.line));
  for (const QString& line : TextOf(PictureOf(hop, run.VxlanPorts())).split(QLatin1Char('\n')))
    text += QStringLiteral("    ") + line + QLatin1Char('\n');
  return text;
}

QString TextOf(replay::Run& run, const replay::Journey& journey, bool everyStep) {
  QString text = ToQString(journey.title) + QLatin1Char('\n') + ToQString(journey.outcome) + QStringLiteral("\n\n");
  const int count = static_cast<int>(journey.hops.size());
  for (int i = 0; i < count; ++i)
    if (const replay::Hop& hop = journey.hops[static_cast<size_t>(i)]; everyStep || hop.isKey)
      text += TextOf(run, hop, i + 1, count);
  return text;
}

QString RelationText(const replay::Journey& cause, const replay::Journey& consequence, bool fromCause) {
  const auto isCalled = [&](const char* word) { return consequence.title.find(word) != std::string::npos; };
  const bool isError = isCalled("ICMP") || cause.isDropped;
  const bool isQuestion = isCalled("ARP") || isCalled("Neighbor Solicitation");
  if (fromCause)
    return isQuestion ? Tr("This asks on behalf of")
           : isError  ? Tr("This reports what happened to")
                      : Tr("This is the answer to");
  return isQuestion ? Tr("It had to ask first:") : isError ? Tr("It was reported by") : Tr("It was answered by");
}

}  // namespace overlaysim::views
