#pragma once

#include <string>
#include <vector>

#include "sim/base/addresses.h"
#include "tests/random/draw.h"

namespace overlaysim::random {

using Bytes = std::vector<uint8_t>;

/// What a network has that frames can name.
struct Surroundings {
  struct Device {
    std::string on;  ///< "node1/eth0"
    std::string netns, name;
    MacAddress mac;
    bool isVxlan = false, isBridge = false;
  };
  std::vector<Device> devices;
  std::vector<Ipv4Address> addresses;
  std::vector<uint16_t> vxlanPorts;
  std::vector<uint32_t> vnis;
};

/// Ethernet frames for a network: right ones of every protocol that it speaks, and damaged ones.
class FrameMaker {
 public:
  /// `samples`: whole frames to vary.
  FrameMaker(Draw& draw, const Surroundings& surroundings, const std::vector<Bytes>& samples)
      : m_draw(draw), m_around(surroundings), m_samples(samples) {}

  /// One frame, or the fragments of a datagram, in any order and perhaps with gaps and overlaps.
  std::vector<Bytes> Make();

 private:
  Bytes Whole(int depth);
  Bytes Ipv4Packet(int depth);
  Bytes Transport(uint8_t protocol, Ipv4Address from, Ipv4Address to, int depth);
  Bytes Arp();
  Bytes Ipv6();
  Bytes Sample();
  Bytes Noise(size_t size);
  Bytes WithEthernet(uint16_t type, const Bytes& payload);
  std::vector<Bytes> Fragments(const Bytes& frame);
  void Damage(Bytes& frame);
  MacAddress Mac();
  Ipv4Address Address();

  Draw& m_draw;
  const Surroundings& m_around;
  const std::vector<Bytes>& m_samples;
};

}  // namespace overlaysim::random
