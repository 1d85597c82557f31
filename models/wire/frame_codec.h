#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "models/wire/frame.h"

namespace overlaysim::wire {

/// Writes numbers behind each other, as ByteReader reads them. Both ends are the same program on the same kind of
/// processor.
class ByteWriter {
 public:
  explicit ByteWriter(std::vector<uint8_t>& to) : m_to(to) {}
  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    Put(&value, sizeof value);
  }
  void Put(const void* from, size_t bytes) {
    const auto* p = static_cast<const uint8_t*>(from);
    m_to.insert(m_to.end(), p, p + bytes);
  }

 private:
  std::vector<uint8_t>& m_to;
};

/// False, and nothing taken, where there are fewer bytes.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> from) : m_left(from) {}
  template <typename T>
  bool Take(T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return Take(&value, sizeof value);
  }
  bool Take(void* to, size_t bytes);
  size_t Left() const { return m_left.size(); }

 private:
  std::span<const uint8_t> m_left;
};

/// A frame as it goes from one process to another: its bytes and all marks that a cable lets through (the sender's
/// connection tracking, marks of its kernel and of its flow cache stay behind). A payload that lies in `known`, which
/// the receiver has too, is named and not sent.
void EncodeFrame(const Frame& frame, std::span<const uint8_t> known, ByteWriter& to);
/// Null: that is no frame.
FramePtr DecodeFrame(ByteReader& from, std::span<const uint8_t> known);

}  // namespace overlaysim::wire
