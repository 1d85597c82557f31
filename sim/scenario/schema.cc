#include <algorithm>

#include "sim/scenario/fields.h"
#include "sim/scenario/load.h"

namespace overlaysim::scenario {
namespace {

Value StringList(const std::vector<std::string>& words) {
  Value list = Value::Array();
  for (const std::string& word : words) list.items.emplace_back(word);
  return list;
}

/// The schema of what may stand under a field's key. A reference stands alone in draft-07, hence the allOf around it.
Value FieldSchema(const ObjectType& object, const Field& field) {
  Value schema = field.type->Schema(field.constraints);
  if (schema.Find("$ref")) schema = Value::Object().Set("allOf", Value::Array({std::move(schema)}));
  std::string description = field.description;
  if (!field.otherwise.empty()) description += " Left out: " + field.otherwise + ".";
  schema.Set("description", description);
  if (auto value = object.DefaultOf(field); value && field.condition.key.empty())
    schema.Set("default", *std::move(value));
  return schema;
}

/// All schemas that the fields of one key have in different variants.
Value KeySchema(const ObjectType& object, const std::string& key) {
  std::vector<Value> schemas;
  for (const Field& field : object.fields) {
    if (field.name != key) continue;
    Value schema = FieldSchema(object, field);
    if (std::find(schemas.begin(), schemas.end(), schema) == schemas.end()) schemas.push_back(std::move(schema));
  }
  if (schemas.size() == 1) return std::move(schemas.front());
  return Value::Object().Set("anyOf", Value::Array(std::move(schemas)));
}

std::vector<std::string> RequiredKeys(const ObjectType& object, const std::string& variant, bool ofVariantOnly) {
  std::vector<std::string> keys;
  for (const Field& field : object.fields) {
    if (!field.isRequired || (ofVariantOnly == field.variants.empty()) || !field.BelongsTo(variant)) continue;
    keys.push_back(field.name);
  }
  return keys;
}

/// True for objects that are of the variant.
Value VariantCondition(const ObjectType& object, size_t variant) {
  const std::string& name = object.variants[variant];
  Value condition = Value::Object();
  if (object.tag.empty()) {
    condition.Set("required", StringList({name}));
    Value earlier = Value::Array();
    for (size_t i = 0; i < variant; ++i) {
      earlier.items.push_back(Value::Object().Set("required", StringList({object.variants[i]})));
    }
    if (variant > 0) condition.Set("not", Value::Object().Set("anyOf", earlier));
    return condition;
  }
  condition.Set("properties", Value::Object().Set(object.tag, Value::Object().Set("const", name)));
  if (name != object.defaultVariant) condition.Set("required", StringList({object.tag}));
  return condition;
}

Value VariantConsequence(const ObjectType& object, const std::string& variant) {
  std::vector<std::string> keys = object.KeysOf(variant);
  Value consequence = Value::Object();
  Value properties = Value::Object();
  for (const std::string& key : keys) {
    const auto ofKey = [&](const Field& f) { return f.name == key; };
    const bool differs = std::count_if(object.fields.begin(), object.fields.end(), ofKey) > 1;
    if (differs) properties.Set(key, FieldSchema(object, *object.Find(key, variant)));
  }
  if (!properties.IsEmptyContainer()) consequence.Set("properties", properties);
  consequence.Set("propertyNames", Value::Object().Set("enum", StringList(keys)));
  const std::vector<std::string> required = RequiredKeys(object, variant, true);
  if (!required.empty()) consequence.Set("required", StringList(required));
  return consequence;
}

Value ObjectSchema(const ObjectType& object) {
  Value schema = Value::Object().Set("type", "object").Set("description", object.description);
  Value properties = Value::Object();
  Value dependencies = Value::Object();
  for (const Field& field : object.fields) {
    if (!properties.Find(field.name)) properties.Set(field.name, KeySchema(object, field.name));
    if (!field.needs.empty()) dependencies.Set(field.name, StringList({field.needs}));
  }
  schema.Set("properties", properties).Set("additionalProperties", Value::Bool(false));
  if (!dependencies.IsEmptyContainer()) schema.Set("dependencies", dependencies);
  const std::vector<std::string> required = RequiredKeys(object, "", false);
  if (!required.empty()) schema.Set("required", StringList(required));
  if (object.variants.empty()) return schema;
  Value rules = Value::Array();
  Value one = Value::Array();
  for (size_t i = 0; i < object.variants.size(); ++i) {
    Value rule = Value::Object().Set("if", VariantCondition(object, i));
    rules.items.push_back(rule.Set("then", VariantConsequence(object, object.variants[i])));
    one.items.push_back(Value::Object().Set("required", StringList({object.variants[i]})));
  }
  if (object.tag.empty()) schema.Set("anyOf", one);
  return schema.Set("allOf", rules);
}

}  // namespace

Value ReferTo(const ObjectType& type) {
  Value reference = Value::Object().Set("$ref", "#/definitions/" + type.name);
  if (type.shorthand.empty()) return reference;
  const Field& field = *type.Find(type.shorthand, type.shorthand);
  return Value::Object().Set("anyOf", Value::Array({field.type->Schema(field.constraints), std::move(reference)}));
}

std::string SchemaText() {
  Value schema = Value::Object();
  schema.Set("$schema", "http://json-schema.org/draft-07/schema#");
  schema.Set("title", "overlaysim scenario");
  const Value root = ObjectSchema(ScenarioType());
  for (const Member& member : root.members) schema.Set(member.key, member.value);
  Value definitions = Value::Object();
  for (const ObjectType* type : AllObjects()) {
    if (type != &ScenarioType()) definitions.Set(type->name, ObjectSchema(*type));
  }
  return PrintJson(schema.Set("definitions", definitions));
}

}  // namespace overlaysim::scenario
