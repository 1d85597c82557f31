// Sends or counts UDP datagrams on this machine's kernel, as fast as it goes: `bench_datagrams send ADDRESS SECONDS`,
// `bench_datagrams count SECONDS`. The counter prints how many datagrams have come.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

constexpr uint16_t kPort = 5001;
constexpr size_t kPayload = 1400, kBatch = 64;
using Clock = std::chrono::steady_clock;

struct Batch {
  std::array<std::array<char, kPayload>, kBatch> data{};
  std::array<iovec, kBatch> parts{};
  std::array<mmsghdr, kBatch> messages{};
  Batch() {
    for (size_t i = 0; i < kBatch; ++i) {
      parts[i] = {data[i].data(), data[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

sockaddr_in AddressOf(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

int Send(const char* to, int seconds) {
  const sockaddr_in address = AddressOf(to);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return std::perror("connect"), 1;
  static Batch batch;
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  while (Clock::now() < end) sendmmsg(fd, batch.messages.data(), kBatch, 0);
  return 0;
}

int CountReceived(int seconds) {
  const sockaddr_in address = AddressOf("0.0.0.0");
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const int room = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  const timeval patience{0, 100000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return std::perror("bind"), 1;
  static Batch batch;
  uint64_t received = 0;
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  while (Clock::now() < end) {
    const int n = recvmmsg(fd, batch.messages.data(), kBatch, MSG_WAITFORONE, nullptr);
    if (n > 0) received += static_cast<uint64_t>(n);
  }
  std::printf("%llu\n", static_cast<unsigned long long>(received));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "send" && argc == 4) return Send(argv[2], std::atoi(argv[3]));
  if (verb == "count" && argc == 3) return CountReceived(std::atoi(argv[2]));
  std::fprintf(stderr, "usage: bench_datagrams send ADDRESS SECONDS | count SECONDS\n");
  return 2;
}
