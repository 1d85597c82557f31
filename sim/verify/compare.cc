#include "sim/verify/compare.h"

#include <algorithm>

namespace overlaysim::verify {
namespace {

/// Pairs (i, j) of a longest common subsequence, by Myers' algorithm (1986): time grows with the differences only.
std::vector<std::pair<size_t, size_t>> CommonSubsequence(const std::vector<const std::string*>& a,
                                                         const std::vector<const std::string*>& b) {
  const int n = static_cast<int>(a.size()), m = static_cast<int>(b.size()), most = n + m;
  auto same = [&](int x, int y) { return *a[static_cast<size_t>(x)] == *b[static_cast<size_t>(y)]; };
  std::vector<int> reach(static_cast<size_t>(2 * most + 3));
  auto at = [&](std::vector<int>& v, int k) -> int& { return v[static_cast<size_t>(k + most + 1)]; };
  std::vector<std::vector<int>> history;
  for (int d = 0; d <= most; ++d) {
    history.push_back(reach);
    bool isDone = false;
    for (int k = -d; k <= d && !isDone; k += 2) {
      int x = k == -d || (k != d && at(reach, k - 1) < at(reach, k + 1)) ? at(reach, k + 1) : at(reach, k - 1) + 1;
      while (x < n && x - k < m && same(x, x - k)) ++x;
      at(reach, k) = x;
      isDone = x >= n && x - k >= m;
    }
    if (isDone) break;
  }
  std::vector<std::pair<size_t, size_t>> pairs;
  int x = n, y = m;
  for (int d = static_cast<int>(history.size()) - 1; d >= 0; --d) {
    std::vector<int>& before = history[static_cast<size_t>(d)];
    const int k = x - y;
    const int from = k == -d || (k != d && at(before, k - 1) < at(before, k + 1)) ? k + 1 : k - 1;
    const int fromX = d == 0 ? 0 : at(before, from), fromY = d == 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      --x, --y;
      pairs.emplace_back(x, y);
    }
    x = fromX;
    y = fromY;
  }
  std::reverse(pairs.begin(), pairs.end());
  return pairs;
}

/// Two ARP messages of one kind between the same two neighbours, from different ones of them.
bool IsTurned(const MaskedFrame& a, const MaskedFrame& b) {
  if (!a.isArp || !b.isArp || a.fields.size() != b.fields.size()) return false;
  const auto op = std::find_if(a.fields.begin(), a.fields.end(),
                               [](const FrameField& f) { return f.layer == "arp" && f.name == "op"; });
  return op != a.fields.end() && b.fields[static_cast<size_t>(op - a.fields.begin())].value == op->value;
}

std::vector<const std::string*> KeysOf(const std::vector<FrameDifference::Side>& frames) {
  std::vector<const std::string*> keys;
  for (const auto& side : frames) keys.push_back(&side.frame.key);
  return keys;
}

}  // namespace

std::map<std::string, std::vector<FrameDifference::Side>> FrameComparison::Conversations(
    const std::vector<SeenFrame>& frames, size_t& leftOut) const {
  std::map<std::string, std::vector<Side>> out;
  std::vector<MaskedFrame> allMasked;
  FrameKnowledge knowledge = m_knowledge;
  for (const SeenFrame& frame : frames) {
    allMasked.push_back(MaskFrame(frame.bytes, m_knowledge));
    const auto& counters = allMasked.back().identCounters;
    knowledge.identCounters.insert(counters.begin(), counters.end());
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    MaskedFrame& masked = allMasked[i];
    if (masked.hasZeroIdent) masked = MaskFrame(frames[i].bytes, knowledge);
    if (masked.isTcp || masked.isTimer) {
      ++leftOut;
      continue;
    }
    std::vector<Side>& conversation = out[masked.conversation];
    conversation.push_back({std::move(masked), frames[i].at, i + 1});
  }
  return out;
}

PointComparison FrameComparison::Compare(const std::string& point, const std::vector<SeenFrame>& simulated,
                                         const std::vector<SeenFrame>& real) {
  PointComparison out{.point = point};
  size_t leftOutOfReal = 0;
  auto ours = Conversations(simulated, out.leftOut);
  auto theirs = Conversations(real, leftOutOfReal);
  for (auto& [conversation, frames] : ours) {
    auto there = theirs.extract(conversation);
    CompareConversation(std::move(frames), there ? std::move(there.mapped()) : std::vector<Side>{}, out);
  }
  for (auto& [conversation, frames] : theirs) CompareConversation({}, std::move(frames), out);
  std::stable_sort(out.differences.begin(), out.differences.end(),
                   [](const FrameDifference& a, const FrameDifference& b) {
                     auto at = [](const FrameDifference& d) { return d.simulated ? d.simulated->at : d.real->at; };
                     return at(a) < at(b);
                   });
  return out;
}

bool FrameComparison::DrawnMatch(const MaskedFrame& simulated, const MaskedFrame& real) {
  if (simulated.drawn.size() != real.drawn.size()) return false;
  for (size_t i = 0; i < real.drawn.size(); ++i) {
    const uint32_t ours = simulated.drawn[i], theirs = real.drawn[i];
    if (m_drawnThere.try_emplace(ours, theirs).first->second != theirs) return false;
    if (m_drawnBack.try_emplace({theirs, real.talkers}, ours).first->second != ours) return false;
  }
  return true;
}

void FrameComparison::CompareConversation(std::vector<Side> simulated, std::vector<Side> real, PointComparison& out) {
  std::vector<std::pair<size_t, size_t>> pairs = CommonSubsequence(KeysOf(simulated), KeysOf(real));
  std::vector<bool> isPairedHere(simulated.size()), isPairedThere(real.size());
  for (const auto& [i, j] : pairs) isPairedHere[i] = isPairedThere[j] = true;
  auto pairWithin = [&](auto&& goTogether) {
    size_t count = 0;
    for (size_t i = 0; i < simulated.size(); ++i) {
      for (size_t j = 0; j < real.size() && !isPairedHere[i]; ++j) {
        const Nanoseconds apart = std::max(simulated[i].at, real[j].at) - std::min(simulated[i].at, real[j].at);
        if (isPairedThere[j] || kShuffle < apart || !goTogether(simulated[i].frame, real[j].frame)) continue;
        isPairedHere[i] = isPairedThere[j] = true;
        pairs.emplace_back(i, j);
        ++count;
      }
    }
    return count;
  };
  pairWithin([](const MaskedFrame& a, const MaskedFrame& b) { return a.key == b.key; });
  out.turned += pairWithin([](const MaskedFrame& a, const MaskedFrame& b) { return IsTurned(a, b); });
  std::sort(pairs.begin(), pairs.end());
  for (const auto& [i, j] : pairs) {
    if (DrawnMatch(simulated[i].frame, real[j].frame))
      ++out.alike;
    else
      out.differences.push_back({std::move(simulated[i]), std::move(real[j]), true});
  }
  // What is left on both sides is shown in pairs, in order.
  size_t j = 0;
  for (size_t i = 0; i < simulated.size(); ++i) {
    if (isPairedHere[i]) continue;
    while (j < real.size() && isPairedThere[j]) ++j;
    AddLeftOver(std::move(simulated[i]), j < real.size() ? std::optional(std::move(real[j++])) : std::nullopt, out);
  }
  for (; j < real.size(); ++j)
    if (!isPairedThere[j]) AddLeftOver(std::nullopt, std::move(real[j]), out);
}

void FrameComparison::AddLeftOver(std::optional<Side> simulated, std::optional<Side> real, PointComparison& out) const {
  if (!(simulated && real) && IsAtEdge(simulated ? *simulated : *real))
    ++out.leftOut;
  else
    out.differences.push_back({std::move(simulated), std::move(real), false});
}

}  // namespace overlaysim::verify
