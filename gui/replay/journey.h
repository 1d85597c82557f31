#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gui/replay/dissector.h"
#include "sim/trace/record.h"

namespace overlaysim::replay {

class Run;

/// One step of a packet's way: one record of the trace, with what a person wants to know of it.
struct Hop {
  TraceRecord record;
  uint64_t index = 0;     ///< of the record in the trace
  std::string place;      ///< "node1/flannel.1"
  std::string tableName;  ///< "route", "neigh", "fdb", "bridge fdb", "filter", ...; "" when no table was asked
  std::string line;       ///< the table's line that decided, in iproute2's words; ""
  std::string why;        ///< one sentence: what happened here and why
  std::string action;     ///< two or three words: "encapsulate", "ttl 64 → 63", "drop: TtlExpired"
  std::vector<uint8_t> before, after;  ///< header bytes (what the trace knows of them) before and after this step
  LinkLayer beforeLayer = LinkLayer::Ethernet, afterLayer = LinkLayer::Ethernet;
  uint32_t beforeBytes = 0, afterBytes = 0;  ///< of the whole packet
  uint32_t mtu = 0;                          ///< of the device, 0: it has none or is not known
  int64_t sinceStartNs = 0, sinceLastNs = 0;
  bool isKey = true;  ///< false: a step that a first reading may skip (nothing decided, nothing changed)
};

/// One packet from its maker to its end, or to those of all its copies and fragments, in the order of the trace.
struct Journey {
  uint64_t id = 0;
  uint64_t cause = 0;                  ///< the journey that made it be sent; 0
  std::vector<uint64_t> consequences;  ///< journeys that it made be sent (replies, ARP, ICMP errors), in order of time
  std::string title;                   ///< "ping request shop/cart → shop/redis, seq 1"
  std::string outcome;                 ///< "delivered after 17.6 us", "dropped at node1/eth0: TtlExpired"
  bool isDropped = false;
  std::vector<Hop> hops;
};

/// Reads the journey's records; empty hops and `error` when the trace does not have it.
Journey ReadJourney(Run& run, uint64_t journey, std::string& error);

}  // namespace overlaysim::replay
