#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace overlaysim {

/// A file that is being written from its start to its end. The first thing that goes wrong is kept and everything after
/// it is ignored, so that a writer asks once, at the end.
class OutputFile {
 public:
  OutputFile() = default;
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();

  /// Makes or empties the file.
  static OutputFile Create(const std::filesystem::path& path);
  void Write(std::span<const uint8_t> bytes);
  void Write(std::string_view text) { Write({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }
  void Close();

  bool Ok() const { return m_error.empty(); }
  const std::string& Error() const { return m_error; }  ///< "runs/x/trace.bin: No space left on device"
  uint64_t Size() const { return m_size; }              ///< bytes written so far

 private:
  void Fail(int error);
  std::string m_path;
  std::string m_error;
  int m_fd = -1;
  uint64_t m_size = 0;
};

/// Bytes that can be read at any place without being held in memory.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t Size() const = 0;
  virtual void Refresh() {}  ///< takes notice of bytes that were added at the end
  /// Fills all of `to`, or answers false: past the end, or the disk failed.
  virtual bool ReadAt(uint64_t offset, std::span<uint8_t> to) const = 0;
};

/// A regular file; nullptr and `error` when it cannot be opened or is something else.
std::unique_ptr<ByteSource> OpenFileSource(const std::filesystem::path& path, std::string& error);
/// Bytes in memory, which must outlive the source.
std::unique_ptr<ByteSource> MemorySource(std::span<const uint8_t> bytes);

/// The whole of a regular file of at most `limit` bytes.
std::optional<std::string> ReadWholeFile(const std::filesystem::path& path, uint64_t limit, std::string& error);
/// Writes beside the file and renames: there is always either the old file or the new one. Answers an error, or "".
std::string ReplaceFile(const std::filesystem::path& path, std::string_view text);
/// The same with what `write` writes, for what is too large to be put together in memory.
std::string ReplaceFile(const std::filesystem::path& path, const std::function<void(OutputFile&)>& write);

}  // namespace overlaysim
