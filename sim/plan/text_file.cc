#include "sim/plan/text_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace overlaysim::plan {
namespace {

constexpr size_t kMostBytes = 1 << 20;

std::string Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

std::vector<std::string> Split(std::string_view line) {
  std::vector<std::string> fields;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(',', begin), line.size());
    fields.push_back(Trimmed(line.substr(begin, end - begin)));
    begin = end + 1;
  }
  return fields;
}

}  // namespace

std::optional<std::string> ReadTextFile(const Context& context, const scenario::Text& name, std::string_view hint) {
  const std::string path = context.scenario.PathOf(name);
  std::ifstream file(path, std::ios::binary);
  std::string text(kMostBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (!file.is_open() || file.bad()) {
    context.Error(name.place, "the file \"{}\" cannot be read{}", path, hint);
    return std::nullopt;
  }
  if (text.size() > kMostBytes) {
    context.Error(name.place, "the file \"{}\" has more than {} bytes", path, kMostBytes);
    return std::nullopt;
  }
  context.diagnostics.AddSource(path, text);
  return text;
}

std::optional<std::vector<CsvLine>> ReadCsv(const Context& context, const scenario::Text& name,
                                            const std::vector<std::string>& heading) {
  const auto text = ReadTextFile(context, name);
  if (!text) return std::nullopt;
  std::vector<CsvLine> lines;
  bool isHeading = true;
  unsigned number = 0;
  for (size_t begin = 0; begin < text->size();) {
    const size_t end = std::min(text->find('\n', begin), text->size());
    const std::string_view line = std::string_view(*text).substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (Trimmed(line).empty() || line.front() == '#') continue;
    CsvLine read{number, Split(line)};
    if (isHeading ? read.fields != heading : read.fields.size() != heading.size()) {
      context.diagnostics.Error({context.scenario.PathOf(name), number, 1, static_cast<unsigned>(line.size())},
                                isHeading
                                    ? fmt::format("the first line must be \"{}\"", fmt::join(heading, ","))
                                    : fmt::format("{} fields are needed: {}", heading.size(), fmt::join(heading, ",")));
      return std::nullopt;
    }
    if (!isHeading) lines.push_back(std::move(read));
    isHeading = false;
  }
  if (!lines.empty()) return lines;
  context.Error(name.place, "the file \"{}\" has no lines", context.scenario.PathOf(name));
  return std::nullopt;
}

std::optional<int64_t> ParseFraction(std::string_view text) {
  constexpr int kDigits = 12;  // of kFractionUnit
  constexpr int64_t kMost = 9'000'000;
  int exponent = 0;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || end != digits.data() + digits.size() || exponent < -100 || exponent > 6)
      return std::nullopt;
    text = text.substr(0, e);
  }
  int64_t value = 0;
  int decimals = 0;
  bool isAfterPoint = false, hasDigit = false;
  for (char c : text) {
    if (c == '.' && !isAfterPoint) {
      isAfterPoint = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    hasDigit = true;
    if (decimals == kDigits) continue;  // of no weight
    value = value * 10 + (c - '0');
    decimals += isAfterPoint;
    if (value > kMost * kFractionUnit) return std::nullopt;
  }
  if (!hasDigit) return std::nullopt;
  for (int shift = kDigits - decimals + exponent; shift > 0; --shift)
    if (__builtin_mul_overflow(value, int64_t{10}, &value)) return std::nullopt;
  for (int shift = decimals - exponent - kDigits; shift > 0; --shift) value /= 10;
  return value <= kMost * kFractionUnit ? std::optional(value) : std::nullopt;
}

}  // namespace overlaysim::plan
