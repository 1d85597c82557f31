// Any bytes as what a run leaves behind: a trace, a capture, a manifest, metrics; and as a capture filter. Each reader
// says why it refuses them, or reads them without harm; what it reads and we can print is understood again as the same.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/check.h"
#include "sim/trace/capture_filter.h"
#include "sim/trace/capture_reader.h"
#include "sim/trace/digest.h"
#include "sim/trace/little_endian.h"
#include "sim/trace/metrics.h"
#include "sim/trace/run_directory.h"
#include "sim/trace/trace_reader.h"

using namespace overlaysim;

namespace {

/// The bytes with the checksums put right wherever a chunk stands: no fuzzer finds a CRC by chance.
std::vector<uint8_t> WithChecksums(std::span<const uint8_t> bytes) {
  using namespace trace_format;
  std::vector<uint8_t> mended(bytes.begin(), bytes.end());
  for (size_t at = kFileHeaderBytes; at + kChunkHeaderBytes <= mended.size();) {
    uint8_t* header = mended.data() + at;
    const size_t payload = GetLe<uint32_t>(header + 12), footer = GetLe<uint32_t>(header + 16);
    const size_t left = mended.size() - at - kChunkHeaderBytes;
    if (payload > left || footer > left - payload) break;
    const auto body = std::span(mended).subspan(at + kChunkHeaderBytes);
    PutLe(header + 20, Crc32(body.first(payload)));
    PutLe(header + 24, Crc32(body.subspan(payload, footer)));
    PutLe(header + 28, Crc32({header, 28}));
    at += kChunkHeaderBytes + payload + footer;
  }
  return mended;
}

void ReadAsTrace(std::span<const uint8_t> bytes) {
  std::string error;
  auto reader = TraceReader::Open(MemorySource(bytes), "trace.bin", error);
  if (!reader) {
    OVERLAYSIM_CHECK(!error.empty(), "a refusal without a word");
    return;
  }
  TableHistory tables;
  uint64_t journey = 0, records = 0;
  const bool hasTables = reader->ReadTables(tables);
  const bool isWhole = reader->VisitAll([&](const TraceRecord& record, const HeaderChange&) {
    journey = record.journey;
    ++records;
    return tables.LineOf(record).size() + tables.PlaceName(record.netns, record.ifindex).size() > 0;
  });
  OVERLAYSIM_CHECK((hasTables && isWhole) || !reader->Error().empty(), "damage without a word");
  OVERLAYSIM_CHECK(!isWhole || records == reader->RecordCount(), "{} records of {}", records, reader->RecordCount());
  reader->VisitJourney(journey, [](const TraceRecord&, const HeaderChange&) { return true; });
}

void ReadAsText(std::string_view text) {
  std::string error;
  if (const auto manifest = ManifestFromJson(text, error)) {
    const auto again = ManifestFromJson(ManifestToJson(*manifest), error);
    OVERLAYSIM_CHECK(again == manifest, "printed and read, a manifest differs");
  }
  if (const auto metrics = MetricsFromJson(text, error)) {
    const auto again = MetricsFromJson(MetricsToJson(*metrics), error);
    OVERLAYSIM_CHECK(again == metrics, "printed and read, metrics differ");
  }
  const NameResolver resolve = [](std::string_view name) -> std::optional<Ipv4Address> {
    return name.size() % 2 ? std::optional(Ipv4Address{0x0a000001}) : std::nullopt;
  };
  FilterError why;
  if (const auto resolved = ResolveFilterNames(text.substr(0, 200), resolve, why)) {
    if (const auto filter = CaptureFilter::Compile(*resolved, why))
      filter->Matches({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  } else {
    OVERLAYSIM_CHECK(!why.ToString().empty() && why.column <= text.size() + 1, "column {}", why.column);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  std::string error;
  ReadAsTrace(bytes);
  ReadAsTrace(WithChecksums(bytes));
  OVERLAYSIM_CHECK(ReadCapture(bytes, error) || !error.empty(), "a refusal without a word");
  ReadAsText({reinterpret_cast<const char*>(data), size});
  return 0;
}
