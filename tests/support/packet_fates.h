#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/host/network.h"
#include "sim/trace/packet_heads.h"

namespace overlaysim::test {

/// Watches every packet of a network: each must begin as a journey's first packet, sent, or as a copy or part of a
/// packet of its journey, must end exactly once (a flooded packet goes on), and do nothing afterwards. To be made
/// before the network runs and asked after Network::EndRun().
class PacketFates : public host::Observer {
 public:
  explicit PacketFates(host::Network& network) : m_network(network) {
    network.observer = this;
    network.observeRecords = true;
  }
  ~PacketFates() override {
    m_network.observer = nullptr;
    m_network.observeRecords = false;
  }

  /// What is wrong, in words; the first few packets of it.
  std::vector<std::string> Problems() const {
    std::vector<std::string> problems = m_problems;
    for (const auto& [packet, last] : m_last)
      if (!IsEnd(last.verdict)) problems.push_back(Describe(last) + ": the last that is known of it");
    problems.resize(std::min(problems.size(), kMostProblems));
    return problems;
  }
  /// Over all that was recorded: two runs that have the same did the same.
  uint64_t Digest() const { return m_digest; }
  uint64_t PacketCount() const { return m_last.size(); }
  /// How many packets ended with it.
  uint64_t EndsWith(Verdict verdict) const {
    auto it = m_ends.find(verdict);
    return it == m_ends.end() ? 0 : it->second;
  }

  void OnRecord(const TraceRecord& record, const HeaderChange& change, bool) override {
    const auto [last, isNew] = m_last.try_emplace({record.journey, record.packet}, record);
    if (isNew && record.packet == 0 && record.stage != Stage::Send) Problem(record, "it was not sent");
    if (isNew && record.packet != 0 && record.packet > m_packets[record.journey]) Problem(record, "nobody made it");
    if (!isNew && IsEnd(last->second.verdict)) Problem(record, "it had ended with " + Describe(last->second));
    last->second = record;
    if (!m_heads.Apply(record, change).fits) Problem(record, "the header change does not fit what it had before");
    if (IsEnd(record.verdict)) ++m_ends[record.verdict];
    AddToDigest(record, change);
  }
  void OnFrame(const host::Stack&, const kernel::Link&, const wire::Frame&, bool) override {}
  uint32_t NextPacket(uint64_t journey) override { return ++m_packets[journey]; }

 private:
  static constexpr size_t kMostProblems = 10;

  static bool IsEnd(Verdict verdict) { return IsFinal(FateOf(verdict)) && verdict != Verdict::Flooded; }
  std::string Describe(const TraceRecord& r) const {
    return fmt::format("packet {} of journey {:x}, {} {} in {} on device {} at {} ns", r.packet, r.journey,
                       StageName(r.stage), VerdictName(r.verdict), m_network.NameOf(NetnsId(r.netns)), r.ifindex,
                       r.timeNs);
  }
  void Problem(const TraceRecord& record, const std::string& what) {
    m_problems.push_back(Describe(record) + ": " + what);
  }
  void AddToDigest(const TraceRecord& r, const HeaderChange& change) {
    for (uint64_t value : {static_cast<uint64_t>(r.timeNs), r.journey, r.cause, uint64_t{r.packet}, uint64_t{r.netns},
                           uint64_t{r.ifindex}, uint64_t{r.sizeBytes}, uint64_t{r.row}, uint64_t{r.tableVersion},
                           static_cast<uint64_t>(r.stage), static_cast<uint64_t>(r.verdict), uint64_t{change.offset}})
      Mix(value);
    for (const auto& side : {change.before, change.after})
      for (uint8_t byte : side) Mix(byte);
  }
  void Mix(uint64_t value) { m_digest = (m_digest ^ value) * 0x100000001b3; }  // FNV-1a

  host::Network& m_network;
  std::map<std::pair<uint64_t, uint32_t>, TraceRecord> m_last;  ///< by journey and packet
  PacketHeads m_heads;
  std::map<uint64_t, uint32_t> m_packets;  ///< made of each journey, besides the first
  std::map<Verdict, uint64_t> m_ends;
  std::vector<std::string> m_problems;
  uint64_t m_digest = 0xcbf29ce484222325;
};

}  // namespace overlaysim::test
