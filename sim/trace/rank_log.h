#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/trace/files.h"
#include "sim/trace/rank_order.h"
#include "sim/trace/trace_sink.h"

namespace overlaysim {

/// What one rank of several tells, with its place among what the others tell: a file that lives until the run ends and
/// all of them are put together.
class RankLog final : public TraceSink {
 public:
  /// `now` says where what is told next stands.
  RankLog(const std::filesystem::path& path, std::function<RankOrder()> now);

  void Append(const TraceRecord& record, const HeaderChange& change) override;
  void NameNetns(Nanoseconds now, uint32_t netns, std::string_view name) override;
  void NameDevice(Nanoseconds now, uint32_t netns, uint32_t ifindex, std::string_view name) override;
  void TableRow(Nanoseconds now, const TableRowChange& change) override;
  /// A fragment or copy of that journey has got a number that no other rank gives.
  void NewPacket(uint64_t journey, uint32_t number);

  std::string Finish();  ///< an error text, or ""

 private:
  enum class Item : uint8_t;
  void Begin(Item item);
  void End();
  void PutText(std::string_view text);
  friend class RankLogReader;

  OutputFile m_file;
  std::function<RankOrder()> m_now;
  std::vector<uint8_t> m_buffer;
  size_t m_begin = 0;  ///< of the item that is being written, in the buffer
};

/// Tells `sink` what the logs of all ranks tell, in the order in which one process would have told it, and with the
/// packet numbers that it would have given. An error text, or "".
std::string MergeRankLogs(const std::vector<std::filesystem::path>& logs, TraceSink& sink);

}  // namespace overlaysim
