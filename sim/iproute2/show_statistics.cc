// Counters: of a link (`ip -s link`) and of a namespace (`nstat`).

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {
namespace {

/// print_stats64(): columns as wide as the widest of their heading and of both directions' numbers.
void PrintText(Output& out, const kernel::LinkStats& s, bool errors) {
  using Row = std::array<uint64_t, 6>;
  const Row rx{s.rxBytes, s.rxPackets, s.rxErrors, s.rxDropped, s.rxMissed, s.multicast};
  const Row tx{s.txBytes, s.txPackets, s.txErrors, s.txDropped, s.txCarrierErrors, s.collisions};
  const Row rxErrors{0, s.rxLengthErrors, s.rxCrcErrors, s.rxFrameErrors, s.rxFifoErrors, s.rxOverErrors};
  const Row txErrors{0, s.txAbortedErrors, s.txFifoErrors, s.txWindowErrors, s.txHeartbeatErrors, s.carrierChanges};
  std::array<size_t, 6> width{10, 7, 6, 7, 7, 7};
  const size_t lastWidth = 10;  // "compressed", of which there is nothing to show
  for (const Row* row : {&rx, &tx, &rxErrors, &txErrors}) {
    if (!errors && (row == &rxErrors || row == &txErrors)) continue;
    for (size_t i = 0; i < width.size(); ++i) width[i] = std::max(width[i], fmt::to_string((*row)[i]).size());
  }
  auto block = [&](const char* direction, const std::array<const char*, 6>& names, const Row& row,
                   const std::array<const char*, 5>& errorNames, const Row& errorRow) {
    std::string text = fmt::format("\n    {}: {:>{}}", direction, names[0], width[0] - 4);
    for (size_t i = 1; i < names.size(); ++i) text += fmt::format(" {:>{}}", names[i], width[i]);
    text += std::string(lastWidth + 1, ' ') + "\n    ";
    for (size_t i = 0; i < row.size(); ++i) text += fmt::format("{:>{}} ", row[i], width[i]);
    if (errors) {
      text += fmt::format("\n    {} errors:{}", direction, std::string(width[0] - 10, ' '));
      for (size_t i = 0; i < errorNames.size(); ++i) text += fmt::format(" {:>{}}", errorNames[i], width[i + 1]);
      text += "\n    " + std::string(width[0] + 1, ' ');
      for (size_t i = 1; i < errorRow.size(); ++i) text += fmt::format("{:>{}} ", errorRow[i], width[i]);
    }
    out.Text(text);
  };
  block("RX", {"bytes", "packets", "errors", "dropped", "missed", "mcast"}, rx,
        {"length", "crc", "frame", "fifo", "overrun"}, rxErrors);
  block("TX", {"bytes", "packets", "errors", "dropped", "carrier", "collsns"}, tx,
        {"aborted", "fifo", "window", "heartbt", "transns"}, txErrors);
}

void PrintJson(Output& out, const kernel::LinkStats& s, bool errors) {
  auto number = [&](const char* key, uint64_t value) { out.Number(key, nullptr, static_cast<int64_t>(value)); };
  out.OpenObject("stats64");
  out.OpenObject("rx");
  number("bytes", s.rxBytes);
  number("packets", s.rxPackets);
  number("errors", s.rxErrors);
  number("dropped", s.rxDropped);
  number("over_errors", s.rxOverErrors);
  number("multicast", s.multicast);
  if (errors) {
    number("length_errors", s.rxLengthErrors);
    number("crc_errors", s.rxCrcErrors);
    number("frame_errors", s.rxFrameErrors);
    number("fifo_errors", s.rxFifoErrors);
    number("missed_errors", s.rxMissed);
    if (s.rxOtherhost != 0) number("otherhost", s.rxOtherhost);
  }
  out.CloseObject();
  out.OpenObject("tx");
  number("bytes", s.txBytes);
  number("packets", s.txPackets);
  number("errors", s.txErrors);
  number("dropped", s.txDropped);
  number("carrier_errors", s.txCarrierErrors);
  number("collisions", s.collisions);
  if (errors) {
    number("aborted_errors", s.txAbortedErrors);
    number("fifo_errors", s.txFifoErrors);
    number("window_errors", s.txWindowErrors);
    number("heartbeat_errors", s.txHeartbeatErrors);
    number("carrier_changes", s.carrierChanges);
  }
  out.CloseObject();
  out.CloseObject();
}

}  // namespace

void PrintLinkStatistics(Output& out, const kernel::LinkStats& stats, bool errors) {
  if (out.IsJson())
    PrintJson(out, stats, errors);
  else
    PrintText(out, stats, errors);
}

std::string CountersShow(const kernel::Namespace& ns, bool zeros, Format format) {
  Output out(format);
  out.Text("#kernel\n");
  out.OpenObject();
  out.OpenObject("kernel");
  for (size_t i = 0; i < static_cast<size_t>(kernel::kFirstXfrmCounter); ++i) {
    const auto counter = static_cast<kernel::Snmp>(i);
    const uint64_t value = ns.snmp.Get(counter);
    if (value == 0 && !zeros) continue;
    const char* name = kernel::SnmpName(counter);
    out.Number(name, fmt::format("{:<32}{{:<16}}   0.0\n", name).c_str(), static_cast<int64_t>(value));
  }
  out.CloseObject();
  out.CloseObject();
  return out.Take();
}

}  // namespace overlaysim::iproute2
