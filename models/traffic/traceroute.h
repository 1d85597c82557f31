#pragma once

#include <memory>

#include "models/traffic/flow.h"
#include "models/traffic/udp_socket.h"

namespace overlaysim::traffic {

/// traceroute(8)'s options.
struct TracerouteSettings {
  static constexpr uint32_t kPayloadBytes = 40;  ///< behind the IP header, unless said otherwise
  enum class Method : uint8_t {
    Default,  ///< UDP to a port that goes up with each probe
    Udp,      ///< -U: UDP to one port
    Icmp      ///< -I: echo requests
  } method = Method::Default;
  std::string destinationText;
  IpAddress destination;
  IpAddress source;                 ///< -s; none: by routing
  int oif = 0;                      ///< -i
  uint32_t firstHop = 1;            ///< -f
  uint32_t maxHops = 30;            ///< -m
  uint32_t probesPerHop = 3;        ///< -q
  uint32_t simultaneous = 16;       ///< -N
  Nanoseconds wait = Seconds(5);    ///< -w MAX,HERE,NEAR: at most so long, and not longer than the multiples
  int64_t hereThousandths = 3000;   ///< of the round trip of an answer from the same hop; 0: not looked at
  int64_t nearThousandths = 10000;  ///< of that of a later hop
  Nanoseconds sendWait;             ///< -z: between probes
  std::optional<uint16_t> port;     ///< -p: first port, or first sequence number of -I
  uint32_t packetBytes = wire::kIpv4HeaderBytes + kPayloadBytes;  ///< with all headers
  uint8_t tos = 0;                                                ///< -t
  bool numeric = false;                                           ///< -n
  bool dontFragment = false;                                      ///< -F
  uint16_t icmpId = 0;
  uint32_t flow = UINT32_MAX;
};

/// traceroute(8) of Debian 12 (2.1.2): what it sends, when it ends, and what it prints, to the letter.
class Traceroute : public Flow {
 public:
  Traceroute(host::Stack& stack, const TracerouteSettings& settings);
  ~Traceroute() override { Close(); }
  void Start() override;
  void Terminate() override;

 private:
  struct Probe {
    std::optional<Nanoseconds> sent, received;
    std::optional<IpAddress> from;
    uint8_t ttl = 0;  ///< of the answer
    bool isDone = false, isFinal = false;
    std::string error;  ///< "!H", as printed
    uint16_t sequence = 0;
    std::unique_ptr<UdpSocket> socket;
  };
  void Run();
  size_t SendProbes();
  bool SendProbe(size_t index);  ///< false: nothing more can be done
  int SendUdp(size_t index, const host::SendRequest& request);
  int SendIcmp(size_t index, const host::SendRequest& request);
  Nanoseconds Timeout(size_t index) const;
  void CheckExpired(size_t index);
  bool BelongsHere(size_t index, size_t final, bool isHopFinal) const;
  void Print(size_t index);
  void Report(size_t index, const IcmpReport& report);
  void Answered(size_t index, const IpAddress& from, uint8_t ttl);
  void ReceivedIcmp(const host::Received& message);
  std::optional<size_t> FindSequence(uint16_t sequence) const;
  void Wake(Nanoseconds delay);
  void Fail(const std::string& call, int error);
  void Close();
  bool IsV6() const { return m_settings.destination.IsV6(); }
  uint32_t IpHeaderBytes() const { return IsV6() ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes; }
  std::string NameOf(const IpAddress& address) const;

  host::Stack& m_stack;
  TracerouteSettings m_settings;
  std::vector<Probe> m_probes;
  size_t m_begin, m_end;  ///< what is not printed yet
  std::optional<Nanoseconds> m_lastSent;
  uint16_t m_nextSequence;
  int m_icmp = 0;
  uint64_t m_generation = 0;
};

}  // namespace overlaysim::traffic
