#pragma once

#include <ns3/tcp-header.h>
#include <ns3/tcp-l4-protocol.h>
#include <ns3/tcp-socket-base.h>

#include <functional>
#include <optional>

namespace overlaysim::traffic {

/// ns-3's TCP socket, closing as RFC 9293 has it. ns-3 3.37 by itself
///  - takes any acknowledgement in LAST_ACK or CLOSING for that of its FIN, and forgets what was not acknowledged yet;
///  - does not repeat a FIN that was lost in LAST_ACK, nor acknowledge one that is repeated in TIME_WAIT;
///  - in FIN_WAIT takes the first byte of a segment with data and FIN for the place of the FIN, and sends a second FIN
///  when
///    data before it comes later;
///  - overlooks a RST that answers its SYN, because it acknowledges the SYN.
class TcpEdgeSocket final : public ns3::TcpSocketBase {
 public:
  /// Data bytes of a full segment to a peer that connects to a listening socket.
  using SegmentBytes = std::function<uint32_t(const ns3::Address& peer)>;
  static ns3::Ptr<TcpEdgeSocket> Create(ns3::Ptr<ns3::Node> node, ns3::Ptr<ns3::TcpL4Protocol> tcp,
                                        SegmentBytes segmentBytes);
  /// tcp_mtu_reduced() and tcp_simple_retransmit(): the path takes less than was thought; what is on its way is lost.
  void ReduceSegments(uint32_t segmentBytes);

 protected:
  ns3::Ptr<ns3::TcpSocketBase> Fork() override;
  void CompleteFork(ns3::Ptr<ns3::Packet> packet, const ns3::TcpHeader& header, const ns3::Address& from,
                    const ns3::Address& to) override;
  void DoForwardUp(ns3::Ptr<ns3::Packet> packet, const ns3::Address& from, const ns3::Address& to) override;
  void ReTxTimeout() override;

 private:
  void AcknowledgedBeforeFin(ns3::Ptr<ns3::Packet> packet, const ns3::TcpHeader& header);
  bool IsFinAlone() const;  ///< all data is acknowledged
  bool IsFinWait() const;

  SegmentBytes m_segmentBytes;
  std::optional<ns3::TcpHeader> m_heldFin;  ///< of the peer, while data before it is missing
};

}  // namespace overlaysim::traffic
