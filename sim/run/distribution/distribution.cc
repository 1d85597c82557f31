#include "sim/run/distribution/distribution.h"

#include <algorithm>

#include "models/traffic/flow.h"
#include "models/wire/frame_codec.h"
#include "sim/base/check.h"

namespace overlaysim {
namespace {

/// What stands in front of each thing that is sent.
enum class Kind : uint8_t { Frame, Word };

struct FrameHead {
  uint32_t cable;
  uint32_t cuts;
  int64_t arrival;
  uint64_t sequence;
  uint8_t side;
};
struct WordHead {
  uint32_t flow;
  uint32_t errorBytes;
  int64_t at, then;
  uint64_t number;
  traffic::Word::Kind kind;
  uint8_t isIntact;
};

/// The end of a run is decided once its last line of traffic has ended, and has to be decided before it comes.
constexpr Nanoseconds kLongestWindow = Milliseconds(2);

}  // namespace

Distribution::Distribution(const Partition& partition, engine::Transport& transport)
    : m_partition(partition),
      m_transport(transport),
      m_outgoing(transport.Ranks()),
      m_sending(transport.Ranks()),
      m_lookahead(partition.cutCables > 0 ? std::min(partition.lookahead, kLongestWindow) : kLongestWindow) {}

void Distribution::Connect(host::Network& network) {
  m_network = &network;
  for (const auto& cable : network.Cables())
    for (int side = 0; side < 2; ++side)
      if (!IsMine(cable->End(side).netns)) cable->EndsElsewhere(side, *this);
}

void Distribution::Leave(host::Crossing crossing) {
  const NetnsId to = m_network->GetCable(crossing.cable).End(1 - crossing.side).netns;
  wire::ByteWriter writer(m_outgoing[RankOf(to)]);
  writer.Put(Kind::Frame);
  writer.Put(FrameHead{crossing.cable.value, crossing.cuts, crossing.arrival.count, crossing.sequence,
                       static_cast<uint8_t>(crossing.side)});
  wire::EncodeFrame(*crossing.frame, traffic::SharedCountingBytes(UINT16_MAX), writer);
  m_firstForOthers = std::min(m_firstForOthers, crossing.arrival.count);
}

void Distribution::Tell(uint32_t rank, const traffic::Word& word) {
  wire::ByteWriter writer(m_outgoing[rank]);
  writer.Put(Kind::Word);
  writer.Put(WordHead{word.flow, static_cast<uint32_t>(word.error.size()), word.at.count, word.then.count, word.number,
                      word.kind, static_cast<uint8_t>(word.isIntact)});
  writer.Put(word.error.data(), word.error.size());
  if (word.kind == traffic::Word::Kind::Sent) return;
  m_hasNews = true;
  if (word.kind == traffic::Word::Kind::LastSent) m_firstForOthers = std::min(m_firstForOthers, word.then.count);
}

void Distribution::TakeBytes(std::span<const uint8_t> bytes) {
  wire::ByteReader reader(bytes);
  for (Kind kind; reader.Take(kind);) {
    if (kind == Kind::Frame) {
      FrameHead head;
      const bool isWhole = reader.Take(head);
      wire::FramePtr frame = isWhole ? wire::DecodeFrame(reader, traffic::SharedCountingBytes(UINT16_MAX)) : nullptr;
      OVERLAYSIM_CHECK(frame && head.cable < m_network->Cables().size() && head.side < 2, "no frame");
      m_network->GetCable(CableId(head.cable))
          .Enter({CableId(head.cable), head.side, {head.arrival}, head.sequence, head.cuts, std::move(frame)});
    } else {
      WordHead head;
      OVERLAYSIM_CHECK(kind == Kind::Word && reader.Take(head) && head.errorBytes <= reader.Left(), "no word");
      traffic::Word word{head.kind, head.flow, {head.at}, head.number, {head.then}, head.isIntact != 0, ""};
      word.error.resize(head.errorBytes);
      reader.Take(word.error.data(), word.error.size());
      onWord(word);
    }
  }
}

/// Answers what all ranks have told, taken together.
engine::Transport::News Distribution::Exchange(engine::Transport::News mine) {
  std::swap(m_sending, m_outgoing);
  mine.isInterrupted = engine::WasInterrupted();
  mine.hasNews = std::exchange(m_hasNews, false);
  mine.running = static_cast<int64_t>(running);
  const auto& all =
      m_transport.Exchange(mine, m_sending, [this](uint32_t, std::span<const uint8_t> bytes) { TakeBytes(bytes); });
  engine::Transport::News sum;
  for (const engine::Transport::News& news : all) {
    sum.next = std::min(sum.next, news.next);
    sum.at = std::max(sum.at, news.at);
    sum.running += news.running;
    sum.isInterrupted |= news.isInterrupted;
    sum.hasNews |= news.hasNews;
  }
  m_wasInterrupted |= sum.isInterrupted;
  return sum;
}

std::optional<Nanoseconds> Distribution::Pace(std::optional<Nanoseconds> next) {
  constexpr int64_t kNever = engine::Transport::kNever;
  engine::Transport::News all = Exchange(
      {.next = std::min(next ? next->count : kNever, std::exchange(m_firstForOthers, kNever)), .at = lastEnded.count});
  if (m_wasInterrupted) return std::nullopt;
  if (all.running == 0 && !all.hasNews && !m_allEnded) {
    m_allEnded = true;
    if (const auto end = onAllEnded({all.at})) all.next = std::min(all.next, end->count);
  }
  if (all.next == kNever && !all.hasNews) return std::nullopt;
  const Nanoseconds latest = m_limit + kLongestWindow;  // while it is not known whether all have ended
  Nanoseconds limit = all.next == kNever ? latest : Nanoseconds{all.next} + m_lookahead;
  if (all.hasNews) limit = std::min(limit, latest);
  return m_limit = limit;
}

Nanoseconds Distribution::Settle() {
  // Twice, because an answer may be on its way.
  Exchange({.at = engine::Now().count});
  return {Exchange({.at = engine::Now().count}).at};
}

}  // namespace overlaysim
