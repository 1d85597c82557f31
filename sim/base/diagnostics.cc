#include "sim/base/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace overlaysim {

void Diagnostics::Add(Severity severity, SourcePlace place, std::string message) {
  if (severity == Severity::Error) ++m_errors;
  m_all.push_back({severity, std::move(place), std::move(message)});
}
void Diagnostics::Error(SourcePlace place, std::string message) {
  Add(Severity::Error, std::move(place), std::move(message));
}
void Diagnostics::Warning(SourcePlace place, std::string message) {
  Add(Severity::Warning, std::move(place), std::move(message));
}
void Diagnostics::Note(SourcePlace place, std::string message) {
  Add(Severity::Note, std::move(place), std::move(message));
}
void Diagnostics::AddSource(const std::string& file, std::string text) {
  m_sources.emplace_back(file, std::move(text));
}

namespace {

/// The text of line `number` (from 1), without its end and shortened to what a terminal shows.
std::string_view LineOf(std::string_view text, unsigned number) {
  for (unsigned n = 1; n < number; ++n) {
    size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, std::min(text.find_first_of("\r\n"), text.size()));
}

constexpr std::string_view kSeverity[] = {"error", "warning", "note"};
constexpr size_t kShownColumns = 160;

}  // namespace

std::string Diagnostics::Format() const {
  std::vector<const Diagnostic*> sorted;
  for (const Diagnostic& d : m_all) sorted.push_back(&d);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return std::tie(a->place.file, a->place.line, a->place.column) <
           std::tie(b->place.file, b->place.line, b->place.column);
  });
  std::string out;
  for (const Diagnostic* d : sorted) {
    const SourcePlace& p = d->place;
    if (!p.file.empty()) out += p.file + ":";
    if (p.line > 0) out += fmt::format("{}:{}:", p.line, p.column);
    if (!out.empty() && out.back() == ':') out += ' ';
    out += fmt::format("{}: {}\n", kSeverity[static_cast<size_t>(d->severity)], d->message);
    auto source = std::find_if(m_sources.begin(), m_sources.end(), [&](const auto& s) { return s.first == p.file; });
    if (p.line == 0 || source == m_sources.end()) continue;
    std::string_view line = LineOf(source->second, p.line);
    if (line.empty() || p.column == 0 || p.column > line.size() + 1 || line.size() > kShownColumns) continue;
    std::string shown(line);
    std::replace(shown.begin(), shown.end(), '\t', ' ');
    size_t marks = std::min<size_t>(std::max(p.length, 1u), line.size() + 2 - p.column);
    out += fmt::format("{:5} | {}\n      | {}^{}\n", p.line, shown, std::string(p.column - 1, ' '),
                       std::string(marks > 0 ? marks - 1 : 0, '~'));
  }
  if (m_errors > 0) out += fmt::format("{} error{}\n", m_errors, m_errors == 1 ? "" : "s");
  return out;
}

std::string DidYouMean(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t bestDistance = std::max<size_t>(1, word.size() / 3) + 1;
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  for (const std::string& candidate : candidates) {
    // Optimal string alignment: two neighbours that changed places ("cuont") are one slip, too.
    std::vector<size_t> row(candidate.size() + 1), previous, beforePrevious;
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 1; i <= word.size(); ++i) {
      beforePrevious = std::exchange(previous, row);
      row[0] = i;
      for (size_t j = 1; j <= candidate.size(); ++j) {
        const auto same = [&](size_t a, size_t b) { return lower(word[a - 1]) == lower(candidate[b - 1]); };
        row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + !same(i, j)});
        if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) row[j] = std::min(row[j], beforePrevious[j - 2] + 1);
      }
    }
    if (row.back() < bestDistance) {
      bestDistance = row.back();
      best = candidate;
    }
  }
  return best;
}

std::string JoinNames(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

}  // namespace overlaysim
