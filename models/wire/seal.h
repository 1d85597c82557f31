#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace overlaysim::wire {

/// What a packet carries encrypted. On the wire stand as many opaque bytes: the text "opaque payload. " over and over,
/// and a tag. Who receives the packet gets the content from here, and only if those bytes have come through unharmed.
struct Sealed {
  std::vector<uint8_t> content;
  std::shared_ptr<const Sealed> inner;  ///< what the content carries sealed itself: a tunnel in a tunnel
};

inline constexpr uint32_t kSealTagBytes = 16;  ///< of ChaCha20-Poly1305 and of AES-GCM alike

/// Fills `at` with opaque bytes and a tag that depends on key, number (nonce) and content.
void WriteSeal(std::span<uint8_t> at, uint64_t key, uint64_t number, std::span<const uint8_t> content);
/// Whether WriteSeal() has written just that: false for damaged bytes, another key, another content.
bool IsSealOf(std::span<const uint8_t> at, uint64_t key, uint64_t number, std::span<const uint8_t> content);

}  // namespace overlaysim::wire
