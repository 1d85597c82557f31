#include "models/traffic/tcp_edge_socket.h"

#include <ns3/object-factory.h>
#include <ns3/rtt-estimator.h>
#include <ns3/simulator.h>
#include <ns3/tcp-congestion-ops.h>
#include <ns3/tcp-option-ts.h>
#include <ns3/tcp-recovery-ops.h>
#include <ns3/tcp-rx-buffer.h>
#include <ns3/tcp-tx-buffer.h>

#include <algorithm>

namespace overlaysim::traffic {
namespace {

/// An object of the type that the attribute of ns-3's TCP names.
template <typename T>
ns3::Ptr<T> Make(const ns3::TcpL4Protocol& tcp, const char* attribute) {
  ns3::TypeIdValue type;
  tcp.GetAttribute(attribute, type);
  ns3::ObjectFactory factory;
  factory.SetTypeId(type.Get());
  return factory.Create<T>();
}

}  // namespace

ns3::Ptr<TcpEdgeSocket> TcpEdgeSocket::Create(ns3::Ptr<ns3::Node> node, ns3::Ptr<ns3::TcpL4Protocol> tcp,
                                              SegmentBytes segmentBytes) {
  auto socket = ns3::CreateObject<TcpEdgeSocket>();
  socket->m_segmentBytes = std::move(segmentBytes);
  socket->SetNode(node);
  socket->SetTcp(tcp);
  socket->SetRtt(Make<ns3::RttEstimator>(*tcp, "RttEstimatorType"));
  socket->SetCongestionControlAlgorithm(Make<ns3::TcpCongestionOps>(*tcp, "SocketType"));
  socket->SetRecoveryAlgorithm(Make<ns3::TcpRecoveryOps>(*tcp, "RecoveryType"));
  tcp->AddSocket(socket);
  return socket;
}

ns3::Ptr<ns3::TcpSocketBase> TcpEdgeSocket::Fork() { return ns3::CopyObject<TcpEdgeSocket>(this); }

void TcpEdgeSocket::CompleteFork(ns3::Ptr<ns3::Packet> packet, const ns3::TcpHeader& header, const ns3::Address& from,
                                 const ns3::Address& to) {
  m_tcb->m_segmentSize = m_segmentBytes(from);
  m_txBuffer->SetSegmentSize(m_tcb->m_segmentSize);
  TcpSocketBase::CompleteFork(packet, header, from, to);
}

void TcpEdgeSocket::ReduceSegments(uint32_t segmentBytes) {
  m_tcb->m_segmentSize = segmentBytes;
  m_txBuffer->SetSegmentSize(segmentBytes);
  if (m_state != ESTABLISHED && m_state != CLOSE_WAIT && !IsFinWait() && m_state != LAST_ACK && m_state != CLOSING)
    return;
  if (m_txBuffer->Size() == 0) return;
  m_txBuffer->SetSentListLost(false);
  SendPendingData(m_connected);
}

void TcpEdgeSocket::DoForwardUp(ns3::Ptr<ns3::Packet> packet, const ns3::Address& from, const ns3::Address& to) {
  using ns3::TcpHeader;
  TcpHeader header;
  packet->PeekHeader(header);
  const uint8_t flags = header.GetFlags();
  const TcpStates_t state = m_state;
  const bool isPlainAck =
      (flags & (TcpHeader::SYN | TcpHeader::FIN | TcpHeader::RST | TcpHeader::ACK)) == TcpHeader::ACK;

  if ((state == LAST_ACK || state == CLOSING) && isPlainAck && header.GetAckNumber() <= m_tcb->m_highTxMark)
    return AcknowledgedBeforeFin(packet, header);

  if ((state == TIME_WAIT || state == CLOSING) && (flags & TcpHeader::FIN)) return SendEmptyPacket(TcpHeader::ACK);

  if (state == SYN_SENT && (flags & TcpHeader::RST)) {
    if (header.GetAckNumber() != m_tcb->m_nextTxSequence + 1) return;
    packet->RemoveHeader(header);
    header.SetFlags(TcpHeader::RST);
    packet->AddHeader(header);
    TcpSocketBase::DoForwardUp(packet, from, to);
    return NotifyConnectionFailed();
  }

  if (IsFinWait() && (flags & TcpHeader::FIN) && (flags & TcpHeader::ACK)) {
    packet->RemoveHeader(header);
    m_heldFin = header;
    m_heldFin->SetSequenceNumber(header.GetSequenceNumber() + packet->GetSize());
    header.SetFlags(flags & static_cast<uint8_t>(~TcpHeader::FIN));
    packet->AddHeader(header);
  }
  TcpSocketBase::DoForwardUp(packet, from, to);
  if (IsFinWait() && m_heldFin && m_tcb->m_rxBuffer->NextRxSequence() == m_heldFin->GetSequenceNumber()) {
    auto fin = ns3::Create<ns3::Packet>();
    fin->AddHeader(*m_heldFin);
    m_heldFin.reset();
    TcpSocketBase::DoForwardUp(fin, from, to);
  }
}

bool TcpEdgeSocket::IsFinWait() const { return m_state == FIN_WAIT_1 || m_state == FIN_WAIT_2; }

/// What DoForwardUp() does with an acknowledgement in the states before the FIN was sent.
void TcpEdgeSocket::AcknowledgedBeforeFin(ns3::Ptr<ns3::Packet> packet, const ns3::TcpHeader& header) {
  ns3::TcpHeader removed;
  packet->RemoveHeader(removed);
  m_rxTrace(packet, header, this);
  if (m_timestampEnabled && header.HasOption(ns3::TcpOption::TS))
    ProcessOptionTimestamp(header.GetOption(ns3::TcpOption::TS), header.GetSequenceNumber());
  EstimateRtt(header);
  UpdateWindowSize(header);
  ReceivedAck(packet, header);
  if (IsFinAlone() && !m_retxEvent.IsRunning())
    m_retxEvent = ns3::Simulator::Schedule(m_rto.Get(), &TcpEdgeSocket::ReTxTimeout, this);
}

bool TcpEdgeSocket::IsFinAlone() const { return m_txBuffer->Size() == 0; }

void TcpEdgeSocket::ReTxTimeout() {
  if (m_state != LAST_ACK || !IsFinAlone()) return TcpSocketBase::ReTxTimeout();
  if (m_dataRetrCount == 0) return CloseAndNotify();
  --m_dataRetrCount;
  m_rto = std::min(m_rto.Get() + m_rto.Get(), ns3::Time(ns3::Seconds(60)));
  SendEmptyPacket(ns3::TcpHeader::FIN | ns3::TcpHeader::ACK);
}

}  // namespace overlaysim::traffic
