#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/type.h"

namespace overlaysim::scenario {

bool Field::BelongsTo(const std::string& variant) const {
  return variants.empty() || variant.empty() || std::find(variants.begin(), variants.end(), variant) != variants.end();
}

const Field* ObjectType::Find(std::string_view key, const std::string& variant) const {
  auto it =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == key && f.BelongsTo(variant); });
  return it == fields.end() ? nullptr : &*it;
}

std::vector<std::string> ObjectType::KeysOf(const std::string& variant) const {
  std::vector<std::string> keys;
  for (const Field& field : fields) {
    const bool isNew = std::find(keys.begin(), keys.end(), field.name) == keys.end();
    if (isNew && field.name[0] != '$' && field.BelongsTo(variant)) keys.push_back(field.name);
  }
  return keys;
}

std::string ObjectType::VariantOf(const Value& value) const {
  if (tag.empty()) {
    auto it = std::find_if(variants.begin(), variants.end(), [&](const std::string& key) { return value.Find(key); });
    return it == variants.end() ? "" : *it;
  }
  const Value* word = value.Find(tag);
  if (!word) return defaultVariant;
  const bool known =
      word->Is(Value::Kind::String) && std::find(variants.begin(), variants.end(), word->text) != variants.end();
  return known ? word->text : "";
}

std::string ObjectType::VariantOf(const void* object) const {
  if (variants.empty()) return "";
  Value keys = Value::Object();
  for (const Field& field : fields) {
    const bool decides =
        tag.empty() ? std::find(variants.begin(), variants.end(), field.name) != variants.end() : field.name == tag;
    if (!decides) continue;
    auto value = field.type->Write(field.member(const_cast<void*>(object)), Detail::Sparse);
    if (value && (field.type->IsOptional() || !value->IsEmptyContainer())) keys.Set(field.name, *std::move(value));
  }
  return VariantOf(keys);
}

std::string ObjectType::Called(const std::string& variant) const {
  if (variant.empty()) return noun;
  return tag.empty() ? fmt::format("{} with \"{}\"", noun, variant)
                     : fmt::format("{} of {} \"{}\"", noun, tag, variant);
}

std::optional<Value> ObjectType::DefaultOf(const Field& field) const {
  if (field.defaultValue) return field.defaultValue;
  if (!field.member || field.isRequired || field.type->IsOptional()) return std::nullopt;
  auto value = field.type->Write(field.member(const_cast<void*>(prototype())), Detail::Sparse);
  return value && !value->IsEmptyContainer() ? value : std::nullopt;
}

void ObjectType::Read(const Value& from, void* to, const ReadContext& context) const {
  if (from.Is(Value::Kind::String) && !shorthand.empty()) {
    const Field& field = *Find(shorthand, shorthand);
    return field.type->Read(from, field.member(to), {context.error, shorthand, &field.constraints});
  }
  if (!from.Is(Value::Kind::Object)) {
    const std::string words = shorthand.empty() ? "" : fmt::format(" (or a string, for \"{}\" alone)", shorthand);
    context.Error(from, fmt::format("{} is an object{}, not {}", noun, words, from.Quoted()));
    return;
  }
  const std::string variant = VariantOf(from);
  if (variant.empty() && !variants.empty() && tag.empty()) {
    context.Error(from, fmt::format("{} needs one of these keys: {}", noun, JoinNames(variants)));
  }
  for (const Member& member : from.members) {
    const Field* field = Find(member.key, variant);
    if (field && !field->member) continue;
    // Without a variant, a key of a variant could mean several things: it is known, and that is all.
    const bool isAmbiguous = variant.empty() && !variants.empty() && field && !field->variants.empty();
    if (field && !isAmbiguous) {
      field->type->Read(member.value, field->member(to), {context.error, member.key, &field->constraints});
      if (!field->needs.empty() && !from.Find(field->needs)) {
        context.error(member.keyPlace, fmt::format("\"{}\" needs \"{}\" beside it", member.key, field->needs));
      }
    } else if (!field && tag.empty() && std::find(variants.begin(), variants.end(), member.key) != variants.end()) {
      context.error(member.keyPlace, fmt::format("{} cannot have \"{}\" as well", Called(variant), member.key));
    } else if (const Field* other = Find(member.key, ""); other && !field) {
      context.error(member.keyPlace,
                    fmt::format("{} has no \"{}\"; that belongs to {} (known here: {})", Called(variant), member.key,
                                Called(other->variants.front()), JoinNames(KeysOf(variant))));
    } else if (!field) {
      const std::vector<std::string> known = KeysOf(variant);
      const std::string near = DidYouMean(member.key, known);
      context.error(member.keyPlace,
                    fmt::format("unknown key {} in {}{} (known: {})", QuoteJson(member.key), Called(variant),
                                near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near), JoinNames(known)));
    }
  }
  for (const Field& field : fields) {
    const bool isExpected = variant.empty() ? field.variants.empty() : field.BelongsTo(variant);
    if (field.isRequired && isExpected && !from.Find(field.name)) {
      context.Error(from, fmt::format("{} needs \"{}\"", Called(variant), field.name));
    }
  }
}

Value ObjectType::Write(const void* from, Detail detail) const {
  const std::string variant = VariantOf(from);
  Value object = Value::Object();
  for (const Field& field : fields) {
    if (!field.member || !field.BelongsTo(variant)) continue;
    auto value = field.type->Write(field.member(const_cast<void*>(from)), detail);
    if (!value) continue;
    if (!field.type->IsOptional() && value->IsEmptyContainer() && !field.isRequired) continue;
    if (detail == Detail::Sparse && !field.isRequired && !field.isAlwaysWritten && value == DefaultOf(field)) continue;
    object.Set(field.name, *std::move(value));
  }
  if (!shorthand.empty() && object.members.size() == 1 && object.members[0].key == shorthand) {
    return std::move(Value(object).members[0].value);
  }
  return object;
}

void ObjectType::FillDefaults(void* object) const {
  const std::string variant = VariantOf(object);
  const auto valueOf = [&](const std::string& key) -> std::optional<Value> {
    const Field* field = Find(key, variant);
    return field ? field->type->Write(field->member(object), Detail::Full) : std::nullopt;
  };
  const bool isImported = valueOf("import").has_value();  // then the file says what is left out here
  const auto applies = [&](const Field& field) {
    if (!field.defaultValue || isImported) return false;
    if (field.condition.key.empty()) return true;
    const auto other = valueOf(field.condition.key);
    return field.condition.word.empty() ? !other : other && other->text == field.condition.word;
  };
  for (const Field& field : fields) {
    if (!field.member || !field.BelongsTo(variant)) continue;
    void* member = field.member(object);
    if (applies(field) && !field.type->Write(member, Detail::Full)) {
      const ReadContext context{[&](Place, const std::string& problem) {
                                  OVERLAYSIM_CHECK(false, "default of {}.{}: {}", name, field.name, problem);
                                },
                                field.name, &field.constraints};
      field.type->Read(*field.defaultValue, member, context);
    }
    if (field.type->Object()) field.type->FillDefaults(member);
  }
}

void StringMapType::Read(const Value& from, void* to, const ReadContext& context) const {
  if (!from.Is(Value::Kind::Object)) {
    context.Error(from, fmt::format("\"{}\" is an object of {}s, not {}", context.key, m_values.Name(), from.Quoted()));
    return;
  }
  for (const Member& member : from.members) {
    Text& value = (*static_cast<std::map<std::string, Text>*>(to))[member.key];
    m_values.Read(member.value, &value, {context.error, member.key, context.constraints});
  }
}
std::optional<Value> StringMapType::Write(const void* from, Detail detail) const {
  Value object = Value::Object();
  for (const auto& [key, value] : *static_cast<const std::map<std::string, Text>*>(from)) {
    object.Set(key, *m_values.Write(&value, detail));
  }
  return object;
}
Value StringMapType::Schema(const Constraints& constraints) const {
  return Value::Object().Set("type", "object").Set("additionalProperties", m_values.Schema(constraints));
}

}  // namespace overlaysim::scenario
