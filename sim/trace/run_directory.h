#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"

namespace overlaysim {

/// The files of a run directory; docs/run-directory.md describes each.
namespace run_file {
inline constexpr std::string_view kManifest = "manifest.json";
inline constexpr std::string_view kPlan = "plan.json";
inline constexpr std::string_view kMetrics = "metrics.json";
inline constexpr std::string_view kTrace = "trace.bin";
inline constexpr std::string_view kPackets = "packets.pcapng";
}  // namespace run_file

/// One thing that decides what a run does: a scenario file, an imported file, a setting from the command line.
struct RunInput {
  std::string name;
  uint64_t bytes = 0;
  std::string sha256;

  static RunInput Of(std::string name, std::string_view content);
  bool operator==(const RunInput&) const = default;
};

struct RunFile {
  std::string name;
  std::string meaning;
  uint64_t bytes = 0;  ///< 0 and an empty digest until the run has ended
  std::string sha256;

  bool operator==(const RunFile&) const = default;
};

/// manifest.json.
struct RunManifest {
  static constexpr int kFormat = 1;

  int format = kFormat;
  std::string programVersion;
  std::string modelVersion;  ///< raised whenever the same inputs give other packets than before
  std::string name;          ///< of the scenario
  std::string description;
  uint64_t seed = 1;
  std::vector<RunInput> inputs;
  std::string inputDigest;  ///< over name, seed, model version and the inputs
  bool complete = false;    ///< the run ended by itself; else it was killed or is still going on
  std::vector<RunFile> files;
  std::string resultDigest;  ///< over all files but the manifest; "" until the run has ended
  Nanoseconds simulated;
  std::map<std::string, uint64_t> counts;   ///< "records", "frames", ...
  std::map<std::string, std::string> host;  ///< facts of the machine and the day: in no digest

  bool operator==(const RunManifest&) const = default;
};

struct RunOptions {
  std::filesystem::path root = "runs";             ///< a directory of its own is made here,
  std::optional<std::filesystem::path> directory;  ///< unless this names one (-o)
  std::string programVersion, modelVersion;
  std::string name, description;
  uint64_t seed = 1;
  std::vector<RunInput> inputs;
};

/// The directory that a run writes into. Its manifest says complete: false until Finish().
class RunDirectory {
 public:
  /// Makes `root/NAME-DIGEST` (the same inputs always give the same name) or the directory asked for, and writes the
  /// manifest. A directory that an earlier run made is emptied of that run's files; anything else that is there already
  /// is refused.
  static std::optional<RunDirectory> Create(const RunOptions& options, std::string& error);

  const std::filesystem::path& Path() const { return m_path; }
  std::filesystem::path File(std::string_view name) const { return m_path / name; }
  const RunManifest& Manifest() const { return m_manifest; }
  /// Lists a file that the caller is about to write (kTrace, kPackets, ...), so that a reader finds it even if the run
  /// is killed.
  /// "" as meaning takes that of a run_file. An error text, or "".
  std::string AddFile(std::string_view name, std::string_view meaning = "");
  /// Writes a file and lists it. An error text, or "".
  std::string WriteFile(std::string_view name, std::string_view content, std::string_view meaning = "");
  /// All listed files are there: takes their sizes and digests and replaces the manifest. `complete` is false for a run
  /// that was interrupted. An error text, or "".
  std::string Finish(bool complete, Nanoseconds simulated, const std::map<std::string, uint64_t>& counts,
                     const std::map<std::string, std::string>& hostFacts = {});

 private:
  explicit RunDirectory(std::filesystem::path path) : m_path(std::move(path)) {}
  std::string WriteManifest() const;

  std::filesystem::path m_path;
  RunManifest m_manifest;
};

/// A run directory that is read, whoever wrote it.
struct OpenedRun {
  std::filesystem::path path;
  RunManifest manifest;

  std::filesystem::path File(std::string_view name) const { return path / name; }
  bool Has(std::string_view name) const;  ///< the manifest lists it
};

/// nullopt and `error` when the directory is missing, foreign, from a newer version, or does not hold what its manifest
/// says. Files of a run that is not complete may be missing or short: their own readers say what is left.
std::optional<OpenedRun> OpenRunDirectory(const std::filesystem::path& path, std::string& error);

std::string ManifestToJson(const RunManifest& manifest);
std::optional<RunManifest> ManifestFromJson(std::string_view text, std::string& error);

}  // namespace overlaysim
