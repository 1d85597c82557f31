#include "sim/verify/kernel_traffic.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "models/wire/bytes.h"
#include "models/wire/checksum.h"
#include "models/wire/headers.h"
#include "sim/iproute2/command.h"
#include "sim/verify/command_policy.h"

namespace overlaysim::verify {
namespace {

constexpr size_t kMostBytes = 1 << 16;
constexpr size_t kPingTimeBytes = 16;
/// As the simulation has them: how long a receiver waits behind the last datagram, and the longest wait of a transfer.
constexpr Nanoseconds kListenAfterLast = Seconds(1), kTransferWait = Seconds(20);

/// An address and port as sockets take them.
class SocketAddress {
 public:
  SocketAddress(const IpAddress& address, uint16_t port) : m_isV6(address.IsV6()) {
    if (m_isV6) {
      m_v6.sin6_family = AF_INET6;
      m_v6.sin6_port = htons(port);
      std::memcpy(&m_v6.sin6_addr, address.V6().bytes.data(), sizeof m_v6.sin6_addr);
    } else {
      m_v4.sin_family = AF_INET;
      m_v4.sin_port = htons(port);
      m_v4.sin_addr.s_addr = htonl(address.V4().value);
    }
  }
  const sockaddr* Get() const {
    return m_isV6 ? reinterpret_cast<const sockaddr*>(&m_v6) : reinterpret_cast<const sockaddr*>(&m_v4);
  }
  socklen_t Size() const { return m_isV6 ? sizeof m_v6 : sizeof m_v4; }

 private:
  bool m_isV6;
  sockaddr_in m_v4{};
  sockaddr_in6 m_v6{};
};

int FamilyOf(const Workload& w) { return w.destination.IsV6() ? AF_INET6 : AF_INET; }

/// `address`, or any of the flow's family.
IpAddress OrAny(const IpAddress& address, const Workload& w) {
  if (!address.IsZero()) return address;
  return w.destination.IsV6() ? IpAddress(Ipv6Address{}) : IpAddress(Ipv4Address{});
}

int Bind(const File& socket, const IpAddress& address, uint16_t port) {
  const SocketAddress to(address, port);
  return bind(socket.Get(), to.Get(), to.Size());
}

void SendTo(const File& socket, const std::vector<uint8_t>& bytes, const IpAddress& address, uint16_t port) {
  const SocketAddress to(address, port);
  sendto(socket.Get(), bytes.data(), bytes.size(), 0, to.Get(), to.Size());
}

void SetOption(const File& socket, int level, int option, int value) {
  setsockopt(socket.Get(), level, option, &value, sizeof value);
}

void SetIpOptions(const File& socket, const Workload& w) {
  if (w.destination.IsV6()) {
    SetOption(socket, SOL_IPV6, IPV6_V6ONLY, 1);
    SetOption(socket, SOL_IPV6, IPV6_UNICAST_HOPS, w.ttl);
    SetOption(socket, SOL_IPV6, IPV6_TCLASS, w.tos);
    SetOption(socket, SOL_IPV6, IPV6_AUTOFLOWLABEL, w.autoFlowLabel);
    SetOption(socket, SOL_IPV6, IPV6_MTU_DISCOVER,
              w.df     ? IPV6_PMTUDISC_DO
              : w.want ? IPV6_PMTUDISC_WANT
                       : IPV6_PMTUDISC_DONT);
    return;
  }
  SetOption(socket, SOL_SOCKET, SO_BROADCAST, 1);
  SetOption(socket, SOL_IP, IP_TTL, w.ttl);
  SetOption(socket, SOL_IP, IP_TOS, w.tos);
  SetOption(socket, SOL_IP, IP_MTU_DISCOVER, w.df ? IP_PMTUDISC_DO : w.want ? IP_PMTUDISC_WANT : IP_PMTUDISC_DONT);
}

std::vector<uint8_t> CountingBytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

std::vector<uint8_t> EchoRequest(const Workload& w, uint16_t sequence) {
  std::vector<uint8_t> message(wire::kIcmpHeaderBytes);
  const std::vector<uint8_t> payload = CountingBytes(w.payload);
  message.insert(message.end(), payload.begin(), payload.end());
  if (w.pingPayload && w.payload >= kPingTimeBytes) {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const std::array<int64_t, 2> time = {now.tv_sec, now.tv_nsec / 1000};  // struct timeval, as ping(8) writes it
    std::memcpy(message.data() + wire::kIcmpHeaderBytes, time.data(), sizeof time);
  }
  message[0] = w.destination.IsV6() ? uint8_t{wire::kIcmpv6Echo} : uint8_t{wire::kIcmpEcho};
  wire::Put16(message.data() + 4, EchoIdOf(w));
  wire::Put16(message.data() + 6, sequence);
  if (w.destination.IsV6()) return message;  // the kernel fills in the checksum
  wire::Put16(message.data() + 2, wire::Checksum(message.data(), message.size()));
  return message;
}

}  // namespace

struct KernelTraffic::Sender {
  const Workload& workload;
  File socket;
  uint64_t sent = 0;
  std::set<uint16_t> answered;
};

struct KernelTraffic::Receiver {
  File socket;
  std::vector<const Workload*> flows;
};

/// Both ends of a TCP connection: `up` bytes, half-close, `down` bytes back.
struct KernelTraffic::Transfer {
  struct End {
    File socket;
    uint64_t toSend = 0, sent = 0, received = 0;
    bool mayWrite = false, sawEof = false;
  };
  const Workload& workload;
  File listener;
  End client, server;
};

KernelTraffic::KernelTraffic(KernelLab& lab, EventLoop& loop, const ClusterPlan& plan)
    : m_lab(lab), m_loop(loop), m_plan(plan), m_flows(plan.workloads.size()) {}
KernelTraffic::~KernelTraffic() = default;

void KernelTraffic::Schedule() {
  for (size_t i = 0; i < m_plan.workloads.size(); ++i) m_loop.At(m_plan.workloads[i].start, [this, i] { Start(i); });
}

void KernelTraffic::Finish() {
  for (auto at = m_receivers.begin(); at != m_receivers.end();) {
    Receiver& receiver = *(at++)->second;
    ReadDatagrams(receiver);
  }
  for (const std::shared_ptr<Sender>& sender : m_senders)
    if (sender->workload.kind == WorkloadKind::Ping) ReadEchoes(sender);
}

bool KernelTraffic::IsDone() const {
  return std::none_of(m_flows.begin(), m_flows.end(), [](const KernelFlow& flow) { return flow.isOpen; });
}

void KernelTraffic::Start(size_t index) {
  const Workload& workload = m_plan.workloads[index];
  switch (workload.kind) {
    case WorkloadKind::Ping:
      return StartPing(workload);
    case WorkloadKind::Udp:
      return StartUdp(workload);
    case WorkloadKind::Tcp:
      return StartTcp(workload);
    case WorkloadKind::Rpc:
      return;  // WhyNotVerifiable()
    case WorkloadKind::Inject:
      return StartInject(workload);
    case WorkloadKind::Command:
      return StartCommand(workload);
  }
}

// ------------------------------------------------------------------------------------------------ ping

void KernelTraffic::StartPing(const Workload& workload) {
  auto sender = m_senders.emplace_back(std::make_shared<Sender>(Sender{workload, {}, 0, {}}));
  m_lab.Enter(workload.from, [&] {
    const int protocol = workload.destination.IsV6() ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
    sender->socket = File(socket(FamilyOf(workload), SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    SetIpOptions(sender->socket, workload);
    if (!workload.source.IsZero()) Bind(sender->socket, workload.source, 0);
  });
  m_loop.OnReadable(sender->socket.Get(), [this, sender] { ReadEchoes(sender); });
  SendEchoes(sender);
}

void KernelTraffic::SendEchoes(const std::shared_ptr<Sender>& sender) {
  const Workload& w = sender->workload;
  const auto message = EchoRequest(w, static_cast<uint16_t>(w.icmpFirstSeq + sender->sent));
  SendTo(sender->socket, message, w.destination, 0);
  if (++sender->sent < w.count)
    m_loop.At(w.start + w.interval * static_cast<int64_t>(sender->sent), [this, sender] { SendEchoes(sender); });
}

void KernelTraffic::ReadEchoes(const std::shared_ptr<Sender>& sender) {
  const Workload& w = sender->workload;
  std::vector<uint8_t> packet(kMostBytes);
  while (true) {
    const ssize_t got = recv(sender->socket.Get(), packet.data(), packet.size(), 0);
    if (got < 0) return;
    // A raw socket of IPv6 gives what is behind the header.
    const uint32_t header = w.destination.IsV6() ? 0 : wire::Ipv4{packet.data()}.HeaderBytes();
    if (static_cast<size_t>(got) < header + wire::kIcmpHeaderBytes) continue;
    const uint8_t* icmp = packet.data() + header;
    const uint8_t reply = w.destination.IsV6() ? uint8_t{wire::kIcmpv6EchoReply} : uint8_t{wire::kIcmpEchoReply};
    if (icmp[0] != reply || wire::Get16(icmp + 4) != EchoIdOf(w)) continue;
    if (!sender->answered.insert(wire::Get16(icmp + 6)).second) continue;
    ++FlowOf(w).deliveredPackets;
    FlowOf(w).deliveredBytes += static_cast<uint64_t>(got) - header - wire::kIcmpHeaderBytes;
  }
}

// ------------------------------------------------------------------------------------------------ udp

void KernelTraffic::StartUdp(const Workload& workload) {
  if (workload.to) Listen(workload.to, OrAny({}, workload), workload.destinationPort, workload);
  auto sender = m_senders.emplace_back(std::make_shared<Sender>(Sender{workload, {}, 0, {}}));
  m_lab.Enter(workload.from, [&] {
    sender->socket = File(socket(FamilyOf(workload), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    SetIpOptions(sender->socket, workload);
    SetOption(sender->socket, SOL_SOCKET, SO_REUSEADDR, 1);
    Bind(sender->socket, OrAny(workload.source, workload), workload.sourcePort);
  });
  SendDatagrams(sender);
}

void KernelTraffic::SendDatagrams(const std::shared_ptr<Sender>& sender) {
  const Workload& w = sender->workload;
  const std::vector<uint8_t> payload = CountingBytes(w.payload);
  SendTo(sender->socket, payload, w.destination, w.destinationPort);
  const Nanoseconds next = w.start + w.interval * static_cast<int64_t>(++sender->sent);
  if (sender->sent < w.count)
    m_loop.At(next, [this, sender] { SendDatagrams(sender); });
  else if (w.to)
    m_loop.At(m_loop.Now() + w.timeout.value_or(kListenAfterLast), [this, &w] { StopListening(w); });
}

void KernelTraffic::Listen(NetnsId on, const IpAddress& address, uint16_t port, const Workload& workload) {
  std::unique_ptr<Receiver>& receiver = m_receivers[{on, address.IsV6(), port}];
  if (!receiver) {
    receiver = std::make_unique<Receiver>();
    m_lab.Enter(on, [&] {
      const int family = address.IsV6() ? AF_INET6 : AF_INET;
      receiver->socket = File(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (address.IsV6()) SetOption(receiver->socket, SOL_IPV6, IPV6_V6ONLY, 1);
      Bind(receiver->socket, address, port);
    });
    m_loop.OnReadable(receiver->socket.Get(), [this, &r = *receiver] { ReadDatagrams(r); });
  }
  receiver->flows.push_back(&workload);
}

void KernelTraffic::ReadDatagrams(Receiver& receiver) {
  std::vector<uint8_t> payload(kMostBytes);
  while (true) {
    sockaddr_in6 from{};  // the port stands where sockaddr_in has it
    socklen_t size = sizeof from;
    const ssize_t got =
        recvfrom(receiver.socket.Get(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return;
    auto flow = std::find_if(receiver.flows.begin(), receiver.flows.end(),
                             [&](const Workload* w) { return w->sourcePort == ntohs(from.sin6_port); });
    if (flow == receiver.flows.end()) flow = receiver.flows.begin();
    if (flow == receiver.flows.end()) continue;
    const Workload& w = **flow;
    ++FlowOf(w).deliveredPackets;
    FlowOf(w).deliveredBytes += static_cast<uint64_t>(got);
    if (FlowOf(w).deliveredPackets < w.count) continue;
    const bool isLast = receiver.flows.size() == 1;
    StopListening(w);
    if (isLast) return;  // the receiver is gone
  }
}

void KernelTraffic::StopListening(const Workload& workload) {
  for (auto at = m_receivers.begin(); at != m_receivers.end(); ++at) {
    Receiver& receiver = *at->second;
    if (std::erase(receiver.flows, &workload) == 0 || !receiver.flows.empty()) continue;
    m_loop.Forget(receiver.socket.Get());
    m_receivers.erase(at);
    return;
  }
}

// ------------------------------------------------------------------------------------------------ tcp

namespace {

/// Writes and reads what is possible now. True: this end has written everything and seen the other's end.
template <typename End>
bool Continue(End& end) {
  std::vector<uint8_t> buffer(kMostBytes);
  for (ssize_t got = 1; got > 0 && !end.sawEof;) {
    got = recv(end.socket.Get(), buffer.data(), buffer.size(), 0);
    if (got > 0) end.received += static_cast<uint64_t>(got);
    end.sawEof = got == 0;
  }
  const bool wasOpen = end.sent < end.toSend || end.mayWrite;
  while (end.mayWrite && end.sent < end.toSend) {
    const size_t bytes = static_cast<size_t>(std::min<uint64_t>(end.toSend - end.sent, buffer.size()));
    for (size_t i = 0; i < bytes; ++i) buffer[i] = static_cast<uint8_t>(end.sent + i);
    const ssize_t sent = send(end.socket.Get(), buffer.data(), bytes, MSG_NOSIGNAL);
    if (sent < 0) break;
    end.sent += static_cast<uint64_t>(sent);
  }
  if (end.mayWrite && end.sent == end.toSend && wasOpen) {
    shutdown(end.socket.Get(), SHUT_WR);
    end.mayWrite = false;
  }
  return end.sawEof && !end.mayWrite && end.sent == end.toSend;
}

}  // namespace

void KernelTraffic::StartTcp(const Workload& workload) {
  auto transfer = m_transfers.emplace_back(std::make_shared<Transfer>(Transfer{workload, {}, {}, {}}));
  FlowOf(workload).isOpen = true;
  auto count = [this, transfer] {
    FlowOf(transfer->workload).deliveredBytes = transfer->client.received + transfer->server.received;
  };
  auto end = [this, transfer, count] {
    count();
    for (const File* file : {&transfer->client.socket, &transfer->server.socket, &transfer->listener})
      if (file->IsOpen()) m_loop.Forget(file->Get());
    transfer->client.socket.Close();
    transfer->server.socket.Close();
    transfer->listener.Close();
    FlowOf(transfer->workload).isOpen = false;
  };
  if (workload.to) {
    transfer->server.toSend = workload.down;
    m_lab.Enter(workload.to, [&] {
      transfer->listener = File(socket(FamilyOf(workload), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      SetOption(transfer->listener, SOL_SOCKET, SO_REUSEADDR, 1);
      if (workload.destination.IsV6()) SetOption(transfer->listener, SOL_IPV6, IPV6_V6ONLY, 1);
      Bind(transfer->listener, OrAny({}, workload), workload.destinationPort);
      listen(transfer->listener.Get(), 1);
    });
    m_loop.OnReadable(transfer->listener.Get(), [this, transfer] {
      Transfer::End& server = transfer->server;
      server.socket = File(accept4(transfer->listener.Get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      m_loop.Forget(transfer->listener.Get());
      if (!server.socket.IsOpen()) return;
      m_loop.OnReadable(server.socket.Get(), [this, transfer] {
        Transfer::End& s = transfer->server;
        const bool sawEof = s.sawEof;
        Continue(s);
        if (s.sawEof && !sawEof) {  // it answers once it has seen the end of what comes
          s.mayWrite = true;
          m_loop.OnWritable(s.socket.Get(), [this, transfer] {
            if (Continue(transfer->server)) m_loop.Forget(transfer->server.socket.Get());
          });
        }
      });
    });
  }
  Transfer::End& client = transfer->client;
  client.toSend = workload.up;
  int error = 0;
  m_lab.Enter(workload.from, [&] {
    const bool isV6 = workload.destination.IsV6();
    client.socket = File(socket(FamilyOf(workload), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    SetOption(client.socket, SOL_SOCKET, SO_REUSEADDR, 1);
    SetOption(client.socket, isV6 ? SOL_IPV6 : SOL_IP, isV6 ? IPV6_TCLASS : IP_TOS, workload.tos);
    Bind(client.socket, OrAny(workload.source, workload), workload.sourcePort);
    const SocketAddress to(workload.destination, workload.destinationPort);
    if (connect(client.socket.Get(), to.Get(), to.Size()) != 0 && errno != EINPROGRESS) error = errno;
  });
  if (error != 0) return end();
  m_loop.At(m_loop.Now() + workload.timeout.value_or(kTransferWait), [this, transfer, end] {
    if (FlowOf(transfer->workload).isOpen) end();
  });
  m_loop.OnWritable(client.socket.Get(), [this, transfer, end] {
    Transfer::End& c = transfer->client;
    int failed = 0;
    socklen_t size = sizeof failed;
    getsockopt(c.socket.Get(), SOL_SOCKET, SO_ERROR, &failed, &size);
    if (failed != 0) return end();
    if (c.sent == 0) c.mayWrite = true;
    if (Continue(c)) return end();
    if (c.mayWrite) return;
    m_loop.OnReadable(c.socket.Get(), [transfer, end] {  // all is written: the rest is to read
      if (Continue(transfer->client)) end();
    });
  });
}

// ------------------------------------------------------------------------------------------------ frames, commands

void KernelTraffic::StartInject(const Workload& workload) {
  if (workload.to) {
    Listen(workload.to, OrAny(workload.listenAddress, workload), workload.listenPort, workload);
    m_loop.At(m_loop.Now() + workload.timeout.value_or(kListenAfterLast),
              [this, &workload] { StopListening(workload); });
  }
  m_lab.Enter(workload.from, [&] {
    const File socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = workload.injectIfindex;
    bind(socket.Get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    for (const std::vector<uint8_t>& frame : workload.frames) send(socket.Get(), frame.data(), frame.size(), 0);
  });
}

void KernelTraffic::StartCommand(const Workload& workload) {
  PermittedCommand permitted;
  std::string why;
  Permit(iproute2::SplitCommand(workload.command).value_or(std::vector<std::string>{}), permitted, why);
  const PlanCommand command{permitted.netns.empty() ? m_lab.NameOf(workload.from) : permitted.netns, permitted.argv};
  FlowOf(workload).isOpen = true;
  m_lab.Start(command, m_loop, [this, &workload](ProgramResult result) {
    KernelFlow& flow = FlowOf(workload);
    flow.output = std::move(result.output);
    flow.exit = result.exit;
    flow.isOpen = false;
  });
}

}  // namespace overlaysim::verify
