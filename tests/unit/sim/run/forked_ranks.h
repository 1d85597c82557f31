#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "models/engine/transport.h"

namespace overlaysim::test {

/// Ranks that are children of the test's process, with a socket between each two: what several ranks do can be tested
/// without MPI.
class ForkedRank final : public engine::Transport {
 public:
  ForkedRank(uint32_t rank, std::vector<int> peers) : m_rank(rank), m_peers(std::move(peers)), m_news(m_peers.size()) {}
  uint32_t Rank() const override { return m_rank; }
  uint32_t Ranks() const override { return static_cast<uint32_t>(m_peers.size()); }

  const std::vector<News>& Exchange(const News& mine, std::vector<std::vector<uint8_t>>& outgoing,
                                    const Take& take) override {
    m_news[m_rank] = mine;
    std::vector<std::vector<uint8_t>> got(Ranks());
    EachPeer([&](uint32_t peer, bool sends) {
      if (sends) {
        Write(peer, &mine, sizeof mine);
        WriteBytes(peer, outgoing[peer]);
      } else {
        Read(peer, &m_news[peer], sizeof(News));
        got[peer] = ReadBytes(peer);
      }
    });
    for (auto& bytes : outgoing) bytes.clear();
    for (uint32_t peer = 0; peer < Ranks(); ++peer)
      if (!got[peer].empty()) take(peer, got[peer]);
    return m_news;
  }

  std::vector<std::vector<uint8_t>> Gather(const std::vector<uint8_t>& mine) override {
    if (m_rank != 0) return WriteBytes(0, mine), std::vector<std::vector<uint8_t>>{};
    std::vector<std::vector<uint8_t>> all{mine};
    for (uint32_t peer = 1; peer < Ranks(); ++peer) all.push_back(ReadBytes(peer));
    return all;
  }

  std::string Share(const std::string& text) override {
    if (m_rank == 0) {
      for (uint32_t peer = 1; peer < Ranks(); ++peer) WriteBytes(peer, {text.begin(), text.end()});
      return text;
    }
    const std::vector<uint8_t> bytes = ReadBytes(0);
    return {bytes.begin(), bytes.end()};
  }

 private:
  /// Of two ranks the lower one sends first, so that none waits for one that waits for it.
  template <typename Visit>
  void EachPeer(Visit&& visit) {
    for (uint32_t peer = 0; peer < Ranks(); ++peer) {
      if (peer == m_rank) continue;
      visit(peer, m_rank < peer);
      visit(peer, m_rank > peer);
    }
  }
  void Write(uint32_t peer, const void* from, size_t bytes) {
    const auto* p = static_cast<const char*>(from);
    for (ssize_t n; bytes > 0; p += n, bytes -= static_cast<size_t>(n)) {
      n = send(m_peers[peer], p, bytes, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) n = 0;
      if (n < 0) throw engine::RankLost("a rank has ended");
    }
  }
  void Read(uint32_t peer, void* to, size_t bytes) {
    auto* p = static_cast<char*>(to);
    for (ssize_t n; bytes > 0; p += n, bytes -= static_cast<size_t>(n)) {
      n = recv(m_peers[peer], p, bytes, 0);
      if (n < 0 && errno == EINTR)
        n = 0;
      else if (n <= 0)
        throw engine::RankLost("a rank has ended");
    }
  }
  void WriteBytes(uint32_t peer, const std::vector<uint8_t>& bytes) {
    const uint64_t size = bytes.size();
    Write(peer, &size, sizeof size);
    Write(peer, bytes.data(), size);
  }
  std::vector<uint8_t> ReadBytes(uint32_t peer) {
    uint64_t size = 0;
    Read(peer, &size, sizeof size);
    std::vector<uint8_t> bytes(size);
    Read(peer, bytes.data(), size);
    return bytes;
  }

  uint32_t m_rank;
  std::vector<int> m_peers;  ///< sockets, by rank
  std::vector<News> m_news;
};

/// Carries out `work` in so many processes; answers what each has ended with.
inline std::vector<int> RunForked(uint32_t ranks, const std::function<int(engine::Transport&)>& work) {
  std::vector<std::vector<int>> sockets(ranks, std::vector<int>(ranks, -1));
  for (uint32_t a = 0; a < ranks; ++a)
    for (uint32_t b = a + 1; b < ranks; ++b) {
      int pair[2];
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
      sockets[a][b] = pair[0];
      sockets[b][a] = pair[1];
    }
  std::vector<pid_t> children;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    const pid_t child = fork();
    if (child == 0) {
      for (uint32_t other = 0; other < ranks; ++other)
        for (uint32_t peer = 0; peer < ranks; ++peer)
          if (other != rank && sockets[other][peer] >= 0) close(sockets[other][peer]);
      int exit = 4;
      try {
        ForkedRank transport(rank, sockets[rank]);
        exit = work(transport);
      } catch (const std::exception& e) {
        fprintf(stderr, "rank %u: %s\n", rank, e.what());
      }
      _exit(exit);
    }
    children.push_back(child);
  }
  for (const auto& row : sockets)
    for (const int socket : row)
      if (socket >= 0) close(socket);
  std::vector<int> exits;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    exits.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
  }
  return exits;
}

}  // namespace overlaysim::test
