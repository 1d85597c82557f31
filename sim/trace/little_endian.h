#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace overlaysim {

/// Writes an unsigned or signed integer's bytes, least significant first, and answers the place behind them.
template <typename T>
inline uint8_t* PutLe(uint8_t* at, T value) {
  static_assert(std::is_integral_v<T>);
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(static_cast<uint64_t>(bits) >> (8 * i));
  return at + sizeof(T);
}

template <typename T>
inline T GetLe(const uint8_t* at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<uint64_t>(at[i]) << (8 * i);
  return static_cast<T>(value);
}

template <typename T>
inline void AppendLe(std::vector<uint8_t>& to, T value) {
  uint8_t bytes[sizeof(T)];
  PutLe(bytes, value);
  to.insert(to.end(), bytes, bytes + sizeof(T));
}

/// LEB128: seven bits a byte, least significant first, the top bit set on all but the last.
inline void AppendVarint(std::vector<uint8_t>& to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<uint8_t>(value | 0x80));
  to.push_back(static_cast<uint8_t>(value));
}

/// Reads from bytes that may say anything. Whatever would go past the end gives zero or nothing, and Ok() is false from
/// then on.
class ByteCursor {
 public:
  explicit ByteCursor(std::span<const uint8_t> bytes) : m_bytes(bytes) {}

  template <typename T>
  T Get() {
    const uint8_t* at = Take(sizeof(T));
    return at ? GetLe<T>(at) : T{0};
  }
  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = Get<uint8_t>();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
    m_ok = false;
    return 0;
  }
  std::span<const uint8_t> Bytes(size_t count) {
    const uint8_t* at = Take(count);
    return at ? std::span<const uint8_t>(at, count) : std::span<const uint8_t>();
  }
  std::string_view Text(size_t count) {
    const auto bytes = Bytes(count);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool Ok() const { return m_ok; }
  size_t Left() const { return m_bytes.size() - m_at; }

 private:
  const uint8_t* Take(size_t count) {
    if (!m_ok || count > Left()) {
      m_ok = false;
      return nullptr;
    }
    const uint8_t* at = m_bytes.data() + m_at;
    m_at += count;
    return at;
  }
  std::span<const uint8_t> m_bytes;
  size_t m_at = 0;
  bool m_ok = true;
};

}  // namespace overlaysim
