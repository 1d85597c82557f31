// The wireguard device (drivers/net/wireguard): device.c, send.c, receive.c, noise.c, timers.c, socket.c.

#include "models/host/wireguard.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/linux/vxlan.h"
#include "models/wire/checksum.h"
#include "sim/base/check.h"

namespace overlaysim::host {

using kernel::LinkStats;
using kernel::Snmp;
using kernel::Table;
using kernel::TunnelPeer;
using kernel::WireguardKey;

namespace {

// messages.h
enum MessageType : uint8_t { kInitiation = 1, kResponse = 2, kCookie = 3, kData = 4 };
constexpr uint32_t kInitiationBytes = 148, kResponseBytes = 92, kCookieBytes = 64;
constexpr uint32_t kDataHeaderBytes = 16;
constexpr uint32_t kInitiationSealAt = 8, kResponseSealAt = 12;  // behind type and indices
constexpr uint32_t kMac2Bytes = 16;                              // zero as long as nobody asks for a cookie
constexpr uint32_t kPaddingMultiple = 16;
constexpr uint8_t kHandshakeTos = 0x88;  // AF41, HANDSHAKE_DSCP
constexpr size_t kMostStaged = 128;
constexpr Nanoseconds kRekeyAfter = Seconds(120), kRejectAfter = Seconds(180);
constexpr Nanoseconds kRekeyTimeout = Seconds(5), kKeepaliveTimeout = Seconds(10);
constexpr uint32_t kMostAttempts = 90 / 5;            // MAX_TIMER_HANDSHAKES
constexpr Nanoseconds kJiffy = Milliseconds(4);       // CONFIG_HZ=250
constexpr uint64_t kJitterJiffies = 250 / 3;          // REKEY_TIMEOUT_JITTER_MAX_JIFFIES
constexpr Nanoseconds kLeastGap = Milliseconds(20);   // INITIATIONS_PER_SECOND
constexpr int64_t kTimestampUnit = int64_t{1} << 24;  // tai64n_now(): nanoseconds
constexpr uint32_t kTimestampBytes = 8;

// The header fields are little endian.
uint32_t GetLe32(const uint8_t* p) { return p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24; }
uint64_t GetLe64(const uint8_t* p) { return GetLe32(p) | uint64_t{GetLe32(p + 4)} << 32; }
void PutLe32(uint8_t* p, uint32_t v) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(v >> 8 * i);
}
void PutLe64(uint8_t* p, uint64_t v) {
  PutLe32(p, static_cast<uint32_t>(v));
  PutLe32(p + 4, static_cast<uint32_t>(v >> 32));
}

std::string_view TextOf(const WireguardKey& key) {
  return {reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()};
}
/// What stands in for the secrets that noise.c derives: a number that only who knows these keys has.
uint64_t SecretOf(const char* what, std::initializer_list<const WireguardKey*> keys, uint64_t number = 0) {
  std::string text = what;
  for (const WireguardKey* key : keys) text += TextOf(*key);
  return RandomStream(0, text, number).Next();
}

uint64_t Both(uint32_t high, uint32_t low) { return uint64_t{high} << 32 | low; }

bool HasExpired(const std::optional<Nanoseconds>& since, Nanoseconds after) {
  return !since || engine::Now() >= *since + after;
}

std::shared_ptr<wire::Sealed> NewContent(std::vector<uint8_t> content) {
  auto sealed = std::make_shared<wire::Sealed>();
  sealed->content = std::move(content);
  return sealed;
}

}  // namespace

WireguardDevice::WireguardDevice(Stack& stack, int ifindex)
    : m_stack(stack),
      m_ifindex(ifindex),
      m_random(stack.Net().seed, "wireguard/" + stack.Ns().Name() + "/" + stack.Ns().GetLink(ifindex)->name) {}
WireguardDevice::~WireguardDevice() = default;

kernel::Link& WireguardDevice::Link() const { return *m_stack.Ns().GetLink(m_ifindex); }

bool WireguardDevice::Find(const Peer& peer, TunnelPeer& settings) const {
  return m_stack.Ns().GetLink(m_ifindex) && m_stack.Ns().FindTunnelPeer(m_ifindex, peer.key, settings);
}

WireguardDevice::Peer& WireguardDevice::PeerOf(const WireguardKey& key) {
  auto& slot = m_peers[key];
  if (!slot) {
    slot = std::make_unique<Peer>();
    slot->key = key;
  }
  return *slot;
}

kernel::WireguardActivity& WireguardDevice::Activity(const Peer& peer) const {
  return m_stack.Ns().ActivityOf(m_ifindex)[peer.key];
}

uint32_t WireguardDevice::NewIndex(Peer& peer) {
  uint32_t index;
  do index = static_cast<uint32_t>(m_random.Next());
  while (!m_byIndex.emplace(index, &peer).second);
  return index;
}

void WireguardDevice::SetUp(bool isUp) {
  if (isUp == m_isUp) return;
  m_isUp = isUp;
  if (!isUp) {
    for (auto& [key, peer] : m_peers) {
      Purge(*peer, Verdict::WireguardGivenUp);
      for (Timer* timer :
           {&peer->retransmitHandshake, &peer->sendKeepalive, &peer->newHandshake, &peer->persistentKeepalive})
        timer->due.reset();
      peer->handshake = HandshakeState::None;
      peer->sentHandshake.reset();
      for (std::unique_ptr<Session>* session : {&peer->current, &peer->previous, &peer->next}) session->reset();
    }
    return;
  }
  if (Link().wireguard.listenPort == 0) {
    const kernel::Namespace& ns = m_stack.Ns();
    const uint64_t ports = uint64_t{ns.localPortHigh} - ns.localPortLow + 1;
    Link().wireguard.listenPort = static_cast<uint16_t>(ns.localPortLow + m_random.Below(ports));
  }
  for (const TunnelPeer& settings : m_stack.Ns().TunnelPeers(m_ifindex))
    if (settings.persistentKeepalive != 0) SendKeepalive(PeerOf(settings.publicKey));
}

void WireguardDevice::EndRun() {
  for (auto& [key, peer] : m_peers) {
    for (Staged& staged : peer->staged)
      m_stack.Finish(Stage::RunEnd, Verdict::Unfinished, std::move(staged.packet), m_ifindex);
    peer->staged.clear();
  }
}

/// wg_packet_purge_staged_packets().
void WireguardDevice::Purge(Peer& peer, Verdict verdict) {
  for (Staged& staged : peer.staged) {
    if (kernel::Link* link = m_stack.Ns().GetLink(m_ifindex)) ++link->stats.txDropped;
    m_stack.Finish(Stage::TunnelWait, verdict, std::move(staged.packet), m_ifindex);
  }
  peer.staged.clear();
}

// ---------------------------------------------------------------------------------------------------- out

int WireguardDevice::Transmit(wire::FramePtr packet) {
  kernel::Link& link = Link();
  auto fail = [&](Verdict verdict, int error, bool answer) {
    if (answer) m_stack.IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpHostUnreach, 0);
    ++link.stats.txErrors;
    m_stack.Finish(Stage::TunnelRoute, verdict, std::move(packet), m_ifindex);
    return error;
  };
  if (packet->protocol != wire::kEtherTypeIpv4) return fail(Verdict::UnknownEthertype, EPROTONOSUPPORT, false);
  const Ipv4Address destination = wire::Ipv4{packet->Data()}.Destination();
  TunnelPeer settings;
  if (!m_stack.Ns().FindTunnelPeer(m_ifindex, destination, settings))
    return fail(Verdict::WireguardNoPeer, ENOKEY, true);
  Peer& peer = PeerOf(settings.publicKey);
  if (settings.endpoint.IsZero() && peer.endpoint.IsZero())
    return fail(Verdict::WireguardNoEndpoint, EDESTADDRREQ, true);
  const Row row{Table::TunnelPeer, settings.rowId};
  while (peer.staged.size() > kMostStaged) {
    m_stack.Finish(Stage::TunnelWait, Verdict::WireguardQueueFull, std::move(peer.staged.front().packet), m_ifindex,
                   row);
    peer.staged.pop_front();
    ++link.stats.txDropped;
  }
  m_stack.Trace(Stage::TunnelRoute, Verdict::Continue, *packet, m_ifindex, row);
  // dst_mtu(): the packet's route may lead elsewhere, if a program has redirected it
  const Stack::RouteOut route = m_stack.RouteOutput({.destination = destination, .mark = packet->mark});
  const uint32_t mtu = route.error == 0 ? m_stack.OutputMtu(route, destination) : link.mtu;
  peer.staged.push_back({std::move(packet), mtu});
  SendStaged(peer);
  return 0;
}

/// wg_packet_send_staged_packets() and wg_packet_create_data_done().
void WireguardDevice::SendStaged(Peer& peer) {
  if (peer.staged.empty()) return;
  Session* session = peer.current.get();
  if (session && session->maySend && HasExpired(session->born, kRejectAfter)) session->maySend = false;
  TunnelPeer settings;
  if (!session || !session->maySend) {
    m_stack.Trace(Stage::TunnelWait, Verdict::Continue, *peer.staged.back().packet, m_ifindex);
    return QueueInitiation(peer, false);
  }
  if (!Find(peer, settings)) return Purge(peer, Verdict::WireguardNoPeer);
  std::deque<Staged> packets = std::move(peer.staged);
  peer.staged.clear();
  TraversalTimer(peer);
  peer.sendKeepalive.due.reset();  // wg_timers_any_authenticated_packet_sent()
  bool sentData = false;
  for (Staged& staged : packets) sentData |= SendData(peer, settings, std::move(staged));
  if (sentData && !peer.newHandshake.due)  // wg_timers_data_sent()
    Arm(peer, peer.newHandshake, kKeepaliveTimeout + kRekeyTimeout + Jitter(), &WireguardDevice::NewHandshakeDue);
  KeepKeyFresh(peer);
}

/// encrypt_packet(). True: it was data, and there is a way to the peer.
bool WireguardDevice::SendData(Peer& peer, const TunnelPeer& settings, Staged staged) {
  Session& session = *peer.current;
  staged.packet->CompleteChecksum();
  const uint32_t bytes = staged.packet->Size();
  uint32_t last = bytes;  // calculate_skb_padding(): up to a multiple of 16, but not above the MTU
  if (last > staged.mtu) last %= staged.mtu;
  const uint32_t padding =
      std::min(staged.mtu, (last + kPaddingMultiple - 1) / kPaddingMultiple * kPaddingMultiple) - last;
  std::vector<uint8_t> content(bytes + padding);
  std::copy_n(staged.packet->Data(), bytes, content.begin());
  const uint8_t tos = bytes == 0 ? uint8_t{0} : kernel::OuterTos(0, wire::Ipv4{content.data()}.Tos());

  const uint32_t sealBytes = bytes + padding + wire::kSealTagBytes;
  wire::FramePtr message = wire::MakeFrameLike(*staged.packet, kDataHeaderBytes + sealBytes);
  uint8_t* p = message->Data();
  std::memset(p, 0, kDataHeaderBytes);
  p[0] = kData;
  PutLe32(p + 4, session.remoteIndex);
  PutLe64(p + 8, session.sent);
  wire::WriteSeal({p + kDataHeaderBytes, sealBytes}, session.key, session.sent, content);
  ++session.sent;
  auto sealed = NewContent(std::move(content));
  sealed->inner = staged.packet->sealed;
  message->sealed = sealed;
  // iptunnel_xmit() counts from the inner network header on: padding and tag too
  return SendTo(peer, settings, std::move(message), tos, sealBytes, staged.packet.get()) && bytes != 0;
}

/// send4() of socket.c and udp_tunnel_xmit_skb().
bool WireguardDevice::SendTo(Peer& peer, const TunnelPeer& settings, wire::FramePtr message, uint8_t tos,
                             uint32_t countedBytes, const wire::Frame* inner) {
  kernel::Link& link = Link();
  const bool isLearnt = !peer.endpoint.IsZero();
  const Ipv4Address endpoint = isLearnt ? peer.endpoint : settings.endpoint;
  const uint16_t port = isLearnt ? peer.port : settings.port;
  SendRequest request{.source = peer.source,
                      .destination = endpoint,
                      .protocol = wire::kIpProtoUdp,
                      .sourcePort = link.wireguard.listenPort,
                      .destinationPort = port,
                      .mark = link.wireguard.fwmark};
  Stack::RouteOut out = m_stack.RouteOutput(request);
  if (!peer.source.IsZero() && (out.error == EINVAL || (out.error == 0 && peer.sourceIfindex != 0 &&
                                                        out.answer.nextHop.ifindex != peer.sourceIfindex))) {
    peer.source = {};
    peer.sourceIfindex = 0;
    request.source = peer.source;
    out = m_stack.RouteOutput(request);
  }
  const Row row{Table::Route, out.answer.route.rowId};
  if (out.error != 0) {
    m_stack.Finish(Stage::TunnelRoute, Verdict::TunnelNoRoute, std::move(message), m_ifindex, row);
    return false;
  }
  m_stack.Trace(Stage::TunnelRoute, Verdict::Continue, inner ? *inner : *message, out.answer.nextHop.ifindex, row);
  const uint32_t messageBytes = message->Size();
  message->ResetConnection();
  message->mark = request.mark;
  message->encapsulated = false;
  m_stack.PushUdp(*message, request, out);
  uint8_t* ip = message->Push(wire::kIpv4HeaderBytes);
  wire::WriteIpv4(ip, {.tos = tos,
                       .totalBytes = static_cast<uint16_t>(message->Size()),
                       .identification = m_stack.NewIdentification(endpoint, wire::kIpProtoUdp),
                       .ttl = m_stack.Ns().defaultTtl,
                       .protocol = wire::kIpProtoUdp,
                       .source = out.source,
                       .destination = endpoint});
  message->ignoreDf = true;
  message->maxFragment = 0;
  message->type = wire::PacketType::Outgoing;
  message->iif = 0;
  if (inner) message->MarkRewritten();
  m_stack.Trace(Stage::Encapsulate, Verdict::Continue, *message, m_ifindex, {Table::TunnelPeer, settings.rowId});
  m_stack.Count(Snmp::IpOutRequests);
  if (m_stack.Ipv4LocalOut(std::move(message), out) != 0) {
    ++link.stats.txDropped;  // iptunnel_xmit_stats()
  } else {
    ++link.stats.txPackets;
    link.stats.txBytes += countedBytes;
  }
  Activity(peer).txBytes += messageBytes;
  return true;
}

wire::FramePtr WireguardDevice::NewMessage(uint32_t bytes, uint64_t cause) {
  wire::FramePtr message = wire::MakeFrame(bytes);
  std::memset(message->Data(), 0, bytes);
  m_stack.StartJourney(*message, cause);
  m_stack.Trace(Stage::Send, Verdict::Continue, *message, 0);
  return message;
}

/// wg_packet_send_keepalive().
void WireguardDevice::SendKeepalive(Peer& peer) {
  if (peer.staged.empty()) peer.staged.push_back({NewMessage(0, 0), Link().mtu});
  SendStaged(peer);
}

/// wg_packet_send_queued_handshake_initiation() and wg_packet_send_handshake_initiation().
void WireguardDevice::QueueInitiation(Peer& peer, bool isRetry) {
  if (!isRetry) peer.attempts = 0;
  TunnelPeer settings;
  if (!HasExpired(peer.sentHandshake, kRekeyTimeout) || !m_isUp || !Find(peer, settings)) return;
  peer.sentHandshake = engine::Now();
  peer.handshake = HandshakeState::CreatedInitiation;
  peer.localIndex = NewIndex(peer);
  const uint64_t cause = peer.staged.empty() ? 0 : peer.staged.front().packet->journey;
  wire::FramePtr message = NewMessage(kInitiationBytes, cause);
  uint8_t* p = message->Data();
  p[0] = kInitiation;
  PutLe32(p + 4, peer.localIndex);
  const WireguardKey& own = Link().wireguard.publicKey;
  std::vector<uint8_t> content(own.bytes.begin(), own.bytes.end());
  content.resize(content.size() + kTimestampBytes);
  PutLe64(&content[own.bytes.size()], static_cast<uint64_t>(engine::Now().count / kTimestampUnit * kTimestampUnit));
  wire::WriteSeal({p + kInitiationSealAt, kInitiationBytes - kInitiationSealAt - kMac2Bytes},
                  SecretOf("initiation", {&peer.key}), peer.localIndex, content);
  message->sealed = NewContent(std::move(content));
  TraversalTimer(peer);
  peer.sendKeepalive.due.reset();
  SendTo(peer, settings, std::move(message), kHandshakeTos, kInitiationBytes);
  Arm(peer, peer.retransmitHandshake, kRekeyTimeout + Jitter(), &WireguardDevice::RetransmitHandshake);
}

/// wg_packet_send_handshake_response().
void WireguardDevice::SendResponse(Peer& peer, const TunnelPeer& settings) {
  peer.sentHandshake = engine::Now();
  peer.localIndex = NewIndex(peer);
  wire::FramePtr message = NewMessage(kResponseBytes, 0);
  uint8_t* p = message->Data();
  p[0] = kResponse;
  PutLe32(p + 4, peer.localIndex);
  PutLe32(p + 8, peer.remoteIndex);
  wire::WriteSeal({p + kResponseSealAt, kResponseBytes - kResponseSealAt - kMac2Bytes},
                  SecretOf("response", {&peer.key, &Link().wireguard.publicKey, &settings.presharedKey}),
                  Both(peer.localIndex, peer.remoteIndex), {});
  message->sealed = NewContent({});
  BeginSession(peer, false, settings);
  TraversalTimer(peer);
  peer.sendKeepalive.due.reset();
  SendTo(peer, settings, std::move(message), kHandshakeTos, kResponseBytes);
}

/// keep_key_fresh() of send.c.
void WireguardDevice::KeepKeyFresh(Peer& peer) {
  const Session* session = peer.current.get();
  if (session && session->maySend && session->isInitiator && HasExpired(session->born, kRekeyAfter))
    QueueInitiation(peer, false);
}

// ---------------------------------------------------------------------------------------------------- in

/// wg_packet_receive(), with prepare_skb_header().
void WireguardDevice::Receive(int in, wire::FramePtr packet, uint32_t udpOffset) {
  const std::span<const uint8_t> message(packet->Data() + udpOffset + wire::kUdpHeaderBytes,
                                         packet->Size() - udpOffset - wire::kUdpHeaderBytes);
  const uint32_t type = message.size() >= 4 ? GetLe32(message.data()) : 0;
  if (type == kData && message.size() >= kDataHeaderBytes + wire::kSealTagBytes)
    return ConsumeData(in, std::move(packet), udpOffset);
  Verdict verdict = Verdict::WireguardMalformed;
  if (type == kInitiation && message.size() == kInitiationBytes)
    verdict = ConsumeInitiation(*packet, message, in);
  else if (type == kResponse && message.size() == kResponseBytes)
    verdict = ConsumeResponse(*packet, message, in);
  else if (type == kCookie && message.size() == kCookieBytes)
    verdict = Verdict::WireguardNotAuthentic;  // nobody here sends one, so it is no peer's
  m_stack.Finish(Stage::Decapsulate, verdict, std::move(packet), m_ifindex);
}

/// wg_noise_handshake_consume_initiation() and the answer.
Verdict WireguardDevice::ConsumeInitiation(const wire::Frame& packet, std::span<const uint8_t> message, int in) {
  const uint32_t index = GetLe32(&message[4]);
  WireguardKey key;
  const wire::Sealed* sealed = packet.sealed.get();
  if (!sealed || sealed->content.size() != key.bytes.size() + kTimestampBytes ||
      !wire::IsSealOf(message.subspan(kInitiationSealAt, message.size() - kInitiationSealAt - kMac2Bytes),
                      SecretOf("initiation", {&Link().wireguard.publicKey}), index, sealed->content))
    return Verdict::WireguardNotAuthentic;
  std::copy_n(sealed->content.begin(), key.bytes.size(), key.bytes.begin());
  const auto timestamp = static_cast<int64_t>(GetLe64(&sealed->content[key.bytes.size()]));
  TunnelPeer settings;
  if (!m_stack.Ns().FindTunnelPeer(m_ifindex, key, settings)) return Verdict::WireguardNotAuthentic;
  Peer& peer = PeerOf(key);
  if (peer.latestTimestamp && timestamp <= *peer.latestTimestamp) return Verdict::WireguardReplayed;
  if (!HasExpired(peer.consumedInitiation, kLeastGap)) return Verdict::WireguardReplayed;
  peer.latestTimestamp = timestamp;
  peer.consumedInitiation = engine::Now();
  peer.remoteIndex = index;
  peer.handshake = HandshakeState::ConsumedInitiation;
  Learn(peer, packet, in);
  SendResponse(peer, settings);
  CountReceived(peer, static_cast<uint32_t>(message.size()));
  peer.newHandshake.due.reset();  // wg_timers_any_authenticated_packet_received()
  TraversalTimer(peer);
  return Verdict::Consumed;
}

/// wg_noise_handshake_consume_response(): what waits goes out, or an empty packet that confirms the session.
Verdict WireguardDevice::ConsumeResponse(const wire::Frame& packet, std::span<const uint8_t> message, int in) {
  const uint32_t remoteIndex = GetLe32(&message[4]), localIndex = GetLe32(&message[8]);
  const auto found = m_byIndex.find(localIndex);
  TunnelPeer settings;
  if (found == m_byIndex.end() || !Find(*found->second, settings)) return Verdict::WireguardNoSession;
  Peer& peer = *found->second;
  if (peer.handshake != HandshakeState::CreatedInitiation || peer.localIndex != localIndex)
    return Verdict::WireguardNoSession;
  if (!packet.sealed ||
      !wire::IsSealOf(message.subspan(kResponseSealAt, message.size() - kResponseSealAt - kMac2Bytes),
                      SecretOf("response", {&Link().wireguard.publicKey, &peer.key, &settings.presharedKey}),
                      Both(remoteIndex, localIndex), {}))
    return Verdict::WireguardNotAuthentic;
  peer.remoteIndex = remoteIndex;
  Learn(peer, packet, in);
  BeginSession(peer, true, settings);
  peer.retransmitHandshake.due.reset();  // wg_timers_handshake_complete()
  peer.attempts = 0;
  peer.sentLastMinuteHandshake = false;
  Activity(peer).lastHandshake = engine::Now();
  SendKeepalive(peer);
  CountReceived(peer, static_cast<uint32_t>(message.size()));
  peer.newHandshake.due.reset();
  TraversalTimer(peer);
  return Verdict::Consumed;
}

/// wg_noise_handshake_begin_session() and add_new_keypair(): who has answered may use the session once it has been
/// used.
void WireguardDevice::BeginSession(Peer& peer, bool isInitiator, const TunnelPeer& settings) {
  const WireguardKey& own = Link().wireguard.publicKey;
  auto session = std::make_unique<Session>();
  session->localIndex = peer.localIndex;
  session->remoteIndex = peer.remoteIndex;
  session->isInitiator = isInitiator;
  session->born = engine::Now();
  session->key =
      SecretOf("session", {isInitiator ? &own : &peer.key, isInitiator ? &peer.key : &own, &settings.presharedKey},
               isInitiator ? Both(peer.localIndex, peer.remoteIndex) : Both(peer.remoteIndex, peer.localIndex));
  peer.handshake = HandshakeState::None;
  if (isInitiator) {
    peer.previous = peer.next ? std::move(peer.next) : std::move(peer.current);
    peer.current = std::move(session);
  } else {
    peer.next = std::move(session);
    peer.previous = nullptr;
  }
}

bool WireguardDevice::Session::Accepts(uint64_t nonce) {
  constexpr uint64_t kUsable = kWindow - 64;  // COUNTER_WINDOW_SIZE
  if (nonce + 1 + kUsable < received) return false;
  for (uint64_t at = std::max(received, nonce >= kWindow ? nonce - kWindow + 1 : 0); at <= nonce; ++at)
    seen.reset(at % kWindow);
  received = std::max(received, nonce + 1);
  if (seen.test(nonce % kWindow)) return false;
  seen.set(nonce % kWindow);
  return true;
}

/// wg_packet_consume_data(), decrypt_packet(), wg_packet_rx_poll() and wg_packet_consume_data_done().
void WireguardDevice::ConsumeData(int in, wire::FramePtr packet, uint32_t udpOffset) {
  auto drop = [&](Verdict verdict) { m_stack.Finish(Stage::Decapsulate, verdict, std::move(packet), m_ifindex); };
  const uint32_t headersBytes = udpOffset + wire::kUdpHeaderBytes;
  const std::span<const uint8_t> message(packet->Data() + headersBytes, packet->Size() - headersBytes);
  const uint32_t index = GetLe32(&message[4]);
  const uint64_t nonce = GetLe64(&message[8]);
  const auto found = m_byIndex.find(index);
  TunnelPeer settings;
  if (found == m_byIndex.end() || !Find(*found->second, settings)) return drop(Verdict::WireguardNoSession);
  Peer& peer = *found->second;
  Session* session = nullptr;
  for (Session* candidate : {peer.current.get(), peer.previous.get(), peer.next.get()})
    if (candidate && candidate->localIndex == index) session = candidate;
  if (!session || HasExpired(session->born, kRejectAfter)) return drop(Verdict::WireguardNoSession);
  const std::shared_ptr<const wire::Sealed> sealed = packet->sealed;
  if (!sealed || !wire::IsSealOf(message.subspan(kDataHeaderBytes), session->key, nonce, sealed->content))
    return drop(Verdict::WireguardNotAuthentic);
  if (!session->Accepts(nonce)) return drop(Verdict::WireguardReplayed);

  Learn(peer, *packet, in);
  if (session == peer.next.get()) {  // wg_noise_received_with_keypair(): the answered handshake is confirmed
    peer.previous = std::move(peer.current);
    peer.current = std::move(peer.next);
    peer.retransmitHandshake.due.reset();
    peer.attempts = 0;
    peer.sentLastMinuteHandshake = false;
    Activity(peer).lastHandshake = engine::Now();
    SendStaged(peer);
  }
  const Session* current = peer.current.get();  // keep_key_fresh() of receive.c
  if (!peer.sentLastMinuteHandshake && current && current->maySend && current->isInitiator &&
      HasExpired(current->born, kRejectAfter - kKeepaliveTimeout - kRekeyTimeout)) {
    peer.sentLastMinuteHandshake = true;
    QueueInitiation(peer, false);
  }
  peer.newHandshake.due.reset();
  TraversalTimer(peer);
  const uint32_t messageBytes = static_cast<uint32_t>(message.size());
  if (sealed->content.empty()) {
    CountReceived(peer, messageBytes);
    return drop(Verdict::Consumed);
  }
  if (!peer.sendKeepalive.due)  // wg_timers_data_received()
    Arm(peer, peer.sendKeepalive, kKeepaliveTimeout, &WireguardDevice::KeepaliveDue);
  else
    peer.needsAnotherKeepalive = true;

  const uint8_t outerTos = wire::Ipv4{packet->Data()}.Tos();
  wire::FramePtr inner = wire::MakeFrameLike(*packet, static_cast<uint32_t>(sealed->content.size()));
  std::copy(sealed->content.begin(), sealed->content.end(), inner->Data());
  inner->sealed = sealed->inner;
  Deliver(peer, std::move(inner), outerTos, messageBytes);
}

/// The rest of wg_packet_consume_data_done(): the inner packet may come from this peer, and goes up.
void WireguardDevice::Deliver(Peer& peer, wire::FramePtr packet, uint8_t outerTos, uint32_t messageBytes) {
  kernel::Link& link = Link();
  auto dishonest = [&](Verdict verdict, uint64_t LinkStats::*counter) {
    ++link.stats.rxErrors;
    ++(link.stats.*counter);
    m_stack.Finish(Stage::Decapsulate, verdict, std::move(packet), m_ifindex);
  };
  const wire::Ipv4 ip{packet->Data()};
  if (packet->Size() < wire::kIpv4HeaderBytes || ip.Version() != 4)
    return dishonest(Verdict::WireguardInnerInvalid, &LinkStats::rxFrameErrors);
  const uint32_t total = ip.TotalBytes();
  if (total < wire::kIpv4HeaderBytes || total > packet->Size())
    return dishonest(Verdict::WireguardInnerInvalid, &LinkStats::rxLengthErrors);
  const kernel::EcnDecapsulation ecn = kernel::DecapsulateEcn(outerTos, ip.Tos());
  if (!ecn.drop && ecn.tos != ip.Tos()) kernel::WriteIpv4Tos(packet->Data(), ecn.tos);  // its advice is not asked for
  packet->Trim(total);
  TunnelPeer allowed;
  if (!m_stack.Ns().FindTunnelPeer(m_ifindex, ip.Source(), allowed) || allowed.publicKey != peer.key)
    return dishonest(Verdict::WireguardForbiddenSource, &LinkStats::rxFrameErrors);
  packet->MarkRewritten();
  m_stack.Trace(Stage::Decapsulate, Verdict::Continue, *packet, m_ifindex, {Table::TunnelPeer, allowed.rowId});
  packet->ResetConnection();
  packet->mark = 0;
  packet->ignoreDf = false;
  packet->maxFragment = 0;
  Activity(peer).rxBytes += messageBytes;
  link.stats.rxBytes += messageBytes - total;  // update_rx_stats() counts the whole message, Stack::Receive() the rest
  m_stack.m_backlog.Push({&m_stack, m_ifindex, std::move(packet)});
}

/// wg_socket_set_peer_endpoint_from_skb().
void WireguardDevice::Learn(Peer& peer, const wire::Frame& packet, int in) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  const wire::Udp udp{ip.Payload()};
  peer.endpoint = ip.Source();
  peer.port = udp.SourcePort();
  peer.source = ip.Destination();
  peer.sourceIfindex = in;
  kernel::WireguardActivity& activity = Activity(peer);
  activity.endpoint = peer.endpoint;
  activity.port = peer.port;
}

/// update_rx_stats().
void WireguardDevice::CountReceived(const Peer& peer, uint32_t bytes) {
  ++Link().stats.rxPackets;
  Link().stats.rxBytes += bytes;
  Activity(peer).rxBytes += bytes;
}

// ---------------------------------------------------------------------------------------------------- timers

void WireguardDevice::Arm(Peer& peer, Timer& timer, Nanoseconds delay, Expired expired) {
  if (!m_isUp) return;
  timer.due = engine::Now() + delay;
  if (!timer.eventAt || *timer.due < *timer.eventAt) Schedule(peer, timer, delay, expired);
}

void WireguardDevice::Schedule(Peer& peer, Timer& timer, Nanoseconds delay, Expired expired) {
  timer.eventAt = engine::Now() + delay;
  m_stack.After(delay, [this, expired, at = *timer.eventAt, peerPtr = &peer, timerPtr = &timer] {
    if (timerPtr->eventAt == at) timerPtr->eventAt.reset();
    if (!timerPtr->due) return;
    const Nanoseconds now = engine::Now();
    if (now < *timerPtr->due) {
      if (!timerPtr->eventAt) Schedule(*peerPtr, *timerPtr, *timerPtr->due - now, expired);
      return;
    }
    timerPtr->due.reset();
    TunnelPeer settings;
    if (Find(*peerPtr, settings)) (this->*expired)(*peerPtr);
  });
}

Nanoseconds WireguardDevice::Jitter() { return kJiffy * static_cast<int64_t>(m_random.Below(kJitterJiffies)); }

/// wg_timers_any_authenticated_packet_traversal().
void WireguardDevice::TraversalTimer(Peer& peer) {
  TunnelPeer settings;
  if (Find(peer, settings) && settings.persistentKeepalive != 0)
    Arm(peer, peer.persistentKeepalive, Seconds(settings.persistentKeepalive),
        &WireguardDevice::PersistentKeepaliveDue);
}

/// wg_expired_retransmit_handshake().
void WireguardDevice::RetransmitHandshake(Peer& peer) {
  if (peer.attempts > kMostAttempts) {
    peer.sendKeepalive.due.reset();
    return Purge(peer, Verdict::WireguardGivenUp);
  }
  ++peer.attempts;
  QueueInitiation(peer, true);
}

/// wg_expired_send_keepalive().
void WireguardDevice::KeepaliveDue(Peer& peer) {
  SendKeepalive(peer);
  if (!peer.needsAnotherKeepalive) return;
  peer.needsAnotherKeepalive = false;
  Arm(peer, peer.sendKeepalive, kKeepaliveTimeout, &WireguardDevice::KeepaliveDue);
}

/// wg_expired_new_handshake().
void WireguardDevice::NewHandshakeDue(Peer& peer) { QueueInitiation(peer, false); }

/// wg_expired_send_persistent_keepalive().
void WireguardDevice::PersistentKeepaliveDue(Peer& peer) { SendKeepalive(peer); }

// ---------------------------------------------------------------------------------------------------- the stack's side

WireguardDevice& Stack::Wireguard(int ifindex) {
  auto& slot = m_wireguard[ifindex];
  if (!slot) {
    slot = std::make_unique<WireguardDevice>(*this, ifindex);
    slot->SetUp(m_ns->GetLink(ifindex)->adminUp);
  }
  return *slot;
}

void Stack::WireguardChanged(const kernel::Link& link, bool isThere) {
  if (link.kind != kernel::LinkKind::Wireguard || (!isThere && !m_wireguard.contains(link.ifindex))) return;
  Backlog::Guard guard(m_backlog);
  Wireguard(link.ifindex).SetUp(isThere && link.adminUp);
}

void Stack::StartWireguard() {
  for (const kernel::Link* link : m_ns->Links())
    if (link->kind == kernel::LinkKind::Wireguard && link->adminUp)
      After(Nanoseconds{0}, [this, ifindex = link->ifindex] {
        if (m_ns->GetLink(ifindex)) Wireguard(ifindex);
      });
}

const kernel::Link* Stack::WireguardSocket(uint16_t port) const {
  const kernel::Link* found = nullptr;
  m_ns->AnyLink([&](const kernel::Link& link) {
    const bool is = link.kind == kernel::LinkKind::Wireguard && link.adminUp && link.wireguard.listenPort == port;
    if (is) found = &link;
    return is;
  });
  return found;
}

}  // namespace overlaysim::host
