#pragma once

#include <map>

#include "models/traffic/flow.h"
#include "models/traffic/icmp_report.h"

namespace overlaysim::traffic {

/// ping(8)'s options, and what a probe of ours needs.
struct PingSettings {
  std::string destinationText;  ///< as typed: "10.244.2.2" or a name
  IpAddress destination;
  IpAddress source;    ///< -I ADDRESS; none: by routing
  std::string device;  ///< -I DEVICE, and its ifindex
  int oif = 0;
  uint64_t count = 0;                   ///< -c; 0: until stopped
  Nanoseconds interval = Seconds(1);    ///< -i
  std::optional<Nanoseconds> linger;    ///< -W; left out: twice the longest round trip, or 10 s without any
  std::optional<Nanoseconds> deadline;  ///< -w
  uint32_t payload = 56;                ///< -s
  uint8_t ttl = 0;                      ///< -t; 0: default
  uint8_t tos = 0;                      ///< -Q
  host::SendRequest::Pmtu pmtu = host::SendRequest::Pmtu::Want;  ///< -M do|want|dont
  bool quiet = false;                                            ///< -q
  bool reportOutstanding = false;                                ///< -O
  bool printTime = false;                                        ///< -D
  bool allowBroadcast = true;                                    ///< -b; a raw socket of other programs does not ask
  bool warnOfBroadcast = false;
  bool recordRoute = false;      ///< -R, over IPv4
  std::vector<uint8_t> pattern;  ///< -p; empty: bytes that count
  uint16_t id = 0;
  uint16_t firstSequence = 1;
  bool autoFlowLabel = true;  ///< IPV6_AUTOFLOWLABEL; ping -F 0 sets it off
  bool ownPayload = true;     ///< ping's: a time stamp, then counting bytes; false: bytes that count from 0
  uint32_t flow = UINT32_MAX;
};

/// ping(8) of iputils 20221126: what it sends, when it ends, and what it prints, to the letter.
class Ping : public Flow {
 public:
  struct Answer {
    uint16_t sequence;
    IpAddress from;
    uint8_t ttl;
    uint32_t payload;  ///< bytes
    bool intact;       ///< the payload came back as it was sent
    Nanoseconds rtt;
  };
  struct IcmpError {
    uint16_t sequence;
    IpAddress from;
    uint8_t ttl, type, code;
    uint32_t info;  ///< next-hop MTU of "fragmentation needed" and "packet too big"
  };

  Ping(host::Stack& stack, const PingSettings& settings);
  ~Ping() override;
  void Start() override;
  void Terminate() override;

  const std::optional<Answer>& FirstAnswer() const { return m_firstAnswer; }
  const std::optional<IcmpError>& FirstError() const { return m_firstError; }

 private:
  struct Sent {
    Nanoseconds at;
    bool answered = false;
  };
  void Pinger();  ///< sends the next one, or sets the time of the end
  void Wake();
  void Received(const host::Received& message);
  void ReceivedError(const IcmpReport& report);
  bool EnoughAnswers() const;
  void End();
  void ArmWake(Nanoseconds delay);
  std::string TimePrefix() const;
  std::vector<uint8_t> Payload(Nanoseconds now) const;
  std::string RecordedRoute(const wire::Ipv4& ip);

  host::Stack& m_stack;
  PingSettings m_settings;
  int m_socket = 0;
  uint64_t m_sent = 0, m_received = 0, m_duplicates = 0, m_errors = 0;
  bool m_exitArmed = false;
  uint32_t m_wakeGeneration = 0;
  Nanoseconds m_start, m_last;
  int64_t m_minUs = INT64_MAX, m_maxUs = 0, m_sumUs = 0;
  __extension__ using Wide = __int128;
  Wide m_sumSquares = 0;  ///< of microseconds
  std::map<uint16_t, Sent> m_outstanding;
  std::optional<Answer> m_firstAnswer;
  std::optional<IcmpError> m_firstError;
  std::vector<uint8_t> m_options;    ///< of the IPv4 header
  std::vector<uint8_t> m_lastRoute;  ///< that an answer has brought (-R)
};

/// What ping says of an ICMP error ("Destination Host Unreachable"), without the line's end.
std::string DescribeIcmpError(uint8_t type, uint8_t code, uint32_t info);
std::string DescribeIcmpv6Error(uint8_t type, uint8_t code, uint32_t info);

/// "0.034", "1.25", "12.3", "123": milliseconds as ping prints a round trip of that many microseconds.
std::string PingMilliseconds(int64_t us);

}  // namespace overlaysim::traffic
