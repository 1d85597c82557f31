#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/fields.h"
#include "sim/scenario/load.h"

namespace overlaysim::scenario {
namespace {

constexpr size_t kOriginColumn = 60;
constexpr size_t kShortListColumns = 100;

class ResolvePrinter {
 public:
  explicit ResolvePrinter(const Scenario& scenario) : m_scenario(scenario) {}

  std::string Print() {
    m_out = "// The scenario as understood, and where each value comes from.\n";
    Print(ScenarioType().Write(&m_scenario, Detail::Full), &ScenarioType(), 0, false, "");
    return std::move(m_out);
  }

 private:
  /// The line has been begun (indentation, key); `comma` ends the value.
  void Print(const Value& value, const ObjectType* type, size_t indent, bool isInList, std::string_view comma) {
    if (value.Is(Value::Kind::Object) && !value.members.empty()) {
      PrintObject(value, type, indent, isInList);
      EndLine(fmt::format("{}}}{}", std::string(indent, ' '), comma), "");
    } else if (value.Is(Value::Kind::Array) && !IsShort(value)) {
      m_out += "[\n";
      for (const Value& item : value.items) {
        m_out += std::string(indent + 2, ' ');
        Print(item, type, indent + 2, true, &item == &value.items.back() ? "" : ",");
      }
      EndLine(fmt::format("{}]{}", std::string(indent, ' '), comma), "");
    } else {
      EndLine(PrintJsonLine(value) + std::string(comma), OriginOf(value.place));
    }
  }

  void PrintObject(const Value& value, const ObjectType* type, size_t indent, bool isInList) {
    m_out += "{\n";
    const std::string inner(indent + 2, ' ');
    for (const Member& member : value.members) {
      const Field* field = type ? type->Find(member.key, type->VariantOf(value)) : nullptr;
      m_out += fmt::format("{}{}: ", inner, QuoteJson(member.key));
      Print(member.value, field ? field->type->Object() : nullptr, indent + 2, isInList,
            &member == &value.members.back() ? "" : ",");
    }
    if (!type || isInList) return;
    for (const Field& field : type->fields) {
      if (field.otherwise.empty() || !field.BelongsTo(type->VariantOf(value)) || value.Find(field.name)) continue;
      m_out += fmt::format("{}// \"{}\": {}\n", inner, field.name, field.otherwise);
    }
  }

  /// A list without objects that fits on a line.
  static bool IsShort(const Value& list) {
    const bool isPlain = std::none_of(list.items.begin(), list.items.end(), [](const Value& item) {
      return item.Is(Value::Kind::Object) || item.Is(Value::Kind::Array);
    });
    return isPlain && PrintJsonLine(list).size() <= kShortListColumns;
  }

  void EndLine(std::string_view text, std::string_view origin) {
    m_out += text;
    if (!origin.empty()) {
      const size_t lineStart = m_out.rfind('\n') + 1;
      const size_t used = m_out.size() - lineStart;
      m_out += fmt::format("{}  // {}", std::string(used < kOriginColumn ? kOriginColumn - used : 0, ' '), origin);
    }
    m_out += '\n';
  }

  std::string OriginOf(Place place) const {
    if (place.source == 0) return "default";
    const std::string& source = m_scenario.sources.at(place.source);
    std::string origin = place.line == 0 ? source : fmt::format("{}:{}", source, place.line);
    auto it = m_scenario.substituted.find({place.source, uint64_t{place.line} << 32 | place.column});
    return it == m_scenario.substituted.end() ? origin : fmt::format("{}, {}", origin, it->second);
  }

  const Scenario& m_scenario;
  std::string m_out;
};

}  // namespace

std::string ResolvedText(const Scenario& scenario) { return ResolvePrinter(scenario).Print(); }

}  // namespace overlaysim::scenario
