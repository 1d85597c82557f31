#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>

#include "sim/import/parsers.h"
#include "sim/import/text_stream.h"

namespace overlaysim::import {

namespace {

/// Leaves yaml-cpp's parser with our own error.
struct YamlRefusal {
  SyntaxError error;
};

TextPlace PlaceOf(const YAML::Mark& mark) {
  return mark.is_null() ? TextPlace{}
                        : TextPlace{static_cast<unsigned>(mark.line) + 1, static_cast<unsigned>(mark.column) + 1};
}

/// What a scalar without quotes is (YAML 1.2 core schema, as far as Kubernetes' objects use it).
Value::Kind PlainKind(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return Value::Kind::Null;
  if (text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" || text == "FALSE") {
    return Value::Kind::Bool;
  }
  const bool isNumber = text.find_first_of("0123456789") != std::string_view::npos &&
                        text.find_first_not_of("0123456789+-.eE") == std::string_view::npos &&
                        std::count(text.begin(), text.end(), '.') <= 1;
  return isNumber ? Value::Kind::Number : Value::Kind::String;
}

/// Turns yaml-cpp's events into ours: keys told from values, aliases replayed.
class YamlHandler : public YAML::EventHandler {
 public:
  YamlHandler(std::string_view text, ValueEvents& events) : m_text(text), m_events(events) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // Before a token that cannot begin a document yaml-cpp ends an empty one, for ever.
    if (mark.pos <= m_documentBegin)
      throw YamlRefusal{{PlaceOf(mark), "this is not valid YAML: nothing can begin like this"}};
    m_documentBegin = mark.pos;
    m_open.clear();
    m_anchors.clear();
    m_openAnchors.clear();
    m_log.clear();
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { OnScalar(mark, "?", anchor, {}); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value value;
    value.place = PlaceOf(mark);
    value.kind = tag == "?" ? PlainKind(text) : Value::Kind::String;
    value.text = value.kind == Value::Kind::Null ? std::string() : text;
    if (tag == "!") FindBlock(mark, value);
    const size_t begin = m_log.size();
    if (anchor) ++m_recording;
    Emit({Event::Scalar, std::move(value)});
    if (anchor) {
      --m_recording;
      m_anchors[anchor] = {begin, m_log.size()};
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Event::BeginArray, mark, anchor);
  }
  void OnSequenceEnd() override { Close(Event::EndArray); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(Event::BeginObject, mark, anchor);
  }
  void OnMapEnd() override { Close(Event::EndObject); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = m_anchors.find(anchor);
    if (found == m_anchors.end()) {
      throw YamlRefusal{{PlaceOf(mark), "this alias stands inside what it names, so it has no end"}};
    }
    const auto [begin, end] = found->second;
    m_aliased += end - begin;
    if (m_aliased > kMaxAliasedValues) {
      throw YamlRefusal{
          {PlaceOf(mark), fmt::format("the aliases of this file expand to more than {} values; that is no "
                                      "cluster's own file",
                                      kMaxAliasedValues)}};
    }
    for (size_t i = begin; i < end; ++i) Emit(Event(m_log[i]));
  }

 private:
  struct Event {
    enum Type : uint8_t { Scalar, BeginObject, EndObject, BeginArray, EndArray } type;
    Value value;  ///< of scalars; else only its place
  };
  struct Frame {
    bool isMap;
    bool isKeyNext;
  };

  /// Only events inside an anchored value are kept; a log without anchors stays empty.
  void Open(Event::Type type, const YAML::Mark& mark, YAML::anchor_t anchor) {
    m_openAnchors.push_back({anchor, m_log.size()});
    if (anchor) ++m_recording;
    Value value;
    value.place = PlaceOf(mark);
    Emit({type, std::move(value)});
  }
  void Close(Event::Type type) {
    Emit({type, {}});
    const auto [anchor, begin] = m_openAnchors.back();
    m_openAnchors.pop_back();
    if (!anchor) return;
    --m_recording;
    m_anchors[anchor] = {begin, m_log.size()};
  }

  void Emit(Event&& event) {
    if (m_recording > 0) m_log.push_back(event);
    const TextPlace place = event.value.place;
    const bool isKey = !m_open.empty() && m_open.back().isKeyNext && event.type != Event::EndObject;
    if (isKey && event.type != Event::Scalar) throw YamlRefusal{{place, "a key must be a text here"}};
    switch (event.type) {
      case Event::Scalar:
        if (isKey) {
          m_events.Key(event.value.text, place);
        } else {
          m_events.Scalar(std::move(event.value));
        }
        break;
      case Event::BeginObject:
      case Event::BeginArray:
        if (m_open.size() >= kMaxDepth) {
          throw YamlRefusal{{place, fmt::format("this is nested more than {} levels deep", kMaxDepth)}};
        }
        m_open.push_back({event.type == Event::BeginObject, event.type == Event::BeginObject});
        if (event.type == Event::BeginObject) {
          m_events.BeginObject(place);
        } else {
          m_events.BeginArray(place);
        }
        return;
      case Event::EndObject:
        m_open.pop_back();
        m_events.EndObject();
        break;
      case Event::EndArray:
        m_open.pop_back();
        m_events.EndArray();
        break;
    }
    if (!m_open.empty() && m_open.back().isMap) m_open.back().isKeyNext = !isKey;
  }

  /// yaml-cpp does not say which scalars are "|" blocks; the text at their mark does.
  void FindBlock(const YAML::Mark& mark, Value& value) const {
    const auto pos = static_cast<size_t>(mark.pos);
    if (mark.pos < 0 || pos >= m_text.size() || m_text[pos] != '|') return;
    size_t lineEnd = m_text.find('\n', pos);
    while (lineEnd != std::string_view::npos) {
      const size_t begin = lineEnd + 1;
      const size_t first = m_text.find_first_not_of(" \r", begin);
      if (first == std::string_view::npos) return;
      if (m_text[first] != '\n') {
        value.isBlock = true;
        value.blockIndent = static_cast<unsigned>(first - begin);
        return;
      }
      lineEnd = first;
    }
  }

  std::string_view m_text;
  ValueEvents& m_events;
  int m_documentBegin = -1;
  std::vector<Frame> m_open;
  std::vector<std::pair<YAML::anchor_t, size_t>> m_openAnchors;
  std::map<YAML::anchor_t, std::pair<size_t, size_t>> m_anchors;  ///< the events of each in m_log
  std::vector<Event> m_log;
  unsigned m_recording = 0;
  size_t m_aliased = 0;
};

}  // namespace

std::optional<SyntaxError> ParseYaml(std::string_view text, ValueEvents& events) {
  YamlHandler handler(text, events);
  TextStream stream(text);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(handler)) {
    }
  } catch (const YamlRefusal& refusal) {
    return refusal.error;
  } catch (const YAML::Exception& e) {
    return SyntaxError{PlaceOf(e.mark), fmt::format("this is not valid YAML: {}", e.msg)};
  }
  return std::nullopt;
}

}  // namespace overlaysim::import
