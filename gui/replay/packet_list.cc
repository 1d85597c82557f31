#include "gui/replay/packet_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "gui/replay/link_layer.h"
#include "sim/trace/packet_heads.h"

namespace overlaysim::replay {
namespace {

constexpr uint64_t kSliceBytes = 8 << 20;
constexpr size_t kSliceRecords = 16384;

/// The journey that a frame's comment names: "pod-a → pod-b, pod-a#3".
uint64_t JourneyOf(const Topology& plan, std::string_view comment) {
  const size_t hash = comment.rfind('#');
  if (hash == std::string_view::npos) return 0;
  const size_t end = std::min(comment.find_first_not_of("0123456789", hash + 1), comment.size());
  const size_t space = comment.rfind(' ', hash);
  const size_t begin = space == std::string_view::npos ? 0 : space + 1;
  return JourneyNamed(plan, comment.substr(begin, end - begin));
}

/// What a filter sees of a trace's record; `index` counts from 0, `packet` may be null.
FilterSubject SubjectOf(const Topology& plan, const TraceRecord& record, uint64_t index, std::string_view place,
                        const Dissection* packet, std::span<const uint8_t> content) {
  return {.plan = &plan,
          .packet = packet,
          .record = &record,
          .number = index + 1,
          .timeNs = record.timeNs,
          .bytes = record.sizeBytes,
          .netns = record.netns,
          .journey = record.journey,
          .place = place,
          .content = content};
}

/// What the rows before say, where the filter asks for it.
FilterSubject InOrder(FilterSubject subject, const Filter& filter, PacketsBefore* before) {
  if (!before || !filter.NeedsOrder()) return subject;
  subject.sinceLastNs = before->SinceLast(subject.timeNs);
  if (subject.packet) subject.tcp = before->Tcp(*subject.packet);
  return subject;
}

std::string NameOr(const Topology& plan, uint32_t netns, const std::string& address) {
  return netns == Topology::kNone ? address : plan.netns[netns].name;
}

void FillIn(const Topology& plan, const Dissection& packet, PacketRow& row) {
  PacketEnds ends = EndsOf(plan, &packet, row.journey, row.isRecord ? row.record.flow : UINT32_MAX);
  row.source = NameOr(plan, ends.from, ends.fromAddress);
  row.destination = NameOr(plan, ends.to, ends.toAddress);
  row.sourceAddress = std::move(ends.fromAddress);
  row.destinationAddress = std::move(ends.toAddress);
  row.protocol = packet.protocol;
  row.info = packet.info;
  for (const Layer& layer : packet.layers) {
    if (layer.protocol != Protocol::Data && !layer.isQuoted) row.innermost = layer.protocol;
    row.isSuspicious |= layer.protocol == Protocol::Malformed;
    for (const Field& field : layer.fields) row.isSuspicious |= field.isSuspicious;
  }
}

}  // namespace

std::unique_ptr<PacketList> PacketList::Open(Run& run, PacketSource source, std::string& error) {
  std::unique_ptr<PacketList> list(new PacketList(run));
  if (source == PacketSource::Trace) {
    if (run.HasTrace()) return list;
    error = "The run has no trace that could be read.";
    return nullptr;
  }
  if (!run.Directory().Has(run_file::kPackets)) {
    error =
        "The run has no captured packets: its scenario names no place to capture at, or it was made with --no-capture.";
    return nullptr;
  }
  list->m_capture = CaptureIndex::Open(run.Directory().File(run_file::kPackets), error);
  return list->m_capture ? std::move(list) : nullptr;
}

uint64_t PacketList::Count() const { return m_capture ? m_capture->Count() : m_run.RecordCount(); }

bool PacketList::Continue(uint64_t bytes) { return m_capture && m_capture->Continue(bytes); }

void PacketList::Refresh() {
  if (m_capture) m_capture->Refresh();
}

LinkLayer PacketList::LayerOfInterface(uint32_t interface) const {
  return m_capture->Interfaces()[interface].linkType == LinkType::RawIp ? LinkLayer::Ip : LinkLayer::Ethernet;
}

bool PacketList::ContentAt(uint64_t index, PacketContent& content) {
  content = {};
  if (m_capture) {
    ReadFrame frame;
    if (!m_capture->Read(index, frame)) return false;
    content.layer = LayerOfInterface(frame.interface);
    content.bytes = std::move(frame.bytes);
    content.wireBytes = frame.originalLength;
  } else {
    const auto head = m_run.HeadAt(index);
    const StoredRecord* stored = m_run.RecordAt(index);
    if (!stored) return false;
    content.bytes.assign(head.begin(), head.end());
    content.wireBytes = stored->record.sizeBytes;
    content.layer = LayerOf(stored->record, content.bytes, content.wireBytes);
  }
  content.packet = Dissect(content.bytes, content.layer, content.wireBytes, m_run.VxlanPorts());
  return true;
}

bool PacketList::RowAt(uint64_t index, PacketRow& row) {
  row = {};
  row.number = index + 1;
  const Topology& plan = m_run.Plan();
  if (m_capture) {
    ReadFrame frame;
    if (!m_capture->Read(index, frame)) return false;
    const CaptureInterface& interface = m_capture->Interfaces()[frame.interface];
    row.timeNs = frame.time.count;
    row.place = interface.name;
    row.bytes = frame.originalLength;
    row.journey = JourneyOf(plan, frame.comment);
    row.comment = std::move(frame.comment);
    FillIn(plan, Dissect(frame.bytes, LayerOfInterface(frame.interface), frame.originalLength, m_run.VxlanPorts()),
           row);
    return true;
  }
  const auto head = m_run.HeadAt(index);
  const StoredRecord* stored = m_run.RecordAt(index);
  if (!stored) return false;
  row.isRecord = true;
  row.record = stored->record;
  row.timeNs = row.record.timeNs;
  row.bytes = row.record.sizeBytes;
  row.journey = row.record.journey;
  const Dissection packet = Dissect(head, LayerOf(row.record, head, row.bytes), row.bytes, m_run.VxlanPorts());
  row.place = m_run.PlaceName(row.record.netns, row.record.ifindex);
  FillIn(plan, packet, row);
  return true;
}

bool PacketList::Matches(const Filter& filter, uint64_t index, PacketsBefore* before) {
  Dissection packet;
  const auto dissect = [&](std::span<const uint8_t> bytes, LinkLayer layer, uint32_t size) {
    if (filter.NeedsPacket()) packet = Dissect(bytes, layer, size, m_run.VxlanPorts());
    return packet.layers.empty() ? nullptr : &packet;
  };
  if (m_capture) {
    ReadFrame frame;
    if (!m_capture->Read(index, frame)) return false;
    const std::string& place = m_capture->Interfaces()[frame.interface].name;
    const size_t slash = place.rfind('/');
    const Netns* ns = slash == std::string::npos ? nullptr : m_run.Plan().Find(place.substr(0, slash));
    return filter.Matches(
        InOrder({.plan = &m_run.Plan(),
                 .packet = dissect(frame.bytes, LayerOfInterface(frame.interface), frame.originalLength),
                 .number = index + 1,
                 .timeNs = frame.time.count,
                 .bytes = frame.originalLength,
                 .netns = ns ? ns->id : Topology::kNone,
                 .journey = JourneyOf(m_run.Plan(), frame.comment),
                 .place = place,
                 .comment = frame.comment,
                 .content = frame.bytes},
                filter, before));
  }
  const auto head = m_run.HeadAt(index);
  const StoredRecord* stored = m_run.RecordAt(index);
  if (!stored) return false;
  const TraceRecord& record = stored->record;
  const std::string place = m_run.PlaceName(record.netns, record.ifindex);
  return filter.Matches(
      InOrder(SubjectOf(m_run.Plan(), record, index, place,
                        dissect(head, LayerOf(record, head, record.sizeBytes), record.sizeBytes), head),
              filter, before));
}

uint64_t PacketList::FirstAtOrAfter(int64_t timeNs) {
  if (!m_capture) return m_run.FirstAtOrAfter(timeNs);
  uint64_t low = 0, high = m_capture->Count();
  ReadFrame frame;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (m_capture->Read(middle, frame) && frame.time.count < timeNs)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

FilterJob::FilterJob(const Run& run, PacketSource source, Filter filter, std::function<void()> onNews)
    : m_run(run.OpenAgain()), m_source(source), m_filter(std::move(filter)), m_onNews(std::move(onNews)) {
  m_thread = std::thread([this] { Work(); });
}

FilterJob::~FilterJob() {
  m_isCancelled = true;
  m_thread.join();
}

std::vector<uint64_t> FilterJob::TakeFound() {
  const std::lock_guard lock(m_mutex);
  return std::exchange(m_found, {});
}

std::string FilterJob::Error() {
  const std::lock_guard lock(m_mutex);
  return m_error;
}

void FilterJob::Report(std::vector<uint64_t>& found, double progress) {
  m_progress = progress;
  {
    const std::lock_guard lock(m_mutex);
    m_found.insert(m_found.end(), found.begin(), found.end());
  }
  found.clear();
  if (!m_isCancelled) m_onNews();
}

void FilterJob::Work() {
  if (m_source == PacketSource::Trace)
    SearchTrace();
  else
    SearchCapture();
  m_progress = 1;
  m_isDone = true;
  if (!m_isCancelled) m_onNews();
}

void FilterJob::SearchTrace() {
  if (!m_run->HasTrace()) return;
  TraceReader& trace = *m_run->Trace();
  PacketHeads heads;
  std::unordered_map<uint64_t, std::string> places;
  uint64_t index = 0;
  std::vector<uint64_t> found;
  PacketsBefore before;
  const bool needsPacket = m_filter.NeedsPacket();
  const double total = std::max<double>(1, static_cast<double>(m_run->RecordCount()));
  for (const TraceReader::ChunkInfo& chunk : trace.RecordChunks()) {
    const bool isGood = trace.VisitChunk(chunk, [&](const TraceRecord& record, const HeaderChange& change) {
      Dissection packet;
      std::span<const uint8_t> head;
      if (needsPacket) {
        head = heads.Apply(record, change).after;
        packet = Dissect(head, LayerOf(record, head, record.sizeBytes), record.sizeBytes, m_run->VxlanPorts());
      }
      const auto [place, isNew] = places.try_emplace(uint64_t{record.netns} << 32 | record.ifindex);
      if (isNew) place->second = m_run->PlaceName(record.netns, record.ifindex);
      const Dissection* known = packet.layers.empty() ? nullptr : &packet;
      if (m_filter.Matches(
              InOrder(SubjectOf(m_run->Plan(), record, index, place->second, known, head), m_filter, &before)))
        found.push_back(index);
      if (needsPacket) heads.ForgetEnded(record);
      if (++index % kSliceRecords == 0) Report(found, static_cast<double>(index) / total);
      return !m_isCancelled;
    });
    if (!isGood) {
      const std::lock_guard lock(m_mutex);
      m_error = trace.Error();
    }
    if (!isGood || m_isCancelled) break;
  }
  Report(found, 1);
}

void FilterJob::SearchCapture() {
  std::string error;
  const auto list = PacketList::Open(*m_run, PacketSource::Capture, error);
  std::vector<uint64_t> found;
  if (!list) {
    const std::lock_guard lock(m_mutex);
    m_error = error;
    return;
  }
  uint64_t index = 0;
  PacketsBefore before;
  for (bool hasMore = true; hasMore && !m_isCancelled;) {
    hasMore = list->Continue(kSliceBytes);
    for (; index < list->Count() && !m_isCancelled; ++index) {
      if (list->Matches(m_filter, index, &before)) found.push_back(index);
      if (index % kSliceRecords == kSliceRecords - 1) Report(found, list->Progress());
    }
  }
  Report(found, 1);
}

}  // namespace overlaysim::replay
