#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace overlaysim {

/// SHA-256 over several named inputs, in the order in which they are added. Each counts with its name and length, so
/// that bytes cannot move from one input into the next without changing the digest.
class Digest {
 public:
  Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  ~Digest();

  void Add(std::string_view name, std::string_view bytes);
  /// Streams the file; an error text, or "".
  std::string AddFile(std::string_view name, const std::filesystem::path& path);
  std::string Hex();  ///< 64 lower-case hex digits; the end of this object's use

 private:
  struct Context;
  void AddHeader(std::string_view name, uint64_t length);
  std::unique_ptr<Context> m_context;
};

/// SHA-256 of the bytes alone, as sha256sum prints it.
std::string Sha256Hex(std::string_view bytes);
/// SHA-256 of a file's content; nullopt and `error` when it cannot be read.
std::optional<std::string> Sha256OfFile(const std::filesystem::path& path, std::string& error);

/// CRC-32 of IEEE 802.3 (as zlib's crc32() has it).
uint32_t Crc32(std::span<const uint8_t> bytes);

}  // namespace overlaysim
