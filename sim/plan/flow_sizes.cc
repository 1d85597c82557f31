#include "sim/plan/flow_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "sim/base/units.h"
#include "sim/plan/text_file.h"

namespace overlaysim::plan {
namespace {

constexpr int64_t kPercent = kFractionUnit / 100;
constexpr uint64_t kMostBytes = 1'000'000'000'000;

struct KnownPoint {
  uint64_t bytes;
  int64_t percent;
};

/// Web search: Alizadeh et al., Data Center TCP (SIGCOMM 2010), as simulations of pFabric (SIGCOMM 2013) have it.
constexpr std::array kWebSearch = {KnownPoint{4000, 0},     KnownPoint{10000, 15},    KnownPoint{20000, 20},
                                   KnownPoint{30000, 30},   KnownPoint{50000, 40},    KnownPoint{80000, 53},
                                   KnownPoint{200000, 60},  KnownPoint{1000000, 70},  KnownPoint{2000000, 80},
                                   KnownPoint{5000000, 90}, KnownPoint{10000000, 97}, KnownPoint{30000000, 100}};
/// Data mining: Greenberg et al., VL2 (SIGCOMM 2009), in packets of 1,460 bytes, as simulations of pFabric have it.
constexpr std::array kDataMining = {KnownPoint{1460, 0},     KnownPoint{1460, 50},     KnownPoint{2920, 60},
                                    KnownPoint{4380, 70},    KnownPoint{10220, 80},    KnownPoint{389820, 90},
                                    KnownPoint{3076220, 95}, KnownPoint{97333820, 99}, KnownPoint{973333820, 100}};

struct Known {
  const char* name;
  std::span<const KnownPoint> points;
};
const std::array kKnown = {Known{"websearch", kWebSearch}, Known{"datamining", kDataMining}};

}  // namespace

std::vector<std::string> FlowSizes::KnownNames() {
  std::vector<std::string> names;
  for (const Known& known : kKnown) names.emplace_back(known.name);
  return names;
}

bool FlowSizes::IsFile(const std::string& text) {
  return !Bytes::Parse(text) && text.find_first_of("./") != std::string::npos;
}

std::optional<FlowSizes> FlowSizes::Read(const Context& context, const scenario::Text& text) {
  if (const auto size = Bytes::Parse(text.value)) {
    if (size->count > 0 && static_cast<uint64_t>(size->count) <= kMostBytes)
      return FlowSizes({{static_cast<uint64_t>(size->count), kFractionUnit}});
    context.Error(text.place, "a flow has 1 to {} bytes", kMostBytes);
    return std::nullopt;
  }
  for (const Known& known : kKnown) {
    if (text.value != known.name) continue;
    std::vector<Point> points;
    for (const KnownPoint& point : known.points) points.push_back({point.bytes, point.percent * kPercent});
    return FlowSizes(std::move(points));
  }
  if (IsFile(text.value)) return ReadFile(context, text);
  context.Error(text.place, "\"{}\" is no size, no CSV file and no known distribution{}", text.value,
                Suggestion(text.value, KnownNames()));
  return std::nullopt;
}

std::optional<FlowSizes> FlowSizes::ReadFile(const Context& context, const scenario::Text& name) {
  const auto lines = ReadCsv(context, name, {"size_bytes", "cdf"});
  if (!lines) return std::nullopt;
  std::vector<Point> points;
  for (const CsvLine& line : *lines) {
    const std::string& size = line.fields[0];
    uint64_t bytes = 0;
    const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), bytes);
    const auto share = ParseFraction(line.fields[1]);
    std::string problem;
    if (error != std::errc() || end != size.data() + size.size() || bytes > kMostBytes)
      problem = fmt::format("\"{}\" is no number of bytes up to {}", size, kMostBytes);
    else if (!share || *share > kFractionUnit)
      problem = fmt::format("\"{}\" is no share from 0 to 1", line.fields[1]);
    else if (!points.empty() && (bytes < points.back().bytes || *share < points.back().share))
      problem = "sizes and shares must not fall";
    if (!problem.empty()) {
      context.diagnostics.Error({context.scenario.PathOf(name), line.number, 1, 1}, problem);
      return std::nullopt;
    }
    points.push_back({bytes, *share});
  }
  if (points.back().share != kFractionUnit || points.back().bytes == 0) {
    context.Error(name.place, "the last line of \"{}\" must be a size above zero with the share 1",
                  context.scenario.PathOf(name));
    return std::nullopt;
  }
  return FlowSizes(std::move(points));
}

uint64_t FlowSizes::Draw(RandomStream& stream) const {
  if (m_points.size() == 1) return m_points.front().bytes;
  const auto drawn = static_cast<int64_t>(stream.Below(kFractionUnit));
  const auto above = std::upper_bound(m_points.begin(), m_points.end(), drawn,
                                      [](int64_t share, const Point& point) { return share < point.share; });
  if (above == m_points.begin()) return std::max<uint64_t>(above->bytes, 1);
  const Point &low = *std::prev(above), &high = *above;
  __extension__ using Wide = unsigned __int128;
  const auto more =
      static_cast<uint64_t>(static_cast<Wide>(high.bytes - low.bytes) * static_cast<uint64_t>(drawn - low.share) /
                            static_cast<uint64_t>(high.share - low.share));
  return std::max<uint64_t>(low.bytes + more, 1);
}

uint64_t FlowSizes::MeanBytes() const {
  __extension__ using Wide = unsigned __int128;
  Wide twice = static_cast<Wide>(2) * m_points.front().bytes * static_cast<uint64_t>(m_points.front().share);
  for (size_t i = 1; i < m_points.size(); ++i)
    twice += static_cast<Wide>(m_points[i - 1].bytes + m_points[i].bytes) *
             static_cast<uint64_t>(m_points[i].share - m_points[i - 1].share);
  return std::max<uint64_t>(static_cast<uint64_t>(twice / 2 / kFractionUnit), 1);
}

}  // namespace overlaysim::plan
