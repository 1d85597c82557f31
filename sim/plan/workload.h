#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/ids.h"
#include "sim/base/units.h"

namespace overlaysim {

enum class WorkloadKind : uint8_t {
  Ping,     ///< ping(8): `count` echo requests, `interval` apart
  Udp,      ///< `count` datagrams of `payload` bytes, `interval` apart
  Tcp,      ///< one connection: `up` bytes, half-close, `down` bytes back
  Rpc,      ///< `count` requests of `up` bytes over UDP, answered with `down` bytes; `interval` 0: each after an answer
  Inject,   ///< `frames` put on the wire as they are
  Command,  ///< what a person types (ping, nc, ip, ...): `command`
};

/// One thing that sends, with everything resolved: no names to look up, no defaults to fill.
struct Workload {
  WorkloadKind kind = WorkloadKind::Ping;
  FlowId id;
  std::string name;  ///< as shown to people; the scenario's words
  NetnsId from;
  std::string fromName, toName;  ///< "pod-a", "shop/cart-1", "node1"; toName may be the address
  NetnsId to;                    ///< where a receiver listens; none: nobody does
  IpAddress source;              ///< none: as the kernel selects it
  IpAddress destination;
  uint16_t sourcePort = 0;  ///< 0: ephemeral
  uint16_t destinationPort = 0;
  Nanoseconds start;
  uint64_t count = 1;
  Nanoseconds interval = Seconds(1);
  uint32_t payload = 56;             ///< bytes
  uint64_t up = 0, down = 0;         ///< Tcp, Rpc
  std::optional<Nanoseconds> until;  ///< Rpc: no request begins then or later
  uint8_t ttl = 64;
  uint8_t tos = 0;
  /// IP_MTU_DISCOVER of the sender: false is DONT (no DF), true is DO. Tcp always sets DF, as Linux does.
  bool df = false;
  bool autoFlowLabel = true;  ///< IPV6_AUTOFLOWLABEL of the sender
  bool want = false;          ///< with !df: WANT (Linux's default for UDP and ping): DF unless larger than the path MTU
  /// Ping: for the last answer. Rpc: for each. Udp, Inject: how long the receiver listens. Tcp: the longest wait of a
  /// socket call.
  std::optional<Nanoseconds> timeout;
  std::optional<uint16_t> icmpId;  ///< Ping: unset: given by order
  uint16_t icmpFirstSeq = 1;
  bool pingPayload = true;  ///< ping(8)'s own payload (time stamp, then counting bytes); false: counting from 0
  IpAddress listenAddress;  ///< where the receiver is bound; none: any
  uint16_t listenPort = 0;  ///< 0: destinationPort
  int injectIfindex = 0;
  std::vector<std::vector<uint8_t>> frames;
  std::string command;
  bool isBulk = false;   ///< Tcp: one of very many, nobody looks at its own words
  bool isProbe = false;  ///< sent for an expectation only: not part of the traffic's figures
};

/// What a cable does to the frames on it.
struct CableProperties {
  BitsPerSecond rate;
  Nanoseconds delay;
  int64_t queueBytes = 0;
};

/// Something that is done to the cluster at a time.
struct TimedEvent {
  enum class Kind : uint8_t { Exec, CableDown, CableUp, CableChange, RoutesReconverge, Notice } kind = Kind::Exec;
  Nanoseconds at;
  NetnsId on;               ///< Exec
  std::string command;      ///< Exec: an ip, bridge, sysctl, ethtool or iptables command
  CableId cable;            ///< CableDown, CableUp, CableChange
  CableProperties becomes;  ///< CableChange: how the cable is from now on
  uint32_t epoch = 0;       ///< RoutesReconverge: which state of the underlay's routes is in force from now on
  std::string text;         ///< the author's words, for the event list of a run; of a Notice there is no more
};

/// Where packets are recorded for packets.pcapng.
struct CapturePoint {
  NetnsId netns;
  std::string device;  ///< by name: it may be made later
  std::string filter;  ///< tcpdump's words with names already replaced by addresses; "": all
  uint32_t snapLength = 262144;
  bool hasLinkHeader = true;  ///< false: of an ipip device, whose packets begin with their IP header
};

}  // namespace overlaysim
