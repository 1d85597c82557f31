#include "sim/import/wide_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace overlaysim::import {

namespace {

/// What kubectl heads its columns with; two of them are two words.
constexpr std::string_view kColumns[] = {"NAMESPACE", "NAME", "READY",          "STATUS",          "RESTARTS", "AGE",
                                         "IP",        "NODE", "NOMINATED NODE", "READINESS GATES", "LABELS"};
enum Column : size_t {
  Namespace,
  Name,
  Ready,
  Status,
  Restarts,
  Age,
  Ip,
  NodeName,
  NominatedNode,
  ReadinessGates,
  LabelsColumn
};
constexpr size_t kColumnCount = std::size(kColumns);

struct Cell {
  std::string_view text;
  size_t offset = 0;
};

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/// Splits at runs of at least `gap` spaces, and at tabs.
std::vector<Cell> Split(std::string_view line, size_t gap) {
  std::vector<Cell> cells;
  size_t at = 0;
  while (true) {
    while (at < line.size() && IsBlank(line[at])) ++at;
    if (at == line.size()) return cells;
    size_t end = at, next = at;
    while (next < line.size()) {
      size_t run = next;
      while (run < line.size() && IsBlank(line[run])) ++run;
      const bool isGap =
          run > next && (run - next >= gap || line.substr(next, run - next).find('\t') != std::string_view::npos);
      if (isGap || run == line.size()) break;
      end = next = run + 1;
    }
    cells.push_back({line.substr(at, end - at), at});
    at = next;
  }
}

/// The known columns in the order of the head, and what else it has as kColumnCount.
std::vector<size_t> ReadHead(std::string_view line) {
  std::vector<size_t> columns;
  const std::vector<Cell> words = Split(line, 1);
  for (size_t i = 0; i < words.size(); ++i) {
    size_t column = kColumnCount;
    for (size_t c = 0; c < kColumnCount; ++c) {
      const std::string_view name = kColumns[c];
      const size_t space = name.find(' ');
      const bool matches =
          words[i].text == name.substr(0, space) &&
          (space == std::string_view::npos || (i + 1 < words.size() && words[i + 1].text == name.substr(space + 1)));
      if (matches) column = c;
    }
    if (column != kColumnCount && kColumns[column].find(' ') != std::string_view::npos) ++i;
    columns.push_back(column);
  }
  return columns;
}

/// A line's cells, one per column of the head. kubectl keeps columns three spaces apart; where somebody squeezed the
/// line, only STATUS and RESTARTS ("3 (5h ago)") hold spaces, so the other cells are counted from both ends, and the
/// last number between them begins RESTARTS.
std::vector<std::string_view> CellsOf(std::string_view line, const std::vector<size_t>& head) {
  std::vector<std::string_view> cells;
  std::vector<Cell> words = Split(line, 2);
  if (words.size() == head.size()) {
    for (const Cell& word : words) cells.push_back(word.text);
    return cells;
  }
  words = Split(line, 1);
  const auto status = static_cast<size_t>(std::find(head.begin(), head.end(), size_t{Status}) - head.begin());
  if (words.size() < head.size() || status + 1 >= head.size() || head[status + 1] != Restarts) return {};
  const size_t end = status + 2 + words.size() - head.size();  // of the words of both columns
  size_t restarts = end - 1;
  while (restarts > status + 1 && words[restarts].text.find_first_not_of("0123456789") != std::string_view::npos)
    --restarts;
  auto join = [&](size_t first, size_t last) {
    return line.substr(words[first].offset, words[last].offset + words[last].text.size() - words[first].offset);
  };
  for (size_t i = 0; i < status; ++i) cells.push_back(words[i].text);
  cells.push_back(join(status, restarts - 1));
  cells.push_back(join(restarts, end - 1));
  for (size_t i = end; i < words.size(); ++i) cells.push_back(words[i].text);
  return cells;
}

PodPhase PhaseOf(std::string_view status) {
  if (status == "Completed" || status == "Succeeded") return PodPhase::Succeeded;
  if (status == "Evicted" || status == "Error" || status == "Failed" || status == "OOMKilled") return PodPhase::Failed;
  if (status == "Pending" || status == "ContainerCreating") return PodPhase::Pending;
  return status == "Running" ? PodPhase::Running : PodPhase::Unknown;
}

Labels ParseLabels(std::string_view text, ObjectReader& reader) {
  Labels labels;
  while (!text.empty() && text != "<none>") {
    const std::string_view pair = text.substr(0, text.find(','));
    const size_t equals = std::min(pair.find('='), pair.size());
    labels.push_back(
        {reader.Intern(pair.substr(0, equals)), reader.Intern(pair.substr(std::min(equals + 1, pair.size())))});
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
  }
  std::sort(labels.begin(), labels.end());
  return labels;
}

}  // namespace

bool LooksLikeKubectlTable(std::string_view text) {
  const std::vector<Cell> words = Split(FirstLine(text), 1);
  auto has = [&](std::string_view word) {
    return std::any_of(words.begin(), words.end(), [&](const Cell& c) { return c.text == word; });
  };
  return words.size() >= 2 && (words[0].text == "NAME" || words[0].text == "NAMESPACE") && has("AGE");
}

void ReadKubectlTable(std::string_view text, ObjectReader& reader, const ImportedCluster& cluster,
                      Diagnostics& diagnostics) {
  const auto fileIndex = static_cast<uint32_t>(cluster.files.size() - 1);
  const std::vector<size_t> head = ReadHead(FirstLine(text));
  auto has = [&](size_t column) { return std::find(head.begin(), head.end(), column) != head.end(); };
  const SourcePlace headPlace = cluster.PlaceOf({fileIndex, 1, 1});
  if (!has(Ready) || !has(Restarts)) {
    diagnostics.Error(headPlace,
                      "this table is not of pods; other objects are read from `kubectl get … -o json` or -o yaml "
                      "(as text, nodes lack their pod CIDRs)");
    return;
  }
  if (!has(Ip) || !has(NodeName)) {
    diagnostics.Error(headPlace, "this table has no columns IP and NODE; print it with `kubectl get pods -A -o wide`");
    return;
  }
  if (!has(Namespace)) {
    diagnostics.Note(headPlace, "this table has no column NAMESPACE; all its pods are taken to be in \"default\"");
  }
  uint32_t lineNumber = 0;
  while (!text.empty()) {
    const std::string_view line = FirstLine(text);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    ++lineNumber;
    if (std::all_of(line.begin(), line.end(), IsBlank) || ReadHead(line) == head)
      continue;  // heads come again after a watch
    const std::vector<std::string_view> cells = CellsOf(line, head);
    if (cells.empty()) {
      diagnostics.Error(cluster.PlaceOf({fileIndex, lineNumber, 1}),
                        fmt::format("this line has other columns than the head of the table ({})", head.size()));
      continue;
    }
    std::array<std::string_view, kColumnCount> cell{};
    for (size_t i = 0; i < head.size(); ++i) {
      if (head[i] < kColumnCount) cell[head[i]] = cells[i] == "<none>" ? std::string_view() : cells[i];
    }
    const size_t ipColumn = cell[Ip].empty() ? 0 : static_cast<size_t>(cell[Ip].data() - line.data()) + 1;
    Pod pod;
    pod.origin = {fileIndex, lineNumber, 1};
    pod.nameSpace = reader.Intern(has(Namespace) ? cell[Namespace] : "default");
    pod.name = reader.Intern(cell[Name]);
    pod.nodeName = reader.Intern(cell[NodeName]);
    pod.phase = PhaseOf(cell[Status]);
    pod.ip = Ipv4Address::Parse(cell[Ip]);
    pod.ipV6 = Ipv6Address::Parse(cell[Ip]);
    pod.labels = reader.InternLabels(ParseLabels(cell[LabelsColumn], reader));
    if (!cell[Ip].empty() && !pod.ip && !pod.ipV6) {
      diagnostics.Error(cluster.PlaceOf({fileIndex, lineNumber, static_cast<uint32_t>(ipColumn)}),
                        fmt::format("\"{}\" is no IP address", cell[Ip]));
      continue;
    }
    reader.AddPod(std::move(pod));
  }
}

}  // namespace overlaysim::import
