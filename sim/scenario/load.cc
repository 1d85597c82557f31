#include "sim/scenario/load.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "sim/scenario/fields.h"
#include "sim/scenario/json_reader.h"

namespace overlaysim::scenario {
namespace {

constexpr size_t kMaxSources = 1000;
constexpr size_t kMaxIncludeDepth = 16;
constexpr size_t kMaxSubstitutedBytes = 1 << 20;

bool IsVariableName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

/// Takes a scenario's files, settings and variables together, then reads the typed Scenario from the result.
class Loader {
 public:
  Loader(const LoadOptions& options, Diagnostics& diagnostics) : m_options(options), m_diagnostics(diagnostics) {}

  std::optional<Scenario> Load(const std::string& path, const std::string_view* text) {
    const size_t errorsBefore = m_diagnostics.ErrorCount();
    std::optional<Value> root = text ? ReadText(*text, path, 0) : ReadFile(path, {}, 0);
    if (!root) return std::nullopt;
    for (const std::string& set : m_options.set) Set(*root, set);
    TakeVariables(*root);
    Substitute(*root);
    const Constraints none;
    const auto report = [this](Place place, std::string message) {
      const bool isKnown = std::find(m_unsubstituted.begin(), m_unsubstituted.end(), place) != m_unsubstituted.end();
      if (!isKnown) Error(place, std::move(message));
    };
    TypeOf<Scenario>().Read(*root, &m_scenario, {report, "", &none});
    CheckWhole(*root);
    if (m_diagnostics.ErrorCount() > errorsBefore && !m_options.keepGoing) return std::nullopt;
    m_scenario.name = std::filesystem::path(path).stem();
    FillDefaults(m_scenario);
    return std::move(m_scenario);
  }

 private:
  void Error(Place place, std::string message) { m_diagnostics.Error(m_scenario.PlaceOf(place), std::move(message)); }

  uint16_t AddSource(const std::string& name) {
    m_scenario.sources.push_back(name);
    return static_cast<uint16_t>(m_scenario.sources.size() - 1);
  }

  /// `from`: where the file is named, if it is included.
  std::optional<Value> ReadFile(const std::string& path, Place from, size_t depth) {
    const auto refuse = [&](const std::string& why) -> std::optional<Value> {
      if (from.source == 0) {
        m_diagnostics.Error({path}, why);
      } else {
        Error(from, fmt::format("{}: {}", path, why));
      }
      return std::nullopt;
    };
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return refuse(std::strerror(errno));
    if (from.source != 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) return refuse("not a regular file");
    if (S_ISDIR(status.st_mode)) return refuse("this is a directory; a scenario is a JSON file");
    std::ifstream file(path, std::ios::binary);
    if (!file) return refuse(std::strerror(errno));
    std::string text;
    char buffer[65536];
    while (text.size() <= kMaxFileBytes && (file.read(buffer, sizeof buffer), file.gcount() > 0)) {
      text.append(buffer, static_cast<size_t>(file.gcount()));
    }
    if (file.bad()) return refuse("reading failed");
    return ReadText(text, path, depth);
  }

  std::optional<Value> ReadText(std::string_view text, const std::string& name, size_t depth) {
    const uint16_t source = AddSource(name);
    if (text.size() > kMaxFileBytes) {
      Error({0, 0, 0, source}, fmt::format("larger than {} MiB; a scenario is not", kMaxFileBytes >> 20));
      return std::nullopt;
    }
    m_diagnostics.AddSource(name, std::string(text));
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
      Error({0, 0, 0, source}, "the file is empty; a scenario begins with {");
      return std::nullopt;
    }
    auto root = ReadJson(text, source, [this](Place place, std::string message) { Error(place, std::move(message)); });
    if (!root) return std::nullopt;
    if (!root->Is(Value::Kind::Object)) {
      Error(root->place, fmt::format("a scenario is an object, not {}", root->KindName()));
      return std::nullopt;
    }
    return Include(*std::move(root), name, depth);
  }

  std::optional<Value> Include(Value root, const std::string& name, size_t depth) {
    const Value* include = root.Find("include");
    if (!include) return root;
    const Constraints none;
    std::vector<std::string> files;
    const size_t errorsBefore = m_diagnostics.ErrorCount();
    TypeOf<std::vector<std::string>>().Read(
        *include, &files, {[this](Place p, std::string m) { Error(p, std::move(m)); }, "include", &none});
    if (m_diagnostics.ErrorCount() > errorsBefore) return std::nullopt;
    Value merged = Value::Object();
    bool failed = false;
    m_including.push_back(std::filesystem::path(name).lexically_normal());
    for (size_t i = 0; i < files.size(); ++i) {
      const Place from = include->items[i].place;
      const std::string path = (std::filesystem::path(name).parent_path() / files[i]).lexically_normal();
      std::optional<Value> base;
      if (std::find(m_including.begin(), m_including.end(), path) != m_including.end()) {
        Error(from, fmt::format("{} includes itself", path));
      } else if (depth >= kMaxIncludeDepth || m_scenario.sources.size() >= kMaxSources) {
        Error(from, "too many files are included");
      } else {
        base = ReadFile(path, from, depth + 1);
      }
      if (base) {
        Merge(merged, *std::move(base));
      } else {
        failed = true;
      }
    }
    m_including.pop_back();
    if (failed) return std::nullopt;
    Merge(merged, std::move(root));
    return merged;
  }

  /// What `over` says wins. Objects are merged key by key; everything else is replaced.
  static void Merge(Value& under, Value over) {
    if (!under.Is(Value::Kind::Object) || !over.Is(Value::Kind::Object)) {
      under = std::move(over);
      return;
    }
    under.place = over.place;
    for (Member& member : over.members) {
      if (Value* old = under.Find(member.key)) {
        Merge(*old, std::move(member.value));
      } else {
        under.members.push_back(std::move(member));
      }
    }
  }

  /// The value of "--set key=value" or "--var name=value": JSON, else a string.
  static Value ReadSetting(std::string_view text, uint16_t source) {
    auto value = ReadJson(text, source, [](Place, const std::string&) {});
    Value setting = value ? *std::move(value) : Value(text);
    ForgetPlaces(setting, {0, 0, 0, source});
    return setting;
  }
  static void ForgetPlaces(Value& value, Place place) {
    value.place = place;
    for (Value& item : value.items) ForgetPlaces(item, place);
    for (Member& member : value.members) {
      member.keyPlace = place;
      ForgetPlaces(member.value, place);
    }
  }

  /// "underlay.spines=4", "traffic.0.count=5", "traffic[0].count=5"
  void Set(Value& root, const std::string& setting) {
    const Place place{0, 0, 0, AddSource("--set " + setting)};
    const size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) return Error(place, "say --set path.to.key=value");
    std::string path = setting.substr(0, equals);
    std::replace(path.begin(), path.end(), '[', '.');
    path.erase(std::remove(path.begin(), path.end(), ']'), path.end());
    Value* at = &root;
    std::string passed;
    for (size_t begin = 0; begin <= path.size();) {
      const size_t end = std::min(path.find('.', begin), path.size());
      const std::string key = path.substr(begin, end - begin);
      begin = end + 1;
      if (key.empty()) return Error(place, "an empty key in the path; say for example --set underlay.spines=4");
      if (at->Is(Value::Kind::Array)) {
        const bool isIndex = key.size() <= 9 && key.find_first_not_of("0123456789") == std::string::npos;
        const size_t index = isIndex ? std::stoul(key) : at->items.size();
        if (index >= at->items.size()) {
          return Error(place, fmt::format("\"{}\" is a list of {}; there is no \"{}\" in it (they count from 0)",
                                          passed, at->items.size(), key));
        }
        at = &at->items[index];
      } else if (at->Is(Value::Kind::Object)) {
        if (!at->Find(key)) {
          Value fresh = Value::Object();
          fresh.place = place;
          at->members.push_back({key, place, std::move(fresh)});
        }
        at = at->Find(key);
      } else {
        return Error(place, fmt::format("\"{}\" is {}, which has no \"{}\"", passed, at->KindName(), key));
      }
      passed += (passed.empty() ? "" : ".") + key;
    }
    *at = ReadSetting(std::string_view(setting).substr(equals + 1), place.source);
  }

  void TakeVariables(Value& root) {
    const Constraints none;
    const auto report = [this](Place p, std::string m) { Error(p, std::move(m)); };
    if (const Value* vars = root.Find("vars")) {
      if (!vars->Is(Value::Kind::Object)) {
        Error(vars->place, fmt::format("\"vars\" is an object of variables, not {}", vars->Quoted()));
      }
      for (const Member& member : vars->members) {
        if (!IsVariableName(member.key)) {
          Error(member.keyPlace, fmt::format("{} is not a name for a variable (letters, digits, \"-\" and \"_\")",
                                             QuoteJson(member.key)));
        }
        AnyScalarType().Read(member.value, nullptr, {report, member.key, &none});
        if (member.value.Is(Value::Kind::String) && member.value.text.find("${") != std::string::npos) {
          Error(member.value.place, "a variable cannot refer to another");
        }
        m_variables.push_back(member);
      }
    }
    for (const std::string& setting : m_options.var) {
      const Place place{0, 0, 0, AddSource("--var " + setting)};
      const size_t equals = setting.find('=');
      if (equals == std::string::npos || equals == 0) {
        Error(place, "say --var name=value");
        continue;
      }
      Member* variable = FindVariable(std::string_view(setting).substr(0, equals));
      if (!variable) {
        Error(place, UnknownVariable(setting.substr(0, equals)));
        continue;
      }
      variable->value = ReadSetting(std::string_view(setting).substr(equals + 1), place.source);
      AnyScalarType().Read(variable->value, nullptr, {report, variable->key, &none});
    }
  }

  Member* FindVariable(std::string_view name) {
    auto it = std::find_if(m_variables.begin(), m_variables.end(), [&](const Member& m) { return m.key == name; });
    return it == m_variables.end() ? nullptr : &*it;
  }
  std::string UnknownVariable(const std::string& name) const {
    std::vector<std::string> names;
    for (const Member& variable : m_variables) names.push_back(variable.key);
    const std::string near = DidYouMean(name, names);
    return fmt::format("there is no variable {}{} ({})", QuoteJson(name),
                       near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near),
                       names.empty() ? "\"vars\" has none" : "known: " + JoinNames(names));
  }

  void Substitute(Value& root) {
    for (Member& member : root.members) {
      if (member.key != "vars" && member.key != "include" && member.key != "$schema") SubstituteIn(member.value);
    }
  }
  void SubstituteIn(Value& value) {
    for (Value& item : value.items) SubstituteIn(item);
    for (Member& member : value.members) SubstituteIn(member.value);
    if (!value.Is(Value::Kind::String) || value.text.find("${") == std::string::npos) return;
    std::string out, used;
    std::string_view rest = value.text;
    for (size_t at; (at = rest.find("${")) != std::string_view::npos;) {
      if (at > 0 && rest[at - 1] == '$') {  // "$${" stands for "${"
        out += rest.substr(0, at);
        out += '{';
        rest.remove_prefix(at + 2);
        continue;
      }
      const size_t end = rest.find('}', at);
      if (end == std::string_view::npos)
        return Refuse(value.place, "\"${\" without \"}\"; for the characters themselves say \"$${\"");
      const std::string name(rest.substr(at + 2, end - at - 2));
      const Member* variable = FindVariable(name);
      if (!variable) return Refuse(value.place, UnknownVariable(name));
      const std::string origin = OriginOf(*variable);
      if (used.find(origin) == std::string::npos) used += (used.empty() ? "" : ", ") + origin;
      if (at == 0 && end + 1 == rest.size() && out.empty()) {
        const Place place = value.place;
        value = variable->value;
        value.place = place;
        Remember(place, used);
        return;
      }
      out += rest.substr(0, at);
      out +=
          variable->value.Is(Value::Kind::Bool) ? (variable->value.boolean ? "true" : "false") : variable->value.text;
      rest.remove_prefix(end + 1);
      if (out.size() > kMaxSubstitutedBytes) return Refuse(value.place, "too long once the variables are put in");
    }
    value.text = out.append(rest);
    if (!used.empty()) Remember(value.place, used);
  }
  /// What stands there cannot be read either, but that need not be said.
  void Refuse(Place place, std::string message) {
    m_unsubstituted.push_back(place);
    Error(place, std::move(message));
  }
  std::string OriginOf(const Member& variable) const {
    const Place place = variable.value.place;
    const std::string& source = m_scenario.sources[place.source];
    return place.line == 0 ? source : fmt::format("{} of {}:{}", variable.key, source, place.line);
  }
  void Remember(Place place, std::string used) {
    m_scenario.substituted[{place.source, uint64_t{place.line} << 32 | place.column}] = std::move(used);
  }

  /// What concerns the file as a whole.
  void CheckWhole(const Value& root) {
    const bool hasNodes = !m_scenario.cluster.nodes.empty();
    const bool mentionsNodes = root.Find("cluster") && root.Find("cluster")->Find("nodes") && !hasNodes;
    if (m_scenario.lab && hasNodes) {
      Error(root.Find("lab")->place, "a scenario has either \"lab\" or \"cluster\", not both");
    } else if (!m_scenario.lab && (!hasNodes || mentionsNodes) && !root.Find("lab")) {
      Error(root.place, "there is nothing to simulate: the scenario needs \"cluster\" with \"nodes\" (or \"lab\")");
    }
    const auto checkSpan = [&](const std::optional<Located<Span>>& span) {
      if (span && (**span)[0] >= (**span)[1]) {
        Error(span->place, fmt::format("\"during\" ends at {}, before it begins", (**span)[1].ToString()));
      }
    };
    for (const Traffic& traffic : m_scenario.traffic) checkSpan(traffic.during);
    for (const scenario::Expect& expect : m_scenario.expect) checkSpan(expect.during);
  }

  const LoadOptions& m_options;
  Diagnostics& m_diagnostics;
  Scenario m_scenario;
  std::vector<std::string> m_including;
  std::vector<Member> m_variables;
  std::vector<Place> m_unsubstituted;
};

}  // namespace

std::optional<Scenario> LoadScenario(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics) {
  if (options.text) return LoadScenarioText(*options.text, path, options, diagnostics);
  return Loader(options, diagnostics).Load(path, nullptr);
}

std::optional<Scenario> LoadScenarioText(std::string_view text, const std::string& name, const LoadOptions& options,
                                         Diagnostics& diagnostics) {
  return Loader(options, diagnostics).Load(name, &text);
}

void FillDefaults(Scenario& scenario) { ScenarioType().FillDefaults(&scenario); }

std::string ToJson(const Scenario& scenario) { return PrintJson(ScenarioType().Write(&scenario, Detail::Sparse)); }

}  // namespace overlaysim::scenario
