#pragma once

#include "models/host/stack.h"
#include "models/traffic/flow.h"

namespace overlaysim::traffic {

/// arping(8)'s options.
struct ArpingSettings {
  Ipv4Address destination;
  Ipv4Address source;                  ///< in the request; zero for -D
  int ifindex = 0;                     ///< -I
  uint64_t count = 0;                  ///< -c; 0: until stopped
  std::optional<Nanoseconds> timeout;  ///< -w
  Nanoseconds interval = Seconds(1);   ///< -i
  bool quitOnReply = false;            ///< -f
  bool quiet = false;                  ///< -q
  bool broadcastOnly = false;          ///< -b
  bool duplicate = false;              ///< -D
  bool unsolicited = false;            ///< -U and -A
  bool advertise = false;              ///< -A: replies instead of requests
  uint32_t flow = UINT32_MAX;
};

/// arping(8) of iputils 20221126: what it sends, when it ends, and what it prints, to the letter.
class Arping : public Flow {
 public:
  Arping(host::Stack& stack, const ArpingSettings& settings) : m_stack(stack), m_settings(settings) {}
  ~Arping() override { Close(); }
  void Start() override;
  void Terminate() override;

 private:
  void Send();
  void Tick();
  void Received(const wire::Frame& frame);
  void End();
  void Close();

  host::Stack& m_stack;
  ArpingSettings m_settings;
  int m_socket = 0;
  MacAddress m_own, m_to = MacAddress::Broadcast();
  Nanoseconds m_lastSent, m_nextTick;
  uint64_t m_ticks = 1, m_sent = 0, m_sentBroadcast = 0;
  uint64_t m_received = 0, m_receivedBroadcast = 0, m_receivedRequests = 0;
};

/// What the tool prints of that many nanoseconds: half a millisecond too much.
std::string ArpingMilliseconds(Nanoseconds time);

}  // namespace overlaysim::traffic
