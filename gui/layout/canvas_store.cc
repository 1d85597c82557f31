#include "gui/layout/canvas_store.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/trace/files.h"

namespace overlaysim::layout {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMostBytes = 64 << 20;
constexpr uint64_t kLargestVni = 0xffffff;
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

void LoadNames(const Json& from, const char* key, std::set<std::string, std::less<>>& names) {
  const auto found = from.find(key);
  if (found == from.end() || !found->is_array()) return;
  for (const Json& name : *found)
    if (name.is_string()) names.insert(name.get<std::string>());
}

/// nullptr unless it is an object.
const Json* Member(const Json& from, const std::string& key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_object() ? &*found : nullptr;
}

Shown::Set LoadSet(const Json& from, const char* key) {
  Shown::Set set;
  if (const Json* all = Member(from, key)) {
    LoadNames(*all, "namespaces", set.namespaces);
    LoadNames(*all, "labels", set.labels);
    LoadNames(*all, "racks", set.racks);
  }
  return set;
}

void SaveSet(Json& to, const char* key, const Shown::Set& set) {
  if (!set.IsEmpty()) to[key] = {{"namespaces", set.namespaces}, {"labels", set.labels}, {"racks", set.racks}};
}

}  // namespace

CanvasChoices CanvasStore::Load(std::string_view scenario) const {
  CanvasChoices choices;
  const Json all = ReadAll(m_file);
  const Json* mine = Member(all, std::string(scenario));
  if (!mine) return choices;
  if (const Json* positions = Member(*mine, "positions"))
    for (const auto& [name, at] : positions->items())
      if (at.is_array() && at.size() == 2 && IsCoordinate(at[0]) && IsCoordinate(at[1]))
        choices.positions[name] = {at[0].get<double>(), at[1].get<double>()};
  choices.shown.hidden = LoadSet(*mine, "hidden");
  choices.shown.collapsed = LoadSet(*mine, "collapsed");
  if (const auto vnis = mine->find("hiddenVnis"); vnis != mine->end() && vnis->is_array())
    for (const Json& vni : *vnis)
      if (vni.is_number_unsigned() && vni.get<uint64_t>() <= kLargestVni)
        choices.shown.hiddenVnis.insert(vni.get<uint32_t>());
  return choices;
}

std::string CanvasStore::Save(std::string_view scenario, const CanvasChoices& choices) const {
  Json all = ReadAll(m_file);
  Json mine = Json::object();
  for (const auto& [name, at] : choices.positions) mine["positions"][name] = {at.x, at.y};
  SaveSet(mine, "hidden", choices.shown.hidden);
  SaveSet(mine, "collapsed", choices.shown.collapsed);
  if (!choices.shown.hiddenVnis.empty()) mine["hiddenVnis"] = choices.shown.hiddenVnis;
  all.erase(std::string(scenario));
  if (!mine.empty()) all[std::string(scenario)] = std::move(mine);
  std::error_code failed;
  std::filesystem::create_directories(m_file.parent_path(), failed);
  if (failed) return failed.message();
  return ReplaceFile(m_file, all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace overlaysim::layout
