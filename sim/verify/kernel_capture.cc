#include "sim/verify/kernel_capture.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "sim/base/check.h"

namespace overlaysim::verify {
namespace {

constexpr int kBufferBytes = 16 << 20;
constexpr size_t kMostBytes = 1 << 16, kMacPairBytes = 12, kVlanTagBytes = 4;

File OpenPacketSocket(unsigned ifindex) {
  File socket(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(socket.Get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  setsockopt(socket.Get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  setsockopt(socket.Get(), SOL_PACKET, PACKET_AUXDATA, &on, sizeof on);
  const packet_mreq promiscuous{static_cast<int>(ifindex), PACKET_MR_PROMISC, 0, {}};
  setsockopt(socket.Get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(ifindex);
  if (bind(socket.Get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) socket.Close();
  return socket;
}

/// The kernel takes a VLAN tag out of the frame and tells it beside: it goes back to its place.
void RestoreVlanTag(std::vector<uint8_t>& frame, const tpacket_auxdata& aux) {
  if (!(aux.tp_status & TP_STATUS_VLAN_VALID) || frame.size() < kMacPairBytes) return;
  const uint16_t type = aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : ETH_P_8021Q;
  const uint8_t tag[kVlanTagBytes] = {static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type),
                                      static_cast<uint8_t>(aux.tp_vlan_tci >> 8),
                                      static_cast<uint8_t>(aux.tp_vlan_tci)};
  frame.insert(frame.begin() + kMacPairBytes, tag, tag + kVlanTagBytes);
}

}  // namespace

KernelCapture::KernelCapture(KernelLab& lab, EventLoop& loop, const ClusterPlan& plan) : m_lab(lab), m_loop(loop) {
  for (const CapturePoint& point : plan.captures) {
    FilterError why;
    auto filter = CaptureFilter::Compile(point.filter, why);
    OVERLAYSIM_CHECK(filter, "filter \"{}\": {}", point.filter, why.ToString());
    m_points.push_back({.point = &point, .filter = std::move(*filter)});
  }
  Open();
}

void KernelCapture::Open() {
  for (Point& point : m_points)
    m_lab.Enter(point.point->netns, [&] {
      const unsigned ifindex = if_nametoindex(point.point->device.c_str());
      if (ifindex == point.ifindex) return;
      if (point.socket.IsOpen()) {
        Read(point);
        CountLost(point.socket);
        m_loop.Forget(point.socket.Get());
      }
      point.ifindex = ifindex;
      point.socket = ifindex != 0 ? OpenPacketSocket(ifindex) : File();
      if (point.socket.IsOpen()) m_loop.OnReadable(point.socket.Get(), [this, &point] { Read(point); });
    });
}

void KernelCapture::Read(Point& point) {
  std::vector<uint8_t> buffer(kMostBytes);
  while (true) {
    alignas(cmsghdr) char control[256];
    iovec vector{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t got = recvmsg(point.socket.Get(), &message, 0);
    if (got < 0) return;
    SeenFrame frame{.bytes = {buffer.begin(), buffer.begin() + got}};
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
        timespec time{};
        std::memcpy(&time, CMSG_DATA(c), sizeof time);
        frame.at = Seconds(time.tv_sec) + Nanoseconds{time.tv_nsec} - m_begin;
      } else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
        tpacket_auxdata aux{};
        std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
        RestoreVlanTag(frame.bytes, aux);
      }
    }
    if (m_begin.count > 0 && frame.at.count >= 0 && point.filter.Matches(frame.bytes))
      point.frames.push_back(std::move(frame));
  }
}

void KernelCapture::CountLost(const File& socket) {
  tpacket_stats statistics{};
  socklen_t size = sizeof statistics;
  if (getsockopt(socket.Get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0) m_lost += statistics.tp_drops;
}

void KernelCapture::Finish() {
  for (Point& point : m_points) {
    if (!point.socket.IsOpen()) continue;
    Read(point);
    CountLost(point.socket);
    m_loop.Forget(point.socket.Get());
    point.socket.Close();
  }
}

std::vector<std::vector<SeenFrame>> KernelCapture::Frames(Nanoseconds end) const {
  std::vector<std::vector<SeenFrame>> out;
  for (const Point& point : m_points) {
    std::vector<SeenFrame>& frames = out.emplace_back();
    std::copy_if(point.frames.begin(), point.frames.end(), std::back_inserter(frames),
                 [&](const SeenFrame& frame) { return frame.at <= end; });
  }
  return out;
}

}  // namespace overlaysim::verify
