#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/engine/engine.h"
#include "models/traffic/halves.h"
#include "sim/base/addresses.h"
#include "sim/base/units.h"
#include "sim/trace/histogram.h"

namespace overlaysim::traffic {

/// What a line of traffic came to.
struct FlowResult {
  uint64_t offeredPackets = 0, offeredBytes = 0;      ///< that the sender was asked to send; payload
  uint64_t deliveredPackets = 0, deliveredBytes = 0;  ///< that the receiver's application got, or that were answered
  Histogram latencyNs;                                ///< one way
  Histogram rttNs;
  std::optional<Nanoseconds> completion;  ///< of a transfer: from its start until the last byte was there
  std::string error;                      ///< of the last send that the kernel refused, in strerror()'s words; "": none
  std::string output;                     ///< what a person sees on standard output
  std::string errorOutput;
  int exit = 0;  ///< of a command
};

/// Something that sends, and knows when it has ended.
class Flow {
 public:
  virtual ~Flow() = default;
  virtual void Start() = 0;
  /// Ends it as SIGTERM ends a command: at once, and without a word more.
  virtual void Terminate() { Done(); }
  bool IsDone() const { return m_done; }
  /// When it was done; it may be known later than that, where its ends are simulated by different processes.
  Nanoseconds DoneAt() const { return m_doneAt; }
  /// What the other half says.
  virtual void Hear(const Word&) {}
  const FlowResult& Result() const { return m_result; }
  std::function<void()> onDone;

 protected:
  void Done() { DoneAt(engine::Now()); }
  void DoneAt(Nanoseconds at) {
    if (m_done) return;
    m_done = true;
    m_doneAt = at;
    if (onDone) onDone();
  }
  FlowResult m_result;

 private:
  bool m_done = false;
  Nanoseconds m_doneAt;
};

/// The payload that tests and probes send: bytes that count from 0.
std::vector<uint8_t> CountingBytes(uint32_t count);
/// The same, one copy for all who ask.
std::span<const uint8_t> SharedCountingBytes(uint32_t count);
bool IsCountingBytes(const uint8_t* data, uint32_t bytes);

}  // namespace overlaysim::traffic
