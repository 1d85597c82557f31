#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace overlaysim::test {

/// What tshark says of a capture file, with VXLAN decoded on UDP 8472 and all checksums held against the bytes.
struct TsharkReport {
  struct Packet {
    std::string interface;  ///< pcapng's if_name
    std::string time;       ///< seconds since the epoch with nine digits
    std::string protocols;  ///< "eth:ethertype:ip:udp:vxlan:eth:..."
    std::string comment;
    bool malformed = false;
    bool badChecksum = false;  ///< of any IPv4, UDP, TCP or ICMP header in it
  };
  std::vector<Packet> packets;
  std::string messages;  ///< tshark's standard error: the file's own faults
  int exitCode = 0;

  size_t Malformed() const;
  size_t BadChecksums() const;
};

bool HasTshark();
/// A test calls this only where HasTshark() holds.
TsharkReport RunTshark(const std::filesystem::path& capture);

}  // namespace overlaysim::test
