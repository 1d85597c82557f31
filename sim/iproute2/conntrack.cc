// The program `conntrack` of conntrack-tools 1.4.7: -L, -C, -S and -F.

#include <fmt/format.h>

#include "sim/iproute2/iptables.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {
namespace {

constexpr const char* kVersion = "conntrack v1.4.7 (conntrack-tools): ";
constexpr uint8_t kIcmp = 1, kIcmpv6 = 58, kTcp = 6, kUdp = 17;

std::string TupleText(const kernel::Tuple& t) {
  std::string out = fmt::format("src={} dst={} ", t.source.ToString(), t.destination.ToString());
  if (t.protocol == kIcmp || t.protocol == kIcmpv6)
    return out + fmt::format("type={} code={} id={} ", t.destinationPort >> 8, t.destinationPort & 0xff, t.sourcePort);
  if (t.protocol == kTcp || t.protocol == kUdp || t.protocol == 132)
    return out + fmt::format("sport={} dport={} ", t.sourcePort, t.destinationPort);
  return out;
}

std::string Line(const kernel::Connection& c, Nanoseconds now) {
  const uint8_t protocol = c.original.protocol;
  const std::string name = IpProtocolName(protocol);
  std::string out = fmt::format("{:<8} {} {} ", name == fmt::to_string(protocol) ? "unknown" : name, protocol,
                                (c.expires - now).count / Seconds(1).count);
  if (protocol == kTcp) out += std::string(kernel::TcpTrackName(c.tcp)) + " ";
  out += TupleText(c.original);
  if (!c.seenReply) out += "[UNREPLIED] ";
  out += TupleText(c.reply);
  if (c.assured) out += "[ASSURED] ";
  return out + "mark=0 use=1\n";
}

}  // namespace

void RunConntrack(Session& session, Words& words) {
  if (words.Done()) throw Failure{2, fmt::format("{}You need to supply parameters to this program\n", kVersion)};
  const std::string command = words.Next();
  if (!words.Done()) NotSupported(fmt::format("\"conntrack {} {}\"", command, words.Peek()));
  kernel::Conntrack& table = session.Ns().conntrack;
  if (command == "-L" || command == "--dump") {
    const auto all = table.All(session.now);
    for (const kernel::Connection* connection : all) session.result.out += Line(*connection, session.now);
    session.result.err += fmt::format("{}{} flow entries have been shown.\n", kVersion, all.size());
  } else if (command == "-C" || command == "--count") {
    session.result.out += fmt::format("{}\n", table.Count());
  } else if (command == "-F" || command == "--flush") {
    table.FlushAll();
    session.result.err += fmt::format("{}connection tracking table has been emptied.\n", kVersion);
  } else if (command == "-S" || command == "--stats") {
    const kernel::ConntrackStatistics& s = table.statistics;
    session.result.out += fmt::format(
        "cpu=0   \tfound={} invalid={} insert={} insert_failed={} drop={} early_drop={} error={} search_restart={} "
        "clash_resolve={} chaintoolong=0 \n",
        s.found, s.invalid, s.insert, s.insertFailed, s.drop, s.earlyDrop, s.error, s.searchRestart, s.clashResolve);
  } else {
    NotSupported(fmt::format("\"conntrack {}\"", command));
  }
}

}  // namespace overlaysim::iproute2
