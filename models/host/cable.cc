#include "models/host/cable.h"

#include <algorithm>

#include "models/engine/engine.h"
#include "models/host/network.h"
#include "models/host/stack.h"
#include "models/wire/headers.h"

namespace overlaysim::host {

Cable::Cable(Network& network, CableId id, const CableSettings& settings, CableEnd a, CableEnd b)
    : m_network(network), m_ends{a, b}, m_settings(settings), m_id(id) {}

namespace {

int64_t WireBytes(uint32_t frameBytes) {
  return std::max(frameBytes, wire::kMinimumWireFrameBytes) + wire::kWireOverheadBytes;
}

int64_t BytesIn(Nanoseconds time, BitsPerSecond rate) {
  if (time.count <= 0) return 0;
  if (int64_t product; !__builtin_mul_overflow(time.count, rate.count, &product)) return product / 8000000000;
  __extension__ using Wide = __int128;
  return static_cast<int64_t>(static_cast<Wide>(time.count) * rate.count / 8000000000);
}

}  // namespace

/// Most frames of a cable have one size, and the division is a wide one.
Nanoseconds Cable::TimeFor(int64_t wireBytes) {
  if (wireBytes != m_lastWireBytes) {
    m_lastWireBytes = wireBytes;
    m_lastTime = m_settings.rate.TimeFor(wireBytes);
  }
  return m_lastTime;
}

/// What still waits: the time until the last departure, at the cable's rate.
int64_t Cable::WaitingBytes(const Direction& direction) const {
  Nanoseconds from = engine::Now();
  if (direction.before.empty()) return BytesIn(direction.busyUntil - from, m_settings.rate);
  int64_t bytes = 0;
  for (const Direction::Slope& slope : direction.before) {
    bytes += BytesIn(slope.until - from, slope.rate);
    from = std::max(from, slope.until);
  }
  return bytes + BytesIn(direction.busyUntil - from, m_settings.rate);
}

std::optional<int64_t> Cable::RoomFor(int side, uint32_t bytes) const {
  if (!m_settings.up) return std::nullopt;
  const int64_t waiting = WaitingBytes(m_directions[static_cast<size_t>(side)]);
  return waiting == 0 || waiting + WireBytes(bytes) <= m_settings.queueBytes ? std::optional(waiting) : std::nullopt;
}

Verdict Cable::Admit(int side, uint32_t bytes) {
  if (!m_settings.up) return Verdict::LinkDown;
  Direction& direction = m_directions[static_cast<size_t>(side)];
  const std::optional<int64_t> waiting = RoomFor(side, bytes);
  if (!waiting) {
    ++direction.dropped;
    return Verdict::QueueFull;
  }
  direction.maxQueueBytes = std::max(direction.maxQueueBytes, *waiting);
  return Verdict::Continue;
}

void Cable::Send(int side, wire::FramePtr frame, int64_t waiting) {
  Direction& direction = m_directions[static_cast<size_t>(side)];
  direction.maxQueueBytes = std::max(direction.maxQueueBytes, waiting);
  Send(side, std::move(frame));
}

void Cable::Send(int side, wire::FramePtr frame) {
  Direction& direction = m_directions[static_cast<size_t>(side)];
  const Nanoseconds now = engine::Now();
  const int64_t wireBytes = WireBytes(frame->Size());
  const Nanoseconds departure = std::max(now, direction.busyUntil) + TimeFor(wireBytes);
  direction.busyUntil = departure;
  ++direction.frames;
  direction.wireBytes += static_cast<uint64_t>(wireBytes);
  const Nanoseconds arrival = std::max(departure + m_settings.delay, direction.notBefore);
  if (direction.boundary) [[unlikely]]
    return direction.boundary->Leave({m_id, side, arrival, direction.sequence++, m_cuts, std::move(frame)});
  const std::array<const void*, 2> touched{frame.get(), frame->expected};
  direction.underway.Append(std::move(frame));
  const CableEnd& to = End(1 - side);
  engine::Schedule(arrival - now, {to.netns, static_cast<uint32_t>(to.ifindex), direction.sequence++, touched},
                   [this, side, cuts = m_cuts] { Arrive(side, cuts); });
}

void Cable::Enter(Crossing crossing) {
  Direction& direction = m_directions[static_cast<size_t>(crossing.side)];
  ++direction.frames;  // as the receiver counts them
  const wire::Frame* sent = crossing.frame.get();
  direction.underway.Append(std::move(crossing.frame));
  const CableEnd& to = End(1 - crossing.side);
  engine::Schedule(crossing.arrival - engine::Now(),
                   {to.netns, static_cast<uint32_t>(to.ifindex), crossing.sequence, {sent}},
                   [this, side = crossing.side, cuts = crossing.cuts] { Arrive(side, cuts); });
}

void Cable::SetCounts(int side, uint64_t frames, uint64_t wireBytes, uint64_t dropped, int64_t maxQueueBytes) {
  Direction& direction = m_directions[static_cast<size_t>(side)];
  direction.frames = frames;
  direction.wireBytes = wireBytes;
  direction.dropped = dropped;
  direction.maxQueueBytes = maxQueueBytes;
}

void Cable::Arrive(int side, uint32_t cuts) {
  Direction& direction = m_directions[static_cast<size_t>(side)];
  wire::FramePtr frame = direction.underway.TakeFirst();
  const CableEnd& to = End(1 - side);
  Stack*& at = m_stacks[static_cast<size_t>(1 - side)];
  if (!at) at = &m_network.Get(to.netns);
  Stack& stack = *at;
  if (cuts != m_cuts) return stack.Refuse(Stage::Receive, Verdict::CableCut, std::move(frame), to.ifindex);
  if (stack.KernelBacklog().flows->Receive(stack, to.ifindex, frame)) return;
  frame->Linearise();
  frame->trail = frame->expected = nullptr;
  frame->origin = 0;
  Backlog::Guard guard(stack.KernelBacklog());
  stack.Receive(to.ifindex, std::move(frame));
}

void Cable::Change(const CableSettings& settings) {
  const Nanoseconds now = engine::Now();
  for (Direction& direction : m_directions) {
    direction.notBefore = std::max(direction.notBefore, direction.busyUntil + m_settings.delay);
    std::erase_if(direction.before, [&](const Direction::Slope& slope) { return slope.until <= now; });
    if (direction.busyUntil > now) direction.before.push_back({direction.busyUntil, m_settings.rate});
  }
  m_settings.rate = settings.rate;
  m_settings.delay = settings.delay;
  m_settings.queueBytes = settings.queueBytes;
  m_lastWireBytes = -1;
}

void Cable::EndRun() {
  for (int side = 0; side < 2; ++side) {
    const CableEnd& to = End(1 - side);
    if (IsElsewhere(1 - side)) continue;
    m_network.endedPart = 2 * uint64_t{m_id.value} + static_cast<uint64_t>(side);
    while (wire::FramePtr frame = m_directions[static_cast<size_t>(side)].underway.TakeFirst())
      m_network.Get(to.netns).Refuse(Stage::RunEnd, Verdict::Unfinished, std::move(frame), to.ifindex);
  }
}

void Cable::SetUp(bool up) {
  if (m_settings.up == up) return;
  m_settings.up = up;
  if (!up) ++m_cuts;
  for (size_t side = 0; side < m_ends.size(); ++side)
    if (!m_isElsewhere[side]) m_network.Get(m_ends[side].netns).CarrierChanged(m_ends[side].ifindex, up);
}

}  // namespace overlaysim::host
