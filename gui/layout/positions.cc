#include "gui/layout/positions.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "sim/trace/files.h"

namespace overlaysim::layout {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMostBytes = 64 << 20;
constexpr double kFarthest = 1e7;  ///< a canvas that is larger cannot be drawn

Json ReadAll(const std::filesystem::path& file) {
  std::string error;
  const auto text = ReadWholeFile(file, kMostBytes, error);
  Json all = text ? Json::parse(*text, nullptr, false) : Json();
  return all.is_object() ? all : Json::object();
}

bool IsCoordinate(const Json& value) {
  return value.is_number() && std::abs(value.get<double>()) <= kFarthest;  // false for NaN
}

}  // namespace

Positions PositionStore::Load(std::string_view scenario) const {
  Positions positions;
  const Json all = ReadAll(m_file);
  const auto found = all.find(std::string(scenario));
  if (found == all.end() || !found->is_object()) return positions;
  for (const auto& [name, at] : found->items())
    if (at.is_array() && at.size() == 2 && IsCoordinate(at[0]) && IsCoordinate(at[1]))
      positions[name] = {at[0].get<double>(), at[1].get<double>()};
  return positions;
}

std::string PositionStore::Save(std::string_view scenario, const Positions& positions) const {
  Json all = ReadAll(m_file);
  const std::string key(scenario);
  all.erase(key);
  if (!positions.empty()) {
    Json& mine = all[key] = Json::object();
    for (const auto& [name, at] : positions) mine[name] = {at.x, at.y};
  }
  std::error_code failed;
  std::filesystem::create_directories(m_file.parent_path(), failed);
  if (failed) return failed.message();
  return ReplaceFile(m_file, all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace overlaysim::layout
