#include "models/host/cable.h"

#include <algorithm>

#include "models/engine/engine.h"
#include "models/host/network.h"
#include "models/host/stack.h"
#include "models/wire/headers.h"

namespace overlaysim::host {

Cable::Cable(Network& network, CableId id, const CableSettings& settings, CableEnd a, CableEnd b)
    : m_network(network), m_id(id), m_settings(settings), m_ends{a, b} {}

namespace {

int64_t WireBytes(uint32_t frameBytes) {
  return std::max(frameBytes, wire::kMinimumWireFrameBytes) + wire::kWireOverheadBytes;
}

}  // namespace

/// What still waits: the time until the last departure, at the cable's rate.
int64_t Cable::WaitingBytes(const Direction& direction) const {
  const int64_t ns = std::max<int64_t>(0, direction.busyUntil.count - engine::Now().count);
  __extension__ using Wide = __int128;
  return static_cast<int64_t>(static_cast<Wide>(ns) * m_settings.rate.count / 8000000000);
}

Verdict Cable::Admit(int side, uint32_t bytes) {
  if (!m_settings.up) return Verdict::LinkDown;
  Direction& direction = m_directions[static_cast<size_t>(side)];
  const int64_t waiting = WaitingBytes(direction);
  if (waiting > 0 && waiting + WireBytes(bytes) > m_settings.queueBytes) {
    ++direction.dropped;
    return Verdict::QueueFull;
  }
  direction.maxQueueBytes = std::max(direction.maxQueueBytes, waiting);
  return Verdict::Continue;
}

void Cable::Send(int side, wire::FramePtr frame) {
  Direction& direction = m_directions[static_cast<size_t>(side)];
  const Nanoseconds now = engine::Now();
  const int64_t wireBytes = WireBytes(frame->Size());
  const Nanoseconds departure = std::max(now, direction.busyUntil) + m_settings.rate.TimeFor(wireBytes);
  direction.busyUntil = departure;
  ++direction.frames;
  direction.wireBytes += static_cast<uint64_t>(wireBytes);
  direction.underway.push_back(std::move(frame));
  const CableEnd& to = End(1 - side);
  engine::Schedule(departure + m_settings.delay - now,
                   {to.netns, static_cast<uint32_t>(to.ifindex), direction.sequence++},
                   [this, side, cuts = m_cuts] { Arrive(side, cuts); });
}

void Cable::Arrive(int side, uint32_t cuts) {
  Direction& direction = m_directions[static_cast<size_t>(side)];
  wire::FramePtr frame = std::move(direction.underway.front());
  direction.underway.pop_front();
  const CableEnd& to = End(1 - side);
  Stack& stack = m_network.Get(to.netns);
  if (cuts != m_cuts) return stack.Refuse(Stage::Receive, Verdict::CableCut, std::move(frame), to.ifindex);
  Backlog::Guard guard(stack.KernelBacklog());
  stack.Receive(to.ifindex, std::move(frame));
}

void Cable::EndRun() {
  for (int side = 0; side < 2; ++side) {
    const CableEnd& to = End(1 - side);
    for (wire::FramePtr& frame : m_directions[static_cast<size_t>(side)].underway)
      m_network.Get(to.netns).Refuse(Stage::RunEnd, Verdict::Unfinished, std::move(frame), to.ifindex);
    m_directions[static_cast<size_t>(side)].underway.clear();
  }
}

void Cable::SetUp(bool up) {
  if (m_settings.up == up) return;
  m_settings.up = up;
  if (!up) ++m_cuts;
  for (const CableEnd& end : m_ends) m_network.Get(end.netns).CarrierChanged(end.ifindex, up);
}

}  // namespace overlaysim::host
