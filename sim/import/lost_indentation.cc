#include "sim/import/lost_indentation.h"

#include <fmt/format.h>

#include <string>

namespace overlaysim::import {

namespace {

struct Line {
  unsigned number;
  size_t indent;
  std::string_view text;  ///< without indent and trailing space

  bool IsKey(std::string_view key) const {
    return text.starts_with(key) && text.size() > key.size() && text[key.size()] == ':';
  }
  bool OpensBlock() const { return text.ends_with("|") || text.ends_with("|-") || text.ends_with("|+"); }
};

std::string_view Trim(std::string_view text, size_t& indent) {
  indent = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(indent);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

constexpr std::string_view kParents[] = {"metadata", "data", "spec", "status"};
constexpr std::string_view kConfigKeys[] = {"net-conf.json", "cni-conf.json", "cni_network_config"};

/// Keys that rightly follow an empty parent in column 1.
bool IsTopLevelKey(const Line& line) {
  for (std::string_view key :
       {"apiVersion", "kind", "metadata", "data", "spec", "status", "items", "type", "immutable"}) {
    if (line.IsKey(key)) return true;
  }
  return false;
}

}  // namespace

std::optional<SyntaxError> FindLostIndentation(std::string_view text) {
  const bool hasFlatNetConf = text.find("\nnet-conf.json:") != std::string_view::npos;
  std::string parent;  // "data", while the line before was "data:" in column 1
  unsigned parentLine = 0;
  std::string blockKey;  // a key of a ConfigMap whose block scalar the line before opened
  size_t blockIndent = 0;
  bool isConfigMap = false;
  unsigned dataLine = 0;  // where the "data:" of this document stands in column 1
  std::string flat;       // the first parent whose children stand in column 1
  unsigned flatLine = 0;

  unsigned number = 0;
  while (!text.empty()) {
    const std::string_view whole = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(whole.size() + 1, text.size()));
    Line line{++number, 0, {}};
    line.text = Trim(whole, line.indent);
    if (line.text.empty() || line.text.front() == '#') continue;
    if (line.text == "---") {
      isConfigMap = false;
      dataLine = 0;
      parent.clear();
      blockKey.clear();
      continue;
    }
    if (line.indent == 0 && line.text == "kind: ConfigMap") isConfigMap = true;
    if (!blockKey.empty() && line.indent <= blockIndent && line.text.front() == '{') {
      const bool isAllFlat = dataLine > 0 && line.indent == 0;
      return SyntaxError{
          {isAllFlat ? dataLine : line.number, 1},
          fmt::format("this looks like a ConfigMap whose indentation was lost when it was pasted ({}); copy "
                      "the raw file",
                      isAllFlat ? fmt::format("data, {} and its lines all start in column 1",
                                              hasFlatNetConf ? "net-conf.json" : blockKey)
                                : fmt::format("the lines of {} do not stand further right than their key", blockKey))};
    }
    blockKey.clear();
    for (std::string_view key : kConfigKeys) {
      if (line.IsKey(key) && line.OpensBlock()) {
        blockKey = key;
        blockIndent = line.indent;
      }
    }
    const bool isChild = line.indent == 0 && line.text.find(": ") != std::string_view::npos && !IsTopLevelKey(line);
    if (!parent.empty() && isChild && flat.empty()) {
      flat = parent;
      flatLine = parentLine;
    }
    parent.clear();
    if (line.indent != 0) continue;
    for (std::string_view key : kParents) {
      if (line.text.size() != key.size() + 1 || !line.IsKey(key)) continue;
      parent = key;
      parentLine = line.number;
      if (key == "data") dataLine = line.number;
    }
  }
  if (flat.empty()) return std::nullopt;
  return SyntaxError{{flatLine, 1},
                     fmt::format("this looks like a {} whose indentation was lost when it was pasted ({} and what "
                                 "belongs into it start in column 1); copy the raw file",
                                 isConfigMap ? "ConfigMap" : "Kubernetes object", flat)};
}

}  // namespace overlaysim::import
