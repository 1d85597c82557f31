#include "gui/document/completion.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "sim/scenario/fields.h"
#include "sim/scenario/type.h"

namespace overlaysim::document {
namespace {

using scenario::Field;
using scenario::ObjectType;
using scenario::Value;

/// An object or list that is open at the cursor.
struct Level {
  bool isObject = false;
  bool expectsValue = false;  ///< of an object: behind a colon
  std::string key;            ///< the last one read
  Value members = Value::Object();
};

/// Reads as much of an unfinished JSON text as makes sense.
class LenientReader {
 public:
  explicit LenientReader(std::string_view text) : m_text(text) {}

  /// Reads up to `cursor`.
  void ReadTo(size_t cursor) {
    m_stop = cursor;
    while (m_at < m_stop) Step();
  }

  /// Goes on until the innermost object ends, for the members that stand behind the cursor.
  void ReadRestOfObject() {
    const size_t depth = m_levels.size();
    m_stop = m_text.size();
    while (m_at < m_stop && m_levels.size() >= depth) {
      if (m_levels.size() == depth && (m_text[m_at] == '}' || m_text[m_at] == ']')) return;
      Step();
    }
  }

  std::vector<Level>& Levels() { return m_levels; }
  /// Where the string or word begins that the cursor is in.
  std::optional<size_t> WordBegin() const { return m_wordBegin; }

 private:
  void Step() {
    const char c = m_text[m_at];
    if (c == '"') return ReadString();
    if (c == '/' && m_at + 1 < m_text.size() && m_text[m_at + 1] == '/') {
      m_at = std::min({m_text.find('\n', m_at), m_stop, m_text.size()});
      return;
    }
    if (c == '/' && m_at + 1 < m_text.size() && m_text[m_at + 1] == '*') {
      const size_t end = m_text.find("*/", m_at + 2);
      m_at = end == std::string_view::npos ? m_stop : end + 2;
      return;
    }
    ++m_at;
    switch (c) {
      case '{':
      case '[':
        m_levels.push_back({.isObject = c == '{'});
        return;
      case '}':
      case ']':
        if (!m_levels.empty()) m_levels.pop_back();
        if (!m_levels.empty()) m_levels.back().expectsValue = false;
        return;
      case ':':
        if (!m_levels.empty()) m_levels.back().expectsValue = true;
        return;
      case ',':
        if (!m_levels.empty()) m_levels.back().expectsValue = false;
        return;
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        return;
      default:
        ReadWord(m_at - 1);
    }
  }

  void ReadString() {
    const size_t begin = m_at++;
    while (m_at < m_stop && m_text[m_at] != '"' && m_text[m_at] != '\n') m_at += m_text[m_at] == '\\' ? 2 : 1;
    if (m_at >= m_stop) {
      m_at = m_stop;
      m_wordBegin = begin;
      return;
    }
    if (m_text[m_at] == '"') Took(Value(m_text.substr(begin + 1, m_at - begin - 1)));
    ++m_at;
  }

  void ReadWord(size_t begin) {
    const auto ends = [](char c) { return std::string_view(" \t\r\n,:{}[]\"").find(c) != std::string_view::npos; };
    while (m_at < m_stop && !ends(m_text[m_at])) ++m_at;
    if (m_at >= m_stop)
      m_wordBegin = begin;
    else
      Took(Value::Bool(true));
  }

  void Took(Value value) {
    if (m_levels.empty() || !m_levels.back().isObject) return;
    Level& level = m_levels.back();
    if (!level.expectsValue) {
      level.key = value.text;
      level.members.Set(level.key, Value());
    } else {
      level.members.Set(level.key, std::move(value));
    }
  }

  std::string_view m_text;
  size_t m_at = 0, m_stop = 0;
  std::vector<Level> m_levels;
  std::optional<size_t> m_wordBegin;
};

const Field* FindField(const ObjectType& type, const std::string& key, const Value& members) {
  if (const Field* field = type.Find(key, type.VariantOf(members))) return field;
  const auto it = std::find_if(type.fields.begin(), type.fields.end(), [&](const Field& f) { return f.name == key; });
  return it == type.fields.end() ? nullptr : &*it;
}

/// The words of all enumerations of a schema.
void CollectWords(const Value& schema, std::vector<std::string>& words) {
  if (const Value* list = schema.Find("enum"))
    for (const Value& word : list->items) words.push_back(scenario::QuoteJson(word.text));
  const Value* type = schema.Find("type");
  if (type && type->text == "boolean") words.insert(words.end(), {"true", "false"});
  for (const char* key : {"anyOf", "oneOf"})
    if (const Value* list = schema.Find(key))
      for (const Value& each : list->items) CollectWords(each, words);
  if (const Value* items = schema.Find("items")) CollectWords(*items, words);
}

void CompleteValue(const ObjectType& type, const Field& field, CompletionList& out) {
  std::vector<std::string> words;
  if (field.name == type.tag)
    for (const std::string& variant : type.variants) words.push_back(scenario::QuoteJson(variant));
  else
    CollectWords(field.type->Schema(field.constraints), words);
  if (const auto value = type.DefaultOf(field)) words.push_back(scenario::PrintJsonLine(*value));
  for (const std::string& word : words) {
    const bool isNew =
        std::none_of(out.items.begin(), out.items.end(), [&](const Completion& c) { return c.text == word; });
    if (isNew) out.items.push_back({word, word, field.description});
  }
  out.about = field.name + ": " + field.description;
}

void CompleteKey(const ObjectType& type, const Value& members, CompletionList& out) {
  const std::string variant = type.VariantOf(members);
  out.about = type.Called(variant);
  for (const Field& field : type.fields) {
    const bool fits = variant.empty() || field.BelongsTo(variant);
    const bool isThere = members.Find(field.name) != nullptr;
    const bool isOffered =
        std::any_of(out.items.begin(), out.items.end(), [&](const Completion& c) { return c.label == field.name; });
    if (fits && !isThere && !isOffered && field.name[0] != '$')
      out.items.push_back({scenario::QuoteJson(field.name) + ": ", field.name, field.description});
  }
}

}  // namespace

CompletionList CompleteAt(std::string_view text, size_t cursor) {
  cursor = std::min(cursor, text.size());
  CompletionList out;
  LenientReader reader(text);
  reader.ReadTo(cursor);
  out.from = reader.WordBegin().value_or(cursor);
  std::vector<Level> levels = reader.Levels();
  if (levels.empty() || !levels.front().isObject) return out;

  // From the root to the innermost object, by the keys under which they stand.
  const ObjectType* type = &scenario::ScenarioType();
  const Field* field = nullptr;
  const Level* object = nullptr;
  for (const Level& level : levels) {
    if (!level.isObject) continue;
    if (object) {
      field = FindField(*type, object->key, object->members);
      type = field ? field->type->Object() : nullptr;
      if (!type) return out;
    }
    object = &level;
  }
  if (levels.back().isObject && !levels.back().expectsValue) {
    Value members = object->members;
    if (reader.WordBegin()) {
      LenientReader whole(text);  // what is being typed is no member yet
      whole.ReadTo(*reader.WordBegin());
      members = whole.Levels().empty() ? members : whole.Levels().back().members;
    } else {
      reader.ReadRestOfObject();
      if (reader.Levels().size() == levels.size()) members = reader.Levels().back().members;
    }
    CompleteKey(*type, members, out);
  } else if (const Field* here = FindField(*type, object->key, object->members)) {
    const bool isListOfObjects = !levels.back().isObject && here->type->Object();
    if (isListOfObjects)
      out.items.push_back({"{ ", "{ … }", here->type->Object()->description});
    else
      CompleteValue(*type, *here, out);
  }
  return out;
}

}  // namespace overlaysim::document
