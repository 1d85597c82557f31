#pragma once

#include <bitset>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/linux/namespace.h"
#include "models/wire/frame.h"
#include "sim/base/random.h"
#include "sim/trace/record.h"

namespace overlaysim::host {

class Stack;

/// A wireguard device at work: handshakes, sessions, packets that wait, timers (drivers/net/wireguard). Its settings
/// are kernel::Link::wireguard and the namespace's tunnel peers. Headers, sizes, counters and timing are the kernel's;
/// what is encrypted is opaque (wire::Sealed). Both inner and outer packets are IPv4.
class WireguardDevice {
 public:
  WireguardDevice(Stack& stack, int ifindex);
  ~WireguardDevice();

  int Transmit(wire::FramePtr packet);                              ///< wg_xmit(): 0 or the sender's errno
  void Receive(int in, wire::FramePtr packet, uint32_t udpOffset);  ///< wg_receive(): Data() is the outer IPv4 header
  void SetUp(bool isUp);                                            ///< wg_open(), wg_stop()
  void EndRun();                                                    ///< ends the packets that wait

 private:
  /// A timer that can be moved and stopped; at most one event of it is under way, unless it is moved forward.
  struct Timer {
    std::optional<Nanoseconds> due;
    std::optional<Nanoseconds> eventAt;
  };
  /// struct noise_keypair with both of its keys.
  struct Session {
    uint32_t localIndex = 0, remoteIndex = 0;
    bool isInitiator = false;
    bool maySend = true;
    Nanoseconds born;
    uint64_t key = 0;
    uint64_t sent = 0;      ///< packets; the next one's nonce
    uint64_t received = 0;  ///< the highest nonce that came, plus one
    static constexpr size_t kWindow = 8192;
    std::bitset<kWindow> seen;

    bool Accepts(uint64_t nonce);  ///< counter_validate()
  };
  enum class HandshakeState : uint8_t { None, CreatedInitiation, ConsumedInitiation };
  struct Staged {
    wire::FramePtr packet;
    uint32_t mtu;  ///< of its route
  };
  struct Peer {
    kernel::WireguardKey key;
    Ipv4Address endpoint;  ///< from where it was last heard; zero: where the settings say
    uint16_t port = 0;
    Ipv4Address source;  ///< of ours, that it was heard at; zero: as routing says
    int sourceIfindex = 0;
    std::deque<Staged> staged;
    HandshakeState handshake = HandshakeState::None;
    uint32_t localIndex = 0, remoteIndex = 0;  ///< of the handshake
    std::optional<Nanoseconds> sentHandshake, consumedInitiation;
    std::optional<int64_t> latestTimestamp;
    std::unique_ptr<Session> current, previous, next;
    Timer retransmitHandshake, sendKeepalive, newHandshake, persistentKeepalive;
    uint32_t attempts = 0;
    bool needsAnotherKeepalive = false, sentLastMinuteHandshake = false;
  };
  using Expired = void (WireguardDevice::*)(Peer&);

  kernel::Link& Link() const;
  /// The peer's settings; false: it has been taken away.
  bool Find(const Peer& peer, kernel::TunnelPeer& settings) const;
  Peer& PeerOf(const kernel::WireguardKey& key);
  kernel::WireguardActivity& Activity(const Peer& peer) const;
  uint32_t NewIndex(Peer& peer);

  // send.c
  void SendStaged(Peer& peer);
  void SendKeepalive(Peer& peer);
  bool SendData(Peer& peer, const kernel::TunnelPeer& settings, Staged staged);
  /// `inner`: what it carries; null: it is of the device's own making.
  bool SendTo(Peer& peer, const kernel::TunnelPeer& settings, wire::FramePtr message, uint8_t tos,
              uint32_t countedBytes, const wire::Frame* inner = nullptr);
  void QueueInitiation(Peer& peer, bool isRetry);
  void SendResponse(Peer& peer, const kernel::TunnelPeer& settings);
  wire::FramePtr NewMessage(uint32_t bytes, uint64_t cause);
  void KeepKeyFresh(Peer& peer);

  // receive.c, noise.c
  Verdict ConsumeInitiation(const wire::Frame& packet, std::span<const uint8_t> message, int in);
  Verdict ConsumeResponse(const wire::Frame& packet, std::span<const uint8_t> message, int in);
  void ConsumeData(int in, wire::FramePtr packet, uint32_t udpOffset);
  void Deliver(Peer& peer, wire::FramePtr packet, uint8_t outerTos, uint32_t paddedBytes);
  void Learn(Peer& peer, const wire::Frame& packet, int in);
  void CountReceived(const Peer& peer, uint32_t bytes);
  void BeginSession(Peer& peer, bool isInitiator, const kernel::TunnelPeer& settings);

  // timers.c
  void Arm(Peer& peer, Timer& timer, Nanoseconds delay, Expired expired);
  void Schedule(Peer& peer, Timer& timer, Nanoseconds delay, Expired expired);
  Nanoseconds Jitter();
  void TraversalTimer(Peer& peer);
  void RetransmitHandshake(Peer& peer);
  void KeepaliveDue(Peer& peer);
  void NewHandshakeDue(Peer& peer);
  void PersistentKeepaliveDue(Peer& peer);

  void Purge(Peer& peer, Verdict verdict);

  Stack& m_stack;
  int m_ifindex;
  bool m_isUp = false;
  RandomStream m_random;
  std::map<kernel::WireguardKey, std::unique_ptr<Peer>> m_peers;  ///< never taken out: timers hold on to them
  std::map<uint32_t, Peer*> m_byIndex;  ///< of handshakes and sessions; of those that are gone too
};

}  // namespace overlaysim::host
