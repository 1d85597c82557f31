#include "sim/trace/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace overlaysim {
namespace {

class FileSource : public ByteSource {
 public:
  FileSource(int fd, uint64_t size) : m_fd(fd), m_size(size) {}
  FileSource(const FileSource&) = delete;
  ~FileSource() override { close(m_fd); }

  uint64_t Size() const override { return m_size; }
  void Refresh() override {
    struct stat status {};
    if (fstat(m_fd, &status) == 0) m_size = std::max(m_size, static_cast<uint64_t>(status.st_size));
  }
  bool ReadAt(uint64_t offset, std::span<uint8_t> to) const override {
    while (!to.empty()) {
      const ssize_t n = pread(m_fd, to.data(), to.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return false;
      to = to.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return true;
  }

 private:
  int m_fd;
  uint64_t m_size;
};

class SpanSource : public ByteSource {
 public:
  explicit SpanSource(std::span<const uint8_t> bytes) : m_bytes(bytes) {}
  uint64_t Size() const override { return m_bytes.size(); }
  bool ReadAt(uint64_t offset, std::span<uint8_t> to) const override {
    if (offset > m_bytes.size() || to.size() > m_bytes.size() - offset) return false;
    std::copy_n(m_bytes.begin() + static_cast<ptrdiff_t>(offset), to.size(), to.begin());
    return true;
  }

 private:
  std::span<const uint8_t> m_bytes;
};

}  // namespace

OutputFile::OutputFile(OutputFile&& other) noexcept { *this = std::move(other); }

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(m_path, other.m_path);
  std::swap(m_error, other.m_error);
  std::swap(m_fd, other.m_fd);
  std::swap(m_size, other.m_size);
  return *this;
}

OutputFile::~OutputFile() { Close(); }

OutputFile OutputFile::Create(const std::filesystem::path& path) {
  OutputFile file;
  file.m_path = path.string();
  file.m_fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file.m_fd < 0) file.Fail(errno);
  return file;
}

void OutputFile::Write(std::span<const uint8_t> bytes) {
  while (Ok() && !bytes.empty()) {
    const ssize_t n = write(m_fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno != EINTR) Fail(errno);
      continue;
    }
    m_size += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

void OutputFile::Close() {
  if (m_fd >= 0 && close(m_fd) != 0) Fail(errno);
  m_fd = -1;
}

void OutputFile::Fail(int error) {
  if (Ok()) m_error = fmt::format("{}: {}", m_path, std::strerror(error));
}

std::unique_ptr<ByteSource> OpenFileSource(const std::filesystem::path& path, std::string& error) {
  // O_NONBLOCK: a pipe in place of the file must not make us wait.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    error = fmt::format("{}: {}", path.string(), std::strerror(errno));
    return nullptr;
  }
  struct stat info {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    error = fmt::format("{}: {}", path.string(), S_ISDIR(info.st_mode) ? "is a directory" : "is not a regular file");
    close(fd);
    return nullptr;
  }
  return std::make_unique<FileSource>(fd, static_cast<uint64_t>(info.st_size));
}

std::unique_ptr<ByteSource> MemorySource(std::span<const uint8_t> bytes) { return std::make_unique<SpanSource>(bytes); }

std::optional<std::string> ReadWholeFile(const std::filesystem::path& path, uint64_t limit, std::string& error) {
  const auto source = OpenFileSource(path, error);
  if (!source) return std::nullopt;
  if (source->Size() > limit) {
    error = fmt::format("{}: has {} bytes; more than {} are not read", path.string(), source->Size(), limit);
    return std::nullopt;
  }
  std::string text(source->Size(), '\0');
  if (!source->ReadAt(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()})) {
    error = fmt::format("{}: cannot be read to its end", path.string());
    return std::nullopt;
  }
  return text;
}

std::string ReplaceFile(const std::filesystem::path& path, std::string_view text) {
  return ReplaceFile(path, [&](OutputFile& file) { file.Write(text); });
}

std::string ReplaceFile(const std::filesystem::path& path, const std::function<void(OutputFile&)>& write) {
  std::filesystem::path beside = path;
  beside += ".new";
  OutputFile file = OutputFile::Create(beside);
  write(file);
  file.Close();
  if (!file.Ok()) return file.Error();
  std::error_code failed;
  std::filesystem::rename(beside, path, failed);
  return failed ? fmt::format("{}: {}", path.string(), failed.message()) : "";
}

}  // namespace overlaysim
