#include <fmt/format.h>

#include <algorithm>

#include "sim/scenario/fields.h"
#include "sim/scenario/load.h"

namespace overlaysim::scenario {
namespace {

/// A cell must not end its column.
std::string Cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.replace(at, 1, "\\|");
  return text;
}

std::string TypeCell(const Field& field) {
  const ObjectType* object = field.type->Object();
  const std::string name = field.type->Name();
  if (!object) return Cell(name);
  const size_t at = name.find("object");
  return fmt::format("{}[{}](#{})", name.substr(0, at), object->name, object->name);
}

std::string DefaultCell(const ObjectType& object, const Field& field) {
  if (field.isRequired) return "required";
  std::string cell;
  if (auto value = object.DefaultOf(field)) cell = fmt::format("`{}`", PrintJsonLine(*value));
  const Condition& condition = field.condition;
  if (condition.key == field.name && condition.word.empty()) {
    // Only that the key itself is left out, which goes without saying.
  } else if (!condition.key.empty()) {
    cell += condition.word.empty() ? fmt::format(" without `{}`", condition.key)
                                   : fmt::format(" with {} `\"{}\"`", condition.key, condition.word);
  }
  if (!field.otherwise.empty()) cell += (cell.empty() ? "" : "; else ") + field.otherwise;
  return Cell(cell);
}

std::string WordsOfVariants(const ObjectType& object) {
  std::string words;
  for (const std::string& variant : object.variants) words += fmt::format("{}`{}`", words.empty() ? "" : ", ", variant);
  return words;
}

std::string Section(const ObjectType& object) {
  std::string out = fmt::format("\n### {}\n\n{}\n", object.name, object.description);
  if (!object.shorthand.empty()) out += fmt::format("\nA string alone stands for `{}`.\n", object.shorthand);
  if (!object.variants.empty() && object.tag.empty()) {
    out +=
        fmt::format("\nIt has one of the keys {}, which decides what else belongs to it.\n", WordsOfVariants(object));
  } else if (!object.variants.empty()) {
    out += fmt::format("\n`{}` is one of {}.\n", object.tag, WordsOfVariants(object));
  }
  const bool hasFor =
      std::any_of(object.fields.begin(), object.fields.end(), [](const Field& f) { return !f.variants.empty(); });
  out += hasFor ? "\n| key | for | value | left out | meaning |\n|---|---|---|---|---|\n"
                : "\n| key | value | left out | meaning |\n|---|---|---|---|\n";
  for (const Field& field : object.fields) {
    const std::string variants = hasFor ? fmt::format(" {} |", JoinNames(field.variants)) : "";
    out += fmt::format("| `{}` |{} {} | {} | {} |\n", field.name, variants, TypeCell(field), DefaultCell(object, field),
                       Cell(field.description));
  }
  return out;
}

}  // namespace

std::string ReferenceText() {
  std::string out;
  for (const ObjectType* object : AllObjects()) out += Section(*object);
  return out;
}

}  // namespace overlaysim::scenario
