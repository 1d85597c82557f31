// What one rank's part of a simulation has come to, for rank 0, which then answers for all.

#include <fmt/format.h>

#include <algorithm>

#include "models/engine/engine.h"
#include "models/host/audit.h"
#include "models/host/stack.h"
#include "models/wire/frame_codec.h"
#include "sim/base/check.h"
#include "sim/run/distribution/distribution.h"
#include "sim/run/simulation.h"

namespace overlaysim {
namespace {

using traffic::FlowResult;

/// A line of traffic of which only the result is here.
class FinishedFlow final : public traffic::Flow {
 public:
  FinishedFlow(FlowResult result, bool isDone) {
    m_result = std::move(result);
    if (isDone) Done();
  }
  void Start() override {}
};

class Writer : public wire::ByteWriter {
 public:
  using ByteWriter::ByteWriter;
  using ByteWriter::Put;
  void Put(const std::string& text) {
    Put(static_cast<uint64_t>(text.size()));
    Put(text.data(), text.size());
  }
  void Put(const Histogram& histogram) {
    const std::vector<Histogram::Bucket> buckets = histogram.Buckets();
    Put(static_cast<uint64_t>(buckets.size()));
    Put(buckets.data(), buckets.size() * sizeof(Histogram::Bucket));
    if (!buckets.empty()) Put(Extremes{histogram.Min(), histogram.Max(), histogram.Sum()});
  }
  void Put(const std::optional<Nanoseconds>& time) { Put(time.value_or(Nanoseconds{-1})); }
  struct Extremes {
    int64_t min = 0, max = 0, sum = 0;
  };
};

/// What cannot be read is our own mistake: the other rank is this very program.
class Reader : public wire::ByteReader {
 public:
  using ByteReader::ByteReader;
  template <typename T>
  T Get() {
    T value;
    OVERLAYSIM_CHECK(Take(value), "a result is cut short");
    return value;
  }
  template <typename T>
  void Fill(T& value) {
    value = Get<T>();
  }
  void Fill(std::string& text) { text = GetText(); }
  void Fill(Histogram& histogram) { histogram = GetHistogram(); }
  void Fill(std::optional<Nanoseconds>& time) {
    const auto told = Get<Nanoseconds>();
    time = told.count >= 0 ? std::optional(told) : std::nullopt;
  }
  std::string GetText() {
    const auto bytes = Get<uint64_t>();
    OVERLAYSIM_CHECK(bytes <= Left(), "a text of {} bytes", bytes);
    std::string text(bytes, '\0');
    Take(text.data(), bytes);
    return text;
  }
  Histogram GetHistogram() {
    const auto count = Get<uint64_t>();
    OVERLAYSIM_CHECK(count <= Left() / sizeof(Histogram::Bucket), "{} buckets", count);
    Histogram histogram;
    if (count == 0) return histogram;
    std::vector<Histogram::Bucket> buckets(count);
    Take(buckets.data(), count * sizeof(Histogram::Bucket));
    const auto e = Get<Writer::Extremes>();
    OVERLAYSIM_CHECK(Histogram::Restore(buckets, e.min, e.max, e.sum, histogram), "a histogram of {} buckets", count);
    return histogram;
  }
};

/// What crosses of a result, the same for writing and reading; `each` gets one field after the other.
template <typename Result, typename Each>
void VisitResult(Result& r, Each&& each) {
  each(r.offeredPackets);
  each(r.offeredBytes);
  each(r.deliveredPackets);
  each(r.deliveredBytes);
  each(r.latencyNs);
  each(r.rttNs);
  each(r.error);
  each(r.output);
  each(r.errorOutput);
  each(r.exit);
  each(r.completion);
}

template <typename Outcome, typename Each>
void VisitOutcome(Outcome& o, Each&& each) {
  each(o.at);
  each(o.text);
  each(o.exit);
  each(o.output);
  each(o.error);
}

/// Of two halves. An error in sending comes after one in listening.
FlowResult Together(FlowResult sender, const FlowResult& receiver) {
  sender.offeredPackets += receiver.offeredPackets;
  sender.offeredBytes += receiver.offeredBytes;
  sender.deliveredPackets += receiver.deliveredPackets;
  sender.deliveredBytes += receiver.deliveredBytes;
  sender.latencyNs.Merge(receiver.latencyNs);
  sender.rttNs.Merge(receiver.rttNs);
  if (sender.error.empty()) sender.error = receiver.error;
  return sender;
}

}  // namespace

Simulation::Crossed Simulation::CrossedFrames() const {
  Crossed crossed;
  for (const auto& cable : m_network->Cables())
    for (int side = 0; side < 2; ++side) {
      if (cable->IsElsewhere(1 - side)) crossed.left += cable->GetDirection(side).frames;
      if (cable->IsElsewhere(side)) crossed.entered += cable->GetDirection(side).frames;
    }
  return crossed;
}

std::vector<uint8_t> Simulation::Results() const {
  std::vector<uint8_t> bytes;
  Writer writer(bytes);
  const auto put = [&writer](const auto& field) { writer.Put(field); };
  writer.Put(engine::EventCount());
  writer.Put(m_network->verdicts);

  for (const auto& cable : m_network->Cables())
    for (int side = 0; side < 2; ++side) {
      const host::CableEnd& end = cable->End(side);
      if (!IsMine(end.netns)) continue;
      const auto& d = cable->GetDirection(side);
      writer.Put(cable->Id().value);
      writer.Put(side);
      writer.Put(DeviceName(end));
      writer.Put(d.frames);
      writer.Put(d.wireBytes);
      writer.Put(d.dropped);
      writer.Put(d.maxQueueBytes);
    }
  writer.Put(UINT32_MAX);

  for (size_t i = 0; i < m_flows.size(); ++i) {
    if (!m_flows[i]) continue;
    writer.Put(static_cast<uint32_t>(i));
    writer.Put(m_flows[i]->IsDone());
    VisitResult(m_flows[i]->Result(), put);
    writer.Put(IsMine(m_plan.workloads[i].from));
  }
  writer.Put(UINT32_MAX);

  writer.Put(static_cast<uint64_t>(m_outcomes.size()));
  for (const auto& [moment, outcome] : m_outcomes) {
    writer.Put(moment);
    VisitOutcome(outcome, put);
  }

  writer.Put(m_elsewhere.crossed);
  writer.Put(static_cast<uint64_t>(m_elsewhere.unaccounted.size()));
  for (const std::string& text : m_elsewhere.unaccounted) writer.Put(text);
  return bytes;
}

void Simulation::Absorb(std::span<const uint8_t> results) {
  Reader reader(results);
  const auto fill = [&reader](auto& field) { reader.Fill(field); };
  m_elsewhere.events += reader.Get<uint64_t>();
  const auto verdicts = reader.Get<decltype(m_network->verdicts)>();
  for (size_t i = 0; i < verdicts.size(); ++i) m_network->verdicts[i] += verdicts[i];

  for (auto id = reader.Get<uint32_t>(); id != UINT32_MAX; id = reader.Get<uint32_t>()) {
    host::Cable& cable = m_network->GetCable(CableId(id));
    const int side = reader.Get<int>();
    const host::CableEnd& end = cable.End(side);
    if (std::string name = reader.GetText(); !name.empty())
      m_elsewhere.deviceNames[{end.netns.value, end.ifindex}] = std::move(name);
    const auto frames = reader.Get<uint64_t>(), wireBytes = reader.Get<uint64_t>(), dropped = reader.Get<uint64_t>();
    const auto maxQueueBytes = reader.Get<int64_t>();
    cable.SetCounts(side, frames, wireBytes, dropped, maxQueueBytes);
  }

  for (auto i = reader.Get<uint32_t>(); i != UINT32_MAX; i = reader.Get<uint32_t>()) {
    const bool isDone = reader.Get<bool>();
    FlowResult told;
    VisitResult(told, fill);
    const bool isSender = reader.Get<bool>();
    if (const traffic::Flow* known = m_flows.at(i).get()) {
      told = isSender ? Together(std::move(told), known->Result()) : Together(known->Result(), told);
      m_flows[i] = std::make_unique<FinishedFlow>(std::move(told), isDone || known->IsDone());
    } else {
      m_flows[i] = std::make_unique<FinishedFlow>(std::move(told), isDone);
    }
  }

  for (auto left = reader.Get<uint64_t>(); left > 0; --left) {
    const auto moment = reader.Get<engine::Moment>();
    EventOutcome outcome;
    VisitOutcome(outcome, fill);
    m_outcomes.emplace_back(moment, std::move(outcome));
  }
  std::stable_sort(m_outcomes.begin(), m_outcomes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });

  const auto crossed = reader.Get<Crossed>();
  m_elsewhere.crossed.left += crossed.left;
  m_elsewhere.crossed.entered += crossed.entered;
  for (auto left = reader.Get<uint64_t>(); left > 0; --left) m_elsewhere.unaccounted.push_back(reader.GetText());
}

void Simulation::TakeAccount() {
  m_elsewhere.unaccounted = host::FindUnaccounted(*m_network);
  m_elsewhere.crossed = CrossedFrames();
}

std::vector<std::string> Simulation::FindUnaccounted() const {
  if (!m_distribution) return host::FindUnaccounted(*m_network);
  std::vector<std::string> all = m_elsewhere.unaccounted;
  if (m_elsewhere.crossed.left != m_elsewhere.crossed.entered)
    all.push_back(fmt::format("{} frames have left ranks for others, and {} have come there", m_elsewhere.crossed.left,
                              m_elsewhere.crossed.entered));
  return all;
}

}  // namespace overlaysim
