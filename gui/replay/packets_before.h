#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "gui/replay/dissector.h"

namespace overlaysim::replay {

/// What a TCP header means after all the packets before it.
struct TcpContext {
  uint32_t stream = 0;  ///< connections in the order in which their first packet was seen, from 0
  uint32_t window = 0;  ///< bytes; scaled as both ends have agreed, if both SYNs were seen
};

/// What a row's filter needs of the rows before it: fields that Wireshark computes over a whole capture.
class PacketsBefore {
 public:
  int64_t SinceLast(int64_t timeNs);  ///< 0 for the first
  /// One of each TCP header that an ICMP error does not quote, from the outermost; valid until the next call.
  std::span<const TcpContext> Tcp(const Dissection& packet);

 private:
  struct Connection {
    uint32_t stream = 0;
    std::string opener;                     ///< address and port of the end that is called 0
    std::optional<std::string> opening[2];  ///< sequence numbers of the SYNs
    std::optional<int> scale[2];            ///< shift of each end; -1: it offers none
  };
  uint32_t m_streams = 0;
  std::unordered_map<std::string, Connection> m_connections;  ///< by both ends
  std::vector<TcpContext> m_context;
  std::optional<int64_t> m_lastNs;
};

}  // namespace overlaysim::replay
