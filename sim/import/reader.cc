#include "sim/import/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <unordered_map>

#include "sim/import/cilium_resources.h"
#include "sim/import/lost_indentation.h"
#include "sim/import/net_conf.h"
#include "sim/import/object_reader.h"
#include "sim/import/object_stream.h"
#include "sim/import/parsers.h"
#include "sim/import/text_stream.h"
#include "sim/import/wide_text.h"

namespace overlaysim::import {

namespace {

constexpr size_t kNetConfMaxBytes = 64 << 10;      ///< a bare net-conf.json is never larger
constexpr size_t kShownSourceMaxBytes = 1 << 20;   ///< of larger files, messages do not show the line
constexpr size_t kTextMaxBytes = size_t{1} << 30;  ///< YAML and text are held in memory whole

constexpr const char* kUnknownContent =
    "this is neither JSON nor YAML of Kubernetes objects, nor a table that kubectl printed, nor a net-conf.json";

enum class Format : uint8_t { Json, Yaml, Table };

/// Told from the first thing that is not space; a byte order mark is space here.
Format FormatOf(std::string_view begin) {
  if (begin.starts_with("\xef\xbb\xbf")) begin.remove_prefix(3);
  const size_t first = begin.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && (begin[first] == '{' || begin[first] == '[')) return Format::Json;
  return LooksLikeKubectlTable(begin) ? Format::Table : Format::Yaml;
}

class FileReader {
 public:
  FileReader(ImportedCluster& cluster, ObjectReader& objects, Diagnostics& diagnostics)
      : m_cluster(cluster), m_objects(objects), m_diagnostics(diagnostics) {}

  void ReadPath(const std::string& path) {
    Begin(path);
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (!std::filesystem::exists(status)) return Fail("there is no such file");
    if (std::filesystem::is_directory(status)) return Fail("this is a directory; name the files in it");
    std::ifstream in(path, std::ios::binary);
    if (!in) return Fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
    std::string begin(kNetConfMaxBytes, '\0');
    in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
    begin.resize(static_cast<size_t>(in.gcount()));
    if (begin.empty()) return Fail(in.bad() ? "cannot be read" : "this file is empty");
    if (begin.size() < kNetConfMaxBytes) return ReadText(begin);
    if (FormatOf(begin) == Format::Json && in.seekg(0)) return ReadJson(in, {});
    in.clear();  // a pipe, which cannot be read twice
    std::vector<char> block(1 << 16);
    while (in.read(block.data(), static_cast<std::streamsize>(block.size())), in.gcount() > 0) {
      begin.append(block.data(), static_cast<size_t>(in.gcount()));
      if (begin.size() > kTextMaxBytes) {
        return Fail("this is more than 1 GiB; write it to a file with -o json, which is read piece by piece");
      }
    }
    ReadText(begin);
  }

  void ReadText(const std::string& name, std::string_view text) {
    Begin(name);
    ReadText(text);
  }

 private:
  void Begin(const std::string& path) {
    m_cluster.files.push_back({});
    m_cluster.files.back().path = path;
    m_objects.SetFile(static_cast<uint32_t>(m_cluster.files.size() - 1));
    m_problemsBefore = m_diagnostics.All().size();
  }
  SourcePlace PlaceOf(TextPlace place) const {
    return m_cluster.PlaceOf({static_cast<uint32_t>(m_cluster.files.size() - 1), place.line, place.column});
  }
  void Fail(std::string message) { m_diagnostics.Error(PlaceOf({}), std::move(message)); }

  void ReadText(std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Fail("this file is empty");
    if (text.find('\0') != std::string_view::npos) return Fail("this is a binary file; JSON, YAML or text is read");
    switch (FormatOf(text)) {
      case Format::Json: {
        TextStream stream(text);
        ReadJson(stream, text);
        break;
      }
      case Format::Table:
        m_cluster.files.back().format = "kubectl table";
        ReadKubectlTable(text, m_objects, m_cluster, m_diagnostics);
        break;
      case Format::Yaml:
        ReadYaml(text);
        break;
    }
    if (m_diagnostics.All().size() > m_problemsBefore && text.size() <= kShownSourceMaxBytes) {
      m_diagnostics.AddSource(m_cluster.files.back().path, std::string(text));
    }
  }

  /// @param whole  the text, where it is small enough to be a net-conf.json; else empty
  void ReadJson(std::istream& in, std::string_view whole) {
    m_cluster.files.back().format = "JSON";
    if (whole.size() <= kNetConfMaxBytes && TryNetConf(whole)) return;
    Stream([&](ValueEvents& events) { return ParseJson(in, events); });
  }

  void ReadYaml(std::string_view text) {
    m_cluster.files.back().format = "YAML";
    if (auto lost = FindLostIndentation(text)) return m_diagnostics.Error(PlaceOf(lost->place), lost->message);
    if (text.find("kind:") == std::string_view::npos && text.find("items:") == std::string_view::npos &&
        text.find("metadata:") == std::string_view::npos && text.find("\"kind\"") == std::string_view::npos &&
        text.find("routingMode:") == std::string_view::npos && text.find("tunnelProtocol:") == std::string_view::npos &&
        text.find("ipam:") == std::string_view::npos) {
      return m_diagnostics.Error(PlaceOf({1, 1}), kUnknownContent);  // a YAML parser's complaint would not help
    }
    Stream([&](ValueEvents& events) { return ParseYaml(text, events); });
  }

  bool TryNetConf(std::string_view text) {
    ValueBuilder builder;
    if (ParseJson(text, builder) || !LooksLikeNetConf(builder.root)) return false;
    m_cluster.files.back().format = "net-conf.json";
    m_objects.ReadFlannel(builder.root);
    return true;
  }

  template <typename Parser>
  void Stream(Parser parse) {
    size_t objects = 0;
    ObjectStream stream([&](const Value& object, std::string_view listKind) {
      ++objects;
      m_objects.ReadObject(object, listKind);
    });
    if (auto error = parse(stream)) return m_diagnostics.Error(PlaceOf(error->place), error->message);
    const FileReport& file = m_cluster.files.back();
    const auto foreign = file.skippedKinds.find(kNoKubernetesObject);
    if (foreign != file.skippedKinds.end() && foreign->second == objects) {
      m_diagnostics.Error(PlaceOf({}), kUnknownContent);
    } else if (stream.StrayPlace().line > 0) {
      m_diagnostics.Error(PlaceOf(stream.StrayPlace()),
                          objects > 0 ? "this is no object, as its neighbours are" : kUnknownContent);
    } else if (objects == 0) {
      m_diagnostics.Warning(PlaceOf({}), stream.EmptyLists() > 0 ? "this list has no objects"
                                                                 : "there is nothing in this file but comments");
    } else if (file.nodes + file.pods == 0 && !file.hasFlannelConfig && !file.hasCniConfig &&
               file.calicoResources + file.ciliumResources == 0) {
      std::vector<std::string> kinds;
      for (const auto& [kind, count] : file.skippedKinds) kinds.push_back(fmt::format("{} {}", count, kind));
      if (!kinds.empty()) {
        m_diagnostics.Warning(PlaceOf({}), fmt::format("nothing of this file is of use here: {}", JoinNames(kinds)));
      }
    }
  }

  ImportedCluster& m_cluster;
  ObjectReader& m_objects;
  Diagnostics& m_diagnostics;
  size_t m_problemsBefore = 0;
};

/// A line of `kubectl get pods` does not tell hostNetwork. A pod with its node's address has it; where the nodes are
/// not known, an address that several pods of one node share is the node's.
void InferHostNetwork(ImportedCluster& cluster) {
  std::unordered_map<std::string_view, const Node*> nodes;
  for (const Node& node : cluster.nodes) nodes.emplace(node.name, &node);
  std::map<std::pair<std::string_view, Ipv4Address>, size_t> sharers;
  for (const Pod& pod : cluster.pods) {
    if (pod.uid.empty() && pod.ip && pod.IsPlaced()) ++sharers[{pod.nodeName, *pod.ip}];
  }
  for (Pod& pod : cluster.pods) {
    if (!pod.uid.empty() || !pod.ip || !pod.IsPlaced()) continue;
    auto node = nodes.find(pod.nodeName);
    if (node != nodes.end()) {
      const auto& ips = node->second->internalIps;
      pod.hostNetwork = std::find(ips.begin(), ips.end(), *pod.ip) != ips.end();
    } else {
      pod.hostNetwork = sharers[{pod.nodeName, *pod.ip}] > 1;
    }
    if (pod.hostNetwork) pod.hostIp = pod.ip;
  }
}

}  // namespace

ImportedCluster ImportFiles(const std::vector<std::string>& paths, Diagnostics& diagnostics) {
  ImportedCluster cluster;
  ObjectReader objects(cluster, diagnostics);
  FileReader reader(cluster, objects, diagnostics);
  for (const std::string& path : paths) reader.ReadPath(path);
  ApplyCiliumNodes(cluster);
  InferHostNetwork(cluster);
  return cluster;
}

ImportedCluster ImportText(const std::string& name, std::string_view text, Diagnostics& diagnostics) {
  ImportedCluster cluster;
  ObjectReader objects(cluster, diagnostics);
  FileReader(cluster, objects, diagnostics).ReadText(name, text);
  ApplyCiliumNodes(cluster);
  InferHostNetwork(cluster);
  return cluster;
}

}  // namespace overlaysim::import
