#include "sim/trace/record_codec.h"

#include <algorithm>

namespace overlaysim {

using namespace trace_format;

uint8_t* PutRecord(uint8_t* at, const TraceRecord& record, const HeaderChange& change) {
  const bool hasChange = !change.IsEmpty();
  at = PutLe(at, record.timeNs);
  at = PutLe(at, record.journey);
  at = PutLe(at, record.packet);
  at = PutLe(at, record.flow);
  at = PutLe(at, record.netns);
  at = PutLe(at, record.ifindex);
  at = PutLe(at, record.sizeBytes);
  at = PutLe(at, record.row);
  at = PutLe(at, record.tableVersion);
  *at++ = static_cast<uint8_t>(record.stage);
  *at++ = static_cast<uint8_t>(record.verdict);
  *at++ = static_cast<uint8_t>(record.table);
  *at++ = static_cast<uint8_t>((record.cause != 0 ? kHasCause : 0) | (hasChange ? kHasHeaderChange : 0));
  if (record.cause != 0) at = PutLe(at, record.cause);
  if (hasChange) {
    const auto before = change.before.first(std::min(change.before.size(), HeaderChange::kMaxBytes));
    const auto after = change.after.first(std::min(change.after.size(), HeaderChange::kMaxBytes));
    at = PutLe(at, change.offset);
    *at++ = static_cast<uint8_t>(before.size());
    *at++ = static_cast<uint8_t>(after.size());
    at = std::copy(before.begin(), before.end(), at);
    at = std::copy(after.begin(), after.end(), at);
  }
  return at;
}

bool ReadRecord(ByteCursor& in, TraceRecord& record, HeaderChange& change) {
  const auto core = in.Bytes(kRecordBytes);
  if (!in.Ok()) return false;
  const uint8_t* at = core.data();
  record.timeNs = GetLe<int64_t>(at);
  record.journey = GetLe<uint64_t>(at + 8);
  record.packet = GetLe<uint32_t>(at + 16);
  record.flow = GetLe<uint32_t>(at + 20);
  record.netns = GetLe<uint32_t>(at + 24);
  record.ifindex = GetLe<uint32_t>(at + 28);
  record.sizeBytes = GetLe<uint32_t>(at + 32);
  record.row = GetLe<uint32_t>(at + 36);
  record.tableVersion = GetLe<uint32_t>(at + 40);
  record.stage = static_cast<Stage>(at[44]);
  record.verdict = static_cast<Verdict>(at[45]);
  record.table = static_cast<kernel::Table>(at[46]);
  const uint8_t flags = at[47];
  if (record.stage >= Stage::Count || record.verdict >= Verdict::Count || record.table > kLastTable ||
      (flags & ~(kHasCause | kHasHeaderChange)))
    return false;
  record.cause = flags & kHasCause ? in.Get<uint64_t>() : 0;
  change = {};
  if (flags & kHasHeaderChange) {
    change.offset = in.Get<uint16_t>();
    const auto before = in.Get<uint8_t>();
    const auto after = in.Get<uint8_t>();
    change.before = in.Bytes(before);
    change.after = in.Bytes(after);
  }
  return in.Ok();
}

}  // namespace overlaysim
