#include "sim/trace/record_template.h"

#include <algorithm>
#include <cstring>

#include "sim/base/check.h"
#include "sim/trace/little_endian.h"
#include "sim/trace/record_codec.h"

namespace overlaysim {

using namespace trace_format;

namespace {

uint64_t g_bytesInUse = 0;

}  // namespace

RecordTemplate::~RecordTemplate() { g_bytesInUse -= m_bytes.size(); }

uint64_t RecordTemplate::BytesInUse() { return g_bytesInUse; }

void RecordTemplate::Add(const TraceRecord& record, const HeaderChange& change, std::span<const Varying> varying) {
  const size_t start = m_bytes.size();
  uint8_t encoded[kMaxRecordBytes];
  const uint8_t* begin = encoded;
  const uint8_t* end = PutRecord(encoded, record, change);
  m_bytes.insert(m_bytes.end(), begin, end);
  g_bytesInUse += m_bytes.size() - start;
  m_starts.push_back(static_cast<uint32_t>(start));
  if (record.cause != 0) {
    OVERLAYSIM_CHECK(m_causeAt == 0, "two records of one packet with a cause");
    m_causeAt = static_cast<uint32_t>(start + kRecordBytes);
  }
  const size_t changeAt = m_bytes.size() - change.before.size() - change.after.size();
  for (const Varying& v : varying) {
    OVERLAYSIM_CHECK(changeAt + v.at + v.bytes <= m_bytes.size(), "{} bytes at {} of a change of {} and {} bytes",
                     v.bytes, v.at, change.before.size(), change.after.size());
    m_patches.push_back({static_cast<uint32_t>(changeAt + v.at), v.from, v.bytes});
  }
  const DeviceVerdict key{record.netns, record.ifindex, record.verdict};
  const auto known = std::find_if(m_verdicts.begin(), m_verdicts.end(), [&](const auto& v) { return v.first == key; });
  if (known != m_verdicts.end())
    ++known->second;
  else
    m_verdicts.emplace_back(key, 1);
}

uint8_t* RecordTemplate::Put(uint8_t* at, const Packet& packet) const {
  std::memcpy(at, m_bytes.data(), m_bytes.size());
  uint8_t timeAndJourney[16];
  PutLe(PutLe(timeAndJourney, packet.timeNs), packet.journey);
  for (const uint32_t start : m_starts) std::memcpy(at + start, timeAndJourney, sizeof timeAndJourney);
  if (HasCause()) PutLe(at + m_causeAt, packet.cause);
  for (const Patch& patch : m_patches) std::memcpy(at + patch.at, packet.image + patch.from, patch.bytes);
  return at + m_bytes.size();
}

}  // namespace overlaysim
