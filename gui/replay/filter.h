#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gui/replay/dissector.h"
#include "gui/replay/packets_before.h"
#include "gui/replay/run.h"

namespace overlaysim::replay {

/// What a filter looks at: one row of a packet list.
struct FilterSubject {
  const Topology* plan = nullptr;
  const Dissection* packet = nullptr;   ///< null: its bytes are not known, or Filter::NeedsPacket() is false
  const TraceRecord* record = nullptr;  ///< null: a captured frame
  uint64_t number = 0;                  ///< of the row, from 1
  int64_t timeNs = 0;
  uint32_t bytes = 0;                ///< of the whole packet
  uint32_t netns = 0;                ///< where it was seen
  uint64_t journey = 0;              ///< 0: not known
  std::string_view place;            ///< "node1/eth0"
  std::string_view comment;          ///< of a captured frame
  std::span<const uint8_t> content;  ///< those of its bytes that are known; `packet` tells what they mean
  // Where Filter::NeedsOrder():
  int64_t sinceLastNs = 0;          ///< since the row before
  std::span<const TcpContext> tcp;  ///< of each TCP header that is not quoted
};

struct FilterError {
  size_t column = 0, length = 0;  ///< bytes of the filter's text, from 0, that the message is about
  std::string message;            ///< "there is no field \"ip.sorc\"; did you mean \"ip.src\"?"
};

/// Wireshark's display filters with its field names, and k8s.* and sim.*:
/// `ip.addr == 10.244.0.0/16 && vxlan.vni == 1 && !(sim.verdict in {Delivered, Consumed}) && sim.time >= 1.2s`.
///
/// == != < <= > >= (eq ne lt le gt ge) contains matches in; && ^^ || ! (and xor or not) and brackets; a name alone asks
/// whether it is there. `eth.src[0:3]` is a part of the bytes, `tcp.flags & 2` tests bits; len, count, upper and lower
/// are functions. A packet may have a field several times (outer and inner headers): `==` and the others hold when they
/// hold for one of them, `!=` when it is there and none is equal, as in Wireshark 4. `matches` takes a POSIX extended
/// regular expression and does not tell upper and lower case apart.
class Filter {
 public:
  /// An empty text lets everything through.
  static std::optional<Filter> Compile(std::string_view text, FilterError& error);
  bool Matches(const FilterSubject& subject) const;
  bool NeedsPacket() const { return m_needsPacket; }  ///< it asks for what only the bytes tell
  bool NeedsOrder() const { return m_needsOrder; }    ///< it asks for what only all rows before tell
  const std::string& Text() const { return m_text; }

 private:
  friend class FilterParser;
  struct Node;
  Filter() = default;

  std::string m_text;
  std::shared_ptr<const Node> m_root;  ///< null: everything
  bool m_needsPacket = false, m_needsOrder = false;
};

/// What may be typed at the cursor.
struct Completion {
  std::string text, meaning;
};
struct Completions {
  size_t begin = 0, length = 0;  ///< bytes of the text that a completion takes the place of
  std::vector<Completion> found;
};
/// Names of fields where one is being typed; values behind a field that has few (stages, verdicts, tables) or that the
/// plan knows (pods, nodes, places); at most `most`.
Completions CompleteFilter(std::string_view text, size_t cursor, const Topology* plan, size_t most = 50);

}  // namespace overlaysim::replay
