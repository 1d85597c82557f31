#include "sim/trace/digest.h"

#include <fmt/format.h>
#include <gcrypt.h>

#include <vector>

#include "sim/base/check.h"
#include "sim/trace/files.h"
#include "sim/trace/little_endian.h"

namespace overlaysim {
namespace {

void InitGcrypt() {
  static const bool ready = [] {
    if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) return true;
    if (!gcry_check_version(nullptr)) return false;
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return true;
  }();
  OVERLAYSIM_CHECK(ready, "libgcrypt cannot be initialised");
}

class Sha256 {
 public:
  Sha256() {
    InitGcrypt();
    const gcry_error_t error = gcry_md_open(&m_handle, GCRY_MD_SHA256, 0);
    OVERLAYSIM_CHECK(error == 0, "SHA-256: {}", gcry_strerror(error));
  }
  Sha256(const Sha256&) = delete;
  ~Sha256() { gcry_md_close(m_handle); }

  void Add(const void* bytes, size_t count) { gcry_md_write(m_handle, bytes, count); }
  /// All of the source; false when it cannot be read.
  bool Add(const ByteSource& source) {
    std::vector<uint8_t> buffer(size_t{1} << 20);
    for (uint64_t at = 0; at < source.Size();) {
      const auto part = std::span(buffer).first(std::min<uint64_t>(buffer.size(), source.Size() - at));
      if (!source.ReadAt(at, part)) return false;
      Add(part.data(), part.size());
      at += part.size();
    }
    return true;
  }
  std::string Hex() {
    const unsigned char* sum = gcry_md_read(m_handle, GCRY_MD_SHA256);
    std::string hex;
    for (unsigned i = 0; i < gcry_md_get_algo_dlen(GCRY_MD_SHA256); ++i) hex += fmt::format("{:02x}", sum[i]);
    return hex;
  }

 private:
  gcry_md_hd_t m_handle{};
};

}  // namespace

struct Digest::Context : Sha256 {};

Digest::Digest() : m_context(std::make_unique<Context>()) {}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::AddHeader(std::string_view name, uint64_t length) {
  uint8_t number[8];
  PutLe<uint64_t>(number, name.size());
  m_context->Add(number, sizeof(number));
  m_context->Add(name.data(), name.size());
  PutLe<uint64_t>(number, length);
  m_context->Add(number, sizeof(number));
}

void Digest::Add(std::string_view name, std::string_view bytes) {
  AddHeader(name, bytes.size());
  m_context->Add(bytes.data(), bytes.size());
}

std::string Digest::AddFile(std::string_view name, const std::filesystem::path& path) {
  std::string error;
  const auto source = OpenFileSource(path, error);
  if (!source) return error;
  AddHeader(name, source->Size());
  return m_context->Sha256::Add(*source) ? "" : fmt::format("{}: cannot be read to its end", path.string());
}

std::string Digest::Hex() { return m_context->Hex(); }

std::string Sha256Hex(std::string_view bytes) {
  Sha256 sum;
  sum.Add(bytes.data(), bytes.size());
  return sum.Hex();
}

std::optional<std::string> Sha256OfFile(const std::filesystem::path& path, std::string& error) {
  const auto source = OpenFileSource(path, error);
  if (!source) return std::nullopt;
  Sha256 sum;
  if (sum.Add(*source)) return sum.Hex();
  error = fmt::format("{}: cannot be read to its end", path.string());
  return std::nullopt;
}

uint32_t Crc32(std::span<const uint8_t> bytes) {
  InitGcrypt();
  uint8_t sum[4];
  gcry_md_hash_buffer(GCRY_MD_CRC32, sum, bytes.data(), bytes.size());
  return uint32_t{sum[0]} << 24 | uint32_t{sum[1]} << 16 | uint32_t{sum[2]} << 8 | sum[3];
}

}  // namespace overlaysim
