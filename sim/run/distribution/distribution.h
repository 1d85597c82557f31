#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "models/engine/engine.h"
#include "models/engine/transport.h"
#include "models/host/network.h"
#include "models/traffic/halves.h"
#include "sim/plan/distribution/partition.h"

namespace overlaysim {

/// This process's share of a run that several processes simulate together: says what is simulated here, takes frames
/// and words to the others, and keeps all in step.
///
/// All go on in windows. In each, all ranks find out when the next event of any of them is, and carry out what is
/// before that plus the lookahead; a frame sent meanwhile arrives later than that, because it takes the lookahead at
/// least. So nobody hears of anything too late.
class Distribution final : public host::Boundary, public engine::Pacer {
 public:
  Distribution(const Partition& partition, engine::Transport& transport);

  bool IsMine(NetnsId id) const { return m_partition.RankOf(id) == m_transport.Rank(); }
  uint32_t RankOf(NetnsId id) const { return m_partition.RankOf(id); }
  engine::Transport& GetTransport() { return m_transport; }
  const engine::Transport& GetTransport() const { return m_transport; }

  /// Marks the cables that end elsewhere, and brings frames to them.
  void Connect(host::Network& network);
  void Tell(uint32_t rank, const traffic::Word& word);
  std::function<void(const traffic::Word&)> onWord;

  // What is told of this rank, and decided by all at once.
  uint64_t running = 0;   ///< lines of traffic that have not ended and whose end this rank will know
  Nanoseconds lastEnded;  ///< when the last one did
  /// All have ended, in all ranks; the last at that time. Answers when the run will end for that; nothing: it does not.
  std::function<std::optional<Nanoseconds>(Nanoseconds)> onAllEnded;

  void Leave(host::Crossing crossing) override;
  std::optional<Nanoseconds> Pace(std::optional<Nanoseconds> next) override;
  /// The run has ended: brings what is still under way to where it would have arrived. Answers the time that the
  /// farthest rank has come to.
  Nanoseconds Settle();
  bool WasInterrupted() const { return m_wasInterrupted; }

 private:
  engine::Transport::News Exchange(engine::Transport::News mine);
  void TakeBytes(std::span<const uint8_t> bytes);

  const Partition& m_partition;
  engine::Transport& m_transport;
  host::Network* m_network = nullptr;
  std::vector<std::vector<uint8_t>> m_outgoing;  ///< by rank
  std::vector<std::vector<uint8_t>> m_sending;
  int64_t m_firstForOthers = engine::Transport::kNever;  ///< of the events that what is outgoing will make
  bool m_hasNews = false;                                ///< words that are outgoing
  Nanoseconds m_lookahead, m_limit;
  bool m_allEnded = false, m_wasInterrupted = false;
};

}  // namespace overlaysim
