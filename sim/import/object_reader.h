#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sim/import/imported_cluster.h"
#include "sim/import/value.h"

namespace overlaysim::import {

/// What FileReport::skippedKinds calls things that have no name.
inline constexpr const char* kNoKubernetesObject = "no Kubernetes object";

/// Puts Kubernetes objects into an ImportedCluster, each name once.
class ObjectReader {
 public:
  ObjectReader(ImportedCluster& cluster, Diagnostics& diagnostics) : m_cluster(cluster), m_diagnostics(diagnostics) {}

  /// What follows comes from cluster.files[fileIndex].
  void SetFile(uint32_t fileIndex) { m_file = fileIndex; }

  /// An object of an API, of any kind. `listKind` is that of the List around it, for objects that lack their own.
  void ReadObject(const Value& object, std::string_view listKind);
  /// A pod from wherever, for example a line of `kubectl get pods`.
  void AddPod(Pod&& pod);
  /// The content of a net-conf.json.
  void ReadFlannel(const Value& object);

  FileReport& File() { return m_cluster.files[m_file]; }
  std::string_view Intern(std::string_view text) { return m_cluster.strings->Intern(text); }
  std::shared_ptr<const Labels> InternLabels(Labels&& labels);
  Origin OriginOf(const Value& value) const { return {m_file, value.place.line, value.place.column}; }

 private:
  void ReadNode(const Value& object);
  void ReadPod(const Value& object);
  void ReadConfigMap(const Value& object);
  void ReadCni(const Value& text);
  CiliumConfig& TakeCilium();  ///< of the cluster, for what this file says
  void ReadAddresses(const Value& addresses, Node& node);
  void ReadPodCidrs(const Value& spec, Node& node);
  void ReadFlannelAnnotations(const Value& annotations, Node& node);
  void ReadCalicoAnnotations(const Value& annotations, Node& node);
  Labels ReadLabels(const Value& object);
  void AddNode(Node&& node);
  /// JSON inside a text of the file; null when it is not valid, which is then said.
  std::optional<Value> ParseInner(const Value& text, std::string_view what);

  SourcePlace PlaceOf(const Value& value) const { return m_cluster.PlaceOf(OriginOf(value)); }
  /// Reads `text`; if it cannot be read says so: as a warning when somebody masked it or left it to be filled in.
  template <typename T>
  std::optional<T> Parse(const Value& text, std::optional<T> (*parse)(std::string_view), std::string_view what);

  struct PodKey {
    std::string_view nameSpace, name;
    bool operator==(const PodKey&) const = default;
  };
  struct PodKeyHash {
    size_t operator()(const PodKey& key) const {
      return std::hash<std::string_view>()(key.nameSpace) * 31 + std::hash<std::string_view>()(key.name);
    }
  };

  ImportedCluster& m_cluster;
  Diagnostics& m_diagnostics;
  uint32_t m_file = 0;
  std::unordered_map<std::string_view, size_t> m_nodes;
  std::unordered_map<PodKey, size_t, PodKeyHash> m_pods;
  struct LabelsLess {
    using is_transparent = void;
    static const Labels& Of(const Labels& labels) { return labels; }
    static const Labels& Of(const std::shared_ptr<const Labels>& labels) { return *labels; }
    bool operator()(const auto& a, const auto& b) const { return Of(a) < Of(b); }
  };
  std::set<std::shared_ptr<const Labels>, LabelsLess> m_labelSets;
};

}  // namespace overlaysim::import
