#include "models/traffic/tcp_transfer.h"

#include <fmt/format.h>

#include <ns3/callback.h>
#include <ns3/simulator.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"

namespace overlaysim::traffic {
namespace {

constexpr uint32_t kChunkBytes = 65536;
/// Of two ends that would wait equally long, the server, which has no data to make before, gives up first, and its
/// client reads an end of file. On Linux chance decides; of 18 runs 11 went this way.
constexpr Nanoseconds kClientWaitsLonger = Milliseconds(1);
constexpr char kTimedOut[] =
    "timed out";  // Python's word for a timeout of its own; the kernel's is "Connection timed out"

/// What either end writes, from that position on: kChunkBytes of it.
const uint8_t* PatternAt(uint64_t position) {
  static const std::vector<uint8_t> kPattern = CountingBytes(kChunkBytes + 256);
  return &kPattern[position & 0xff];
}

}  // namespace

TcpEnd::~TcpEnd() {
  m_timer.Cancel();
  m_later.Cancel();
  if (!m_socket) return;
  const auto none = ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>>();
  m_socket->SetConnectCallback(none, none);
  m_socket->SetCloseCallbacks(none, none);
  m_socket->SetRecvCallback(none);
  m_socket->SetSendCallback(ns3::MakeNullCallback<void, ns3::Ptr<ns3::Socket>, uint32_t>());
  m_socket->SetAttribute("IcmpCallback", ns3::CallbackValue());
  m_socket->TraceDisconnectWithoutContext("Rx", ns3::MakeCallback(&TcpEnd::OnSegment, this));
  m_socket->TraceDisconnectWithoutContext("State", ns3::MakeCallback(&TcpEnd::OnState, this));
}

void TcpEnd::Use(ns3::Ptr<ns3::Socket> socket) {
  m_socket = socket;
  m_lastProgress = engine::Now();
  socket->SetRecvCallback(ns3::MakeCallback(&TcpEnd::OnReadable, this));
  socket->SetSendCallback(ns3::MakeCallback(&TcpEnd::OnWritable, this));
  socket->SetCloseCallbacks(ns3::MakeCallback(&TcpEnd::OnClosed, this), ns3::MakeCallback(&TcpEnd::OnGaveUp, this));
  socket->SetAttribute("IcmpCallback", ns3::CallbackValue(ns3::MakeCallback(&TcpEnd::OnIcmp, this)));
  socket->TraceConnectWithoutContext("Rx", ns3::MakeCallback(&TcpEnd::OnSegment, this));
  socket->TraceConnectWithoutContext("State", ns3::MakeCallback(&TcpEnd::OnState, this));
}

void TcpEnd::SetTimeout(Nanoseconds timeout) {
  m_timeout = timeout;
  m_lastProgress = engine::Now();
  m_timer = ns3::Simulator::Schedule(ns3::NanoSeconds(timeout.count), &TcpEnd::CheckTimeout, this);
}

void TcpEnd::CheckTimeout() {
  if (m_ended) return;
  const Nanoseconds left = m_lastProgress + m_timeout - engine::Now();
  if (left.count <= 0) return Fail(kTimedOut, false);
  m_timer = ns3::Simulator::Schedule(ns3::NanoSeconds(left.count), &TcpEnd::CheckTimeout, this);
}

/// As much as the socket's buffer takes; OnWritable() goes on with it.
void TcpEnd::Write() {
  m_isWriting = true;
  while (m_sent < m_toSend) {
    const auto bytes =
        static_cast<uint32_t>(std::min<uint64_t>({m_socket->GetTxAvailable(), m_toSend - m_sent, kChunkBytes}));
    if (bytes == 0 || m_socket->Send(ns3::Create<ns3::Packet>(PatternAt(m_sent), bytes)) < 0) return;
    m_sent += bytes;
    m_lastProgress = engine::Now();
  }
  m_isWriting = false;
  m_wroteAll = true;
  if (!m_sawEof) {
    m_socket->ShutdownSend();
  } else {
    m_socket->Close();
    End();
  }
}

void TcpEnd::OnWritable(ns3::Ptr<ns3::Socket>, uint32_t) {
  if (m_isWriting) Write();
}

void TcpEnd::OnReadable(ns3::Ptr<ns3::Socket> socket) {
  while (ns3::Ptr<ns3::Packet> packet = socket->Recv(kChunkBytes, 0)) {
    m_readBuffer.resize(packet->GetSize());
    if (m_readBuffer.empty()) return;  // the end of what the peer writes: OnClosed()
    packet->CopyData(m_readBuffer.data(), packet->GetSize());
    result.intact &= std::memcmp(m_readBuffer.data(), PatternAt(result.received), m_readBuffer.size()) == 0;
    result.received += m_readBuffer.size();
    m_lastProgress = result.lastByteAt = engine::Now();
  }
}

/// ns-3 calls this for the peer's FIN as for a RST. In the middle of the socket's own work: what answers to it comes
/// later.
void TcpEnd::OnClosed(ns3::Ptr<ns3::Socket> socket) {
  OnReadable(socket);
  const bool byFin = m_state == ns3::TcpSocket::CLOSE_WAIT || m_state == ns3::TcpSocket::TIME_WAIT;
  if (byFin && !m_isFailing) m_later = ns3::Simulator::ScheduleNow(&TcpEnd::Eof, this);
}

/// ns-3 tells nobody of a FIN that comes before its own is acknowledged.
void TcpEnd::OnState(ns3::TcpSocket::TcpStates_t, ns3::TcpSocket::TcpStates_t now) {
  m_state = now;
  if (now == ns3::TcpSocket::CLOSING && !m_isFailing) m_later = ns3::Simulator::ScheduleNow(&TcpEnd::Eof, this);
}

void TcpEnd::Eof() {
  if (m_sawEof) return;
  m_sawEof = true;
  if (onEof) onEof();
  if (m_wroteAll) End();
}

void TcpEnd::OnSegment(ns3::Ptr<const ns3::Packet>, const ns3::TcpHeader& header, ns3::Ptr<const ns3::TcpSocketBase>) {
  if (header.GetFlags() & ns3::TcpHeader::RST)
    FailLater(m_state == ns3::TcpSocket::SYN_SENT ? ECONNREFUSED : ECONNRESET);
}

/// tcp_v4_err(): an established connection outlives an error message, one that is being made does not.
void TcpEnd::OnIcmp(ns3::Ipv4Address, uint8_t, uint8_t, uint8_t, uint32_t error) {
  if (m_state == ns3::TcpSocket::SYN_SENT) FailLater(static_cast<int>(error));
}

void TcpEnd::OnGaveUp(ns3::Ptr<ns3::Socket>) { FailLater(ETIMEDOUT); }

void TcpEnd::FailLater(int error) {
  if (m_ended || m_isFailing) return;
  m_isFailing = true;
  m_later.Cancel();
  m_later = ns3::Simulator::ScheduleNow([this, error] { Fail(std::strerror(error), true); });
}

void TcpEnd::Fail(const std::string& error, bool quietly) {
  if (m_ended) return;
  result.error = error;
  if (m_socket && quietly)
    m_edge.Abandon(m_socket);
  else if (m_socket && m_state == ns3::TcpSocket::SYN_SENT)
    m_socket->Close();
  else if (m_socket)
    m_socket->ShutdownSend();  // ns-3's Close() resets a connection that lacks data in between, Linux's does not
  End();
}

bool TcpEnd::TimedOut() const { return result.error == kTimedOut; }

void TcpEnd::End() {
  if (m_ended) return;
  m_ended = true;
  m_isWriting = false;
  m_timer.Cancel();
  if (onEnded) onEnded();
}

TcpServer::TcpServer(TcpEdge& edge, const TcpSettings& settings)
    : m_edge(edge), m_settings(settings), m_end(edge, settings.down) {}

TcpServer::~TcpServer() { m_edge.StopAccepting(m_settings.destinationPort, m_settings.flow); }

void TcpServer::Start() {
  m_end.onEof = [this] { m_end.Write(); };
  ns3::Simulator::ScheduleWithContext(m_edge.Context(), ns3::Time(0), &TcpServer::Listen, this);
}

void TcpServer::Listen() {
  if (m_settings.timeout) m_end.SetTimeout(*m_settings.timeout);
  const IpAddress any = m_settings.destination.IsV6() ? IpAddress(Ipv6Address{}) : IpAddress(Ipv4Address{});
  const int error = m_edge.Accept(any, m_settings.destinationPort, m_settings.flow,
                                  [this](ns3::Ptr<ns3::Socket> socket) { m_end.Use(socket); });
  if (error != 0) m_end.Fail(std::strerror(error), true);
}

void TcpServer::GiveUp() { m_end.Fail(kTimedOut, true); }

RemoteTcpServer::RemoteTcpServer(TcpEdge& edge, Messenger& client, const TcpSettings& settings)
    : m_server(edge, settings) {
  m_server.End().onEnded = [this, &client, flow = settings.flow] {
    const TcpEndResult& result = m_server.End().result;
    client.Tell({.kind = Word::Kind::ServerEnded,
                 .flow = flow,
                 .at = engine::Now(),
                 .number = result.received,
                 .then = result.lastByteAt,
                 .isIntact = result.intact,
                 .error = result.error});
  };
}

TcpTransfer::TcpTransfer(TcpEdge& from, TcpEdge* to, const TcpSettings& settings)
    : m_from(from), m_settings(settings), m_client(from, settings.up) {
  if (to) m_server.emplace(*to, settings);
}

TcpTransfer::TcpTransfer(TcpEdge& from, Messenger& server, const TcpSettings& settings)
    : TcpTransfer(from, nullptr, settings) {
  m_messenger = &server;
}

void TcpTransfer::Start() {
  m_startedAt = engine::Now();
  m_result.offeredBytes = m_settings.up + (m_server || m_messenger ? m_settings.down : 0);
  m_client.onEnded = [this] {
    m_clientEndedAt = engine::Now();
    Ended();
  };
  if (m_server) {
    m_server->End().onEnded = [this] { Ended(); };
    m_server->Start();
  }
  ns3::Simulator::ScheduleWithContext(m_from.Context(), ns3::Time(0), &TcpTransfer::Connect, this);
}

void TcpTransfer::Connect() {
  if (m_settings.timeout) m_client.SetTimeout(*m_settings.timeout + kClientWaitsLonger);
  const ns3::Ptr<ns3::Socket> socket = m_from.CreateTcpSocket();
  socket->SetIpTos(m_settings.tos);
  socket->SetConnectCallback(ns3::MakeCallback(&TcpTransfer::OnConnected, this),
                             ns3::MakeCallback(&TcpEnd::OnGaveUp, &m_client));
  m_client.Use(socket);
  const int error = m_from.Connect(socket, m_settings.source, m_settings.sourcePort, m_settings.destination,
                                   m_settings.destinationPort, m_settings.flow);
  if (error != 0) m_client.Fail(std::strerror(error), true);
}

void TcpTransfer::OnConnected(ns3::Ptr<ns3::Socket>) {
  m_connectedAt = engine::Now();
  m_client.Write();
}

/// A server whose client has failed is waited for as long as it would wait itself.
void TcpTransfer::Ended() {
  if (!m_client.IsEnded()) return;
  const bool isWaitedFor = m_client.result.error.empty() || m_settings.timeout;
  if (m_messenger) {
    if (m_remote) return Hear(*m_remote);
    if (isWaitedFor || m_gaveUpAt) return;
    m_gaveUpAt = engine::Now();
    return m_messenger->Tell({.kind = Word::Kind::GiveUp, .flow = m_settings.flow, .at = engine::Now()});
  }
  if (m_server && !m_server->End().IsEnded()) {
    if (!isWaitedFor) m_server->GiveUp();
    return;
  }
  m_endedAt = engine::Now();
  Finish(Server());
}

/// The server has ended, or has been told to.
void TcpTransfer::Hear(const Word& word) {
  m_remote = word;
  if (!m_client.IsEnded() || IsDone()) return;
  const TcpEndResult server{
      .received = word.number, .intact = word.isIntact, .error = word.error, .lastByteAt = word.then};
  m_endedAt = m_gaveUpAt ? *m_gaveUpAt : std::max(word.at, m_clientEndedAt);
  Finish(&server);
}

void TcpTransfer::Finish(const TcpEndResult* server) {
  m_result.deliveredBytes = m_client.result.received + (server ? server->received : 0);
  m_result.error = m_client.result.error;
  if (m_result.error.empty() && server) m_result.error = server->error;
  if (server && m_result.error.empty() && m_result.deliveredBytes == m_result.offeredBytes)
    m_result.completion = std::max(m_client.result.lastByteAt, server->lastByteAt) - m_startedAt;
  Report();
  DoneAt(m_endedAt);
}

/// What a person is told, in the manner of iperf3's last line.
void TcpTransfer::Report() {
  const int64_t us = (m_endedAt - m_startedAt).count / 1000;
  m_result.output = fmt::format("{} of {} bytes in {}.{:03} ms", m_result.deliveredBytes, m_result.offeredBytes,
                                us / 1000, us % 1000);
  if (const int64_t kbps = Throughput().count / 1000; kbps > 0)
    m_result.output += fmt::format(", {}.{:03} Mbit/s", kbps / 1000, kbps % 1000);
  m_result.output += m_result.error.empty() ? "\n" : ": " + m_result.error + "\n";
  m_result.exit = m_result.error.empty() ? 0 : 1;
}

BitsPerSecond TcpTransfer::Throughput() const {
  const int64_t took = (m_endedAt - m_startedAt).count;
  if (took <= 0 || m_result.deliveredBytes != m_result.offeredBytes) return {0};
  __extension__ using Wide = __int128;
  return {static_cast<int64_t>(static_cast<Wide>(m_result.deliveredBytes) * 8 * 1000000000 / took)};
}

}  // namespace overlaysim::traffic
