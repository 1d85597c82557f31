#include "sim/trace/run_directory.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "sim/base/check.h"
#include "sim/trace/digest.h"
#include "sim/trace/files.h"
#include "sim/trace/json_read.h"

namespace overlaysim {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kProgram = "overlaysim";
constexpr uint64_t kMaxManifestBytes = uint64_t{16} << 20;
constexpr size_t kDigestPrefix = 4;  // hex digits in a directory's name, and by how many it grows when they are taken

struct KnownFile {
  std::string_view name;
  std::string_view meaning;
};
constexpr std::array kKnownFiles = std::to_array<KnownFile>({
    {run_file::kPlan, "what every host has configured, as `ip` and `bridge` would show it"},
    {run_file::kMetrics, "counters and latencies of the run"},
    {run_file::kTrace, "what happened to each packet at each stage, and every table at any time"},
    {run_file::kPackets, "the captured packets, one interface a device; opens in Wireshark"},
});

/// A name that stays within the directory and reads well in a shell.
std::string PlainName(std::string_view name) {
  std::string plain;
  for (const char c : name) {
    const bool isPlain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    plain += isPlain && !(c == '.' && plain.empty()) ? c : '-';
  }
  return plain.empty() ? "run" : plain.substr(0, 100);
}

bool IsFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

std::string InputDigest(const RunOptions& options) {
  Digest digest;
  digest.Add("name", options.name);
  digest.Add("seed", fmt::format("{}", options.seed));
  digest.Add("model", options.modelVersion);
  for (const RunInput& input : options.inputs) digest.Add(input.name, input.sha256);
  return digest.Hex();
}

std::string ResultDigest(const std::vector<RunFile>& files) {
  Digest digest;
  for (const RunFile& file : files) digest.Add(file.name, file.sha256);
  return digest.Hex();
}

std::map<std::string, std::string> HostFacts() {
  std::map<std::string, std::string> facts;
  facts["started"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                 fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  if (utsname system{}; uname(&system) == 0) {
    facts["host"] = system.nodename;
    facts["system"] = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
  }
  return facts;
}

enum class Occupied { Free, ByRun, ByOthers, Unreadable };

/// What stands at the path; `manifest` is that of a run.
Occupied WhatIsAt(const fs::path& path, RunManifest& manifest, std::string& error) {
  std::error_code failed;
  const auto status = fs::symlink_status(path, failed);
  if (status.type() == fs::file_type::not_found) return Occupied::Free;
  if (failed) {
    error = fmt::format("{}: {}", path.string(), failed.message());
    return Occupied::Unreadable;
  }
  if (!fs::is_directory(path, failed)) {
    error = fmt::format("{}: is there already and is no directory", path.string());
    return Occupied::ByOthers;
  }
  const auto entries = fs::directory_iterator(path, failed);
  if (failed) {
    error = fmt::format("{}: {}", path.string(), failed.message());
    return Occupied::Unreadable;
  }
  if (entries == fs::directory_iterator()) return Occupied::Free;
  std::string why;
  const auto text = ReadWholeFile(path / run_file::kManifest, kMaxManifestBytes, why);
  auto read = text ? ManifestFromJson(*text, why) : std::nullopt;
  if (!read) {
    error =
        fmt::format("{}: is not empty and was not made by a run of overlaysim; name another directory", path.string());
    return Occupied::ByOthers;
  }
  manifest = std::move(*read);
  return Occupied::ByRun;
}

/// Where the run goes: the path asked for, or the shortest digest prefix that no other run has.
std::optional<fs::path> ChoosePath(const RunOptions& options, const std::string& digest, RunManifest& earlier,
                                   Occupied& occupied, std::string& error) {
  if (options.directory) {
    occupied = WhatIsAt(*options.directory, earlier, error);
    if (occupied == Occupied::ByOthers || occupied == Occupied::Unreadable) return std::nullopt;
    return *options.directory;
  }
  for (size_t digits = kDigestPrefix; digits <= digest.size(); digits += kDigestPrefix) {
    fs::path path = options.root / fmt::format("{}-{}", PlainName(options.name), digest.substr(0, digits));
    occupied = WhatIsAt(path, earlier, error);
    if (occupied == Occupied::Unreadable) return std::nullopt;
    if (occupied == Occupied::Free || (occupied == Occupied::ByRun && earlier.inputDigest == digest)) return path;
  }
  if (error.empty()) error = fmt::format("{}: no free name for a run of {}", options.root.string(), options.name);
  return std::nullopt;
}

std::string RemoveFilesOf(const RunManifest& earlier, const fs::path& path) {
  std::error_code failed;
  for (const RunFile& file : earlier.files) {
    if (file.name == run_file::kManifest) continue;
    fs::remove(path / file.name, failed);
    if (failed) return fmt::format("{}: {}", (path / file.name).string(), failed.message());
  }
  return {};
}

}  // namespace

RunInput RunInput::Of(std::string name, std::string_view content) {
  return {std::move(name), content.size(), Sha256Hex(content)};
}

std::optional<RunDirectory> RunDirectory::Create(const RunOptions& options, std::string& error) {
  const std::string digest = InputDigest(options);
  RunManifest earlier;
  Occupied occupied = Occupied::Free;
  const auto path = ChoosePath(options, digest, earlier, occupied, error);
  if (!path) return std::nullopt;
  std::error_code failed;
  fs::create_directories(*path, failed);
  if (failed) {
    error = fmt::format("{}: {}", path->string(), failed.message());
    return std::nullopt;
  }
  RunDirectory run(*path);
  run.m_manifest.programVersion = options.programVersion;
  run.m_manifest.modelVersion = options.modelVersion;
  run.m_manifest.name = options.name;
  run.m_manifest.description = options.description;
  run.m_manifest.seed = options.seed;
  run.m_manifest.inputs = options.inputs;
  run.m_manifest.inputDigest = digest;
  run.m_manifest.host = HostFacts();
  error = run.WriteManifest();
  if (error.empty() && occupied == Occupied::ByRun) error = RemoveFilesOf(earlier, *path);
  return error.empty() ? std::optional(std::move(run)) : std::nullopt;
}

std::string RunDirectory::AddFile(std::string_view name, std::string_view meaning) {
  OVERLAYSIM_CHECK(IsFileName(name) && name != run_file::kManifest, "\"{}\" as a file of a run", name);
  const auto isIt = [&](const auto& file) { return file.name == name; };
  if (std::any_of(m_manifest.files.begin(), m_manifest.files.end(), isIt)) return {};
  const auto known = std::find_if(kKnownFiles.begin(), kKnownFiles.end(), isIt);
  if (meaning.empty() && known != kKnownFiles.end()) meaning = known->meaning;
  m_manifest.files.push_back({std::string(name), std::string(meaning), 0, ""});
  return WriteManifest();
}

std::string RunDirectory::WriteFile(std::string_view name, std::string_view content, std::string_view meaning) {
  const std::string error = AddFile(name, meaning);
  return error.empty() ? ReplaceFile(File(name), content) : error;
}

std::string RunDirectory::Finish(bool complete, Nanoseconds simulated, const std::map<std::string, uint64_t>& counts,
                                 const std::map<std::string, std::string>& hostFacts) {
  m_manifest.complete = complete;
  m_manifest.simulated = simulated;
  m_manifest.counts = counts;
  m_manifest.host.insert(hostFacts.begin(), hostFacts.end());
  std::sort(m_manifest.files.begin(), m_manifest.files.end(),
            [](const RunFile& a, const RunFile& b) { return a.name < b.name; });
  for (RunFile& file : m_manifest.files) {
    std::string error;
    const auto sum = Sha256OfFile(File(file.name), error);
    if (!sum) return error;
    std::error_code failed;
    file.bytes = fs::file_size(File(file.name), failed);
    file.sha256 = *sum;
  }
  m_manifest.resultDigest = ResultDigest(m_manifest.files);
  return WriteManifest();
}

std::string RunDirectory::WriteManifest() const {
  return ReplaceFile(File(run_file::kManifest), ManifestToJson(m_manifest));
}

bool OpenedRun::Has(std::string_view name) const {
  return std::any_of(manifest.files.begin(), manifest.files.end(), [&](const RunFile& f) { return f.name == name; });
}

std::optional<OpenedRun> OpenRunDirectory(const fs::path& path, std::string& error) {
  std::error_code failed;
  if (!fs::is_directory(path, failed)) {
    error = fmt::format("{}: {}", path.string(),
                        fs::exists(path, failed) ? "is no directory" : "there is no such directory");
    return std::nullopt;
  }
  const fs::path manifestPath = path / run_file::kManifest;
  if (!fs::exists(manifestPath, failed)) {
    error = fmt::format("{}: is no run directory: it has no {}", path.string(), run_file::kManifest);
    return std::nullopt;
  }
  const auto text = ReadWholeFile(manifestPath, kMaxManifestBytes, error);
  if (!text) return std::nullopt;
  auto manifest = ManifestFromJson(*text, error);
  if (!manifest) {
    error = fmt::format("{}: {}", manifestPath.string(), error);
    return std::nullopt;
  }
  OpenedRun run{path, std::move(*manifest)};
  if (!run.manifest.complete) return run;
  for (const RunFile& file : run.manifest.files) {
    const auto size = fs::file_size(run.File(file.name), failed);
    if (failed) {
      error = fmt::format("{}: {}, and the manifest lists it", run.File(file.name).string(), failed.message());
      return std::nullopt;
    }
    if (size != file.bytes) {
      error = fmt::format("{}: has {} bytes where the manifest says {}: cut off or changed",
                          run.File(file.name).string(), size, file.bytes);
      return std::nullopt;
    }
  }
  return run;
}

std::string ManifestToJson(const RunManifest& m) {
  Json inputs = Json::array();
  for (const RunInput& input : m.inputs)
    inputs.push_back({{"name", input.name}, {"bytes", input.bytes}, {"sha256", input.sha256}});
  Json files = Json::array();
  for (const RunFile& file : m.files)
    files.push_back({{"name", file.name}, {"meaning", file.meaning}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  const Json json = {{"program", kProgram},
                     {"format", m.format},
                     {"programVersion", m.programVersion},
                     {"modelVersion", m.modelVersion},
                     {"name", m.name},
                     {"description", m.description},
                     {"seed", m.seed},
                     {"inputs", std::move(inputs)},
                     {"inputDigest", m.inputDigest},
                     {"complete", m.complete},
                     {"files", std::move(files)},
                     {"resultDigest", m.resultDigest},
                     {"simulatedNs", m.simulated.count},
                     {"counts", m.counts},
                     {"host", m.host}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<RunManifest> ManifestFromJson(std::string_view text, std::string& error) {
  try {
    const Json json = Json::parse(text);
    if (!json.is_object() || json.value("program", "") != kProgram)
      throw std::runtime_error("is no manifest of overlaysim");
    RunManifest m;
    ReadInteger(json, "format", m.format);
    if (m.format < 1 || m.format > RunManifest::kFormat)
      throw std::runtime_error(
          fmt::format("has format {}; this program reads up to {}", m.format, RunManifest::kFormat));
    json.at("programVersion").get_to(m.programVersion);
    json.at("modelVersion").get_to(m.modelVersion);
    json.at("name").get_to(m.name);
    json.at("description").get_to(m.description);
    ReadInteger(json, "seed", m.seed);
    for (const Json& input : json.at("inputs"))
      m.inputs.push_back({input.at("name").get<std::string>(), IntegerOf<uint64_t>(input.at("bytes"), "bytes"),
                          input.at("sha256").get<std::string>()});
    json.at("inputDigest").get_to(m.inputDigest);
    json.at("complete").get_to(m.complete);
    for (const Json& file : json.at("files")) {
      m.files.push_back({file.at("name").get<std::string>(), file.at("meaning").get<std::string>(),
                         IntegerOf<uint64_t>(file.at("bytes"), "bytes"), file.at("sha256").get<std::string>()});
      if (!IsFileName(m.files.back().name))
        throw std::runtime_error(fmt::format("lists \"{}\", which is no plain file name", m.files.back().name));
    }
    json.at("resultDigest").get_to(m.resultDigest);
    ReadInteger(json, "simulatedNs", m.simulated.count);
    for (const auto& [name, count] : json.at("counts").items()) m.counts[name] = IntegerOf<uint64_t>(count, name);
    json.at("host").get_to(m.host);
    return m;
  } catch (const std::exception& e) {  // nlohmann's, and ours above
    error = e.what();
    return std::nullopt;
  }
}

}  // namespace overlaysim
