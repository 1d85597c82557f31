#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "sim/scenario/load.h"

namespace overlaysim::scenario {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = OVERLAYSIM_SOURCE_DIR;
const fs::path kSamples = kRoot / "tests/unit/sim/scenario";
const fs::path kSchema = kRoot / "scenarios/schema/scenario.schema.json";
constexpr char kUpdateHint[] = "OVERLAYSIM_UPDATE_GOLDEN=1 writes it anew; look at the difference before committing it";

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Holds `text` against the file, or writes it.
void ExpectGolden(const fs::path& path, const std::string& text) {
  if (std::getenv("OVERLAYSIM_UPDATE_GOLDEN")) std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(ReadText(path), text) << path << ": " << kUpdateHint;
}

std::vector<fs::path> FilesOf(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kSamples / folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path().filename());
  }
  std::sort(files.begin(), files.end());
  EXPECT_FALSE(files.empty()) << folder;
  return files;
}

/// Messages name the file as it was given, hence the change of directory.
std::string ProblemsOf(const std::string& folder, const fs::path& file) {
  fs::current_path(kSamples / folder);
  Diagnostics diagnostics;
  EXPECT_FALSE(LoadScenario(file, {}, diagnostics).has_value()) << file;
  EXPECT_TRUE(diagnostics.HasErrors()) << file;
  return diagnostics.Format();
}

/// What python3-jsonschema says of the files, as "ok FILE" or "bad FILE" lines; "" if it is not there.
std::string Validate(const std::vector<fs::path>& files) {
  if (std::system("python3 -c 'import jsonschema' 2>/dev/null") != 0) return "";
  std::string command = "python3 " + (kSamples / "validate.py").string() + " " + kSchema.string();
  for (const fs::path& file : files) command += " " + file.string();
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  std::array<char, 4096> buffer;
  for (size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) output.append(buffer.data(), n);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return output;
}

void ExpectVerdicts(const std::string& folder, const std::string& verdict) {
  std::vector<fs::path> files;
  std::string expected;
  for (const fs::path& file : FilesOf(folder)) {
    files.push_back(kSamples / folder / file);
    expected += verdict + " " + files.back().string() + "\n";
  }
  const std::string found = Validate(files);
  if (found.empty()) GTEST_SKIP() << "needs python3 with jsonschema (Debian: python3-jsonschema)";
  EXPECT_EQ(found, expected);
}

TEST(SampleFiles, AcceptedOnesAreReadWithoutAWord) {
  for (const fs::path& file : FilesOf("accepted")) {
    Diagnostics diagnostics;
    EXPECT_TRUE(LoadScenario(kSamples / "accepted" / file, {}, diagnostics).has_value()) << diagnostics.Format();
    EXPECT_EQ(diagnostics.Format(), "");
  }
}

TEST(SampleFiles, WhatIsPrintedOfAScenarioIsReadAsTheSame) {
  for (const fs::path& file : FilesOf("accepted")) {
    Diagnostics diagnostics;
    const auto scenario = LoadScenario(kSamples / "accepted" / file, {}, diagnostics);
    ASSERT_TRUE(scenario) << file;
    const std::string json = ToJson(*scenario);
    const auto again = LoadScenarioText(json, "printed.json", {}, diagnostics);
    ASSERT_TRUE(again) << diagnostics.Format();
    EXPECT_EQ(ToJson(*again), json);
    const auto resolved = LoadScenarioText(ResolvedText(*scenario), "resolved.json", {}, diagnostics);
    ASSERT_TRUE(resolved) << diagnostics.Format();
    EXPECT_EQ(ToJson(*resolved), json) << "the defaults written out are the defaults";
  }
}

TEST(SampleFiles, EveryMistakeIsReportedAtItsPlace) {
  for (const std::string folder : {"rejected", "rejected-by-reader", "not-json"}) {
    for (const fs::path& file : FilesOf(folder)) {
      const std::string problems = ProblemsOf(folder, file);
      ExpectGolden(fs::path(kSamples / folder / file).replace_extension(".txt"), problems);
    }
  }
}

TEST(SampleFiles, TheSchemaAcceptsWhatTheReaderAccepts) { ExpectVerdicts("accepted", "ok"); }

TEST(SampleFiles, TheSchemaRejectsWhatTheReaderRejects) { ExpectVerdicts("rejected", "bad"); }

/// Variables, files, and what two values have to do with each other are beyond a schema.
TEST(SampleFiles, TheReaderSeesMoreThanTheSchema) { ExpectVerdicts("rejected-by-reader", "ok"); }

TEST(Schema, ThePublishedOneIsMadeFromTheTable) { ExpectGolden(kSchema, SchemaText()); }

TEST(Reference, TheDocumentEndsWithTheTable) {
  const fs::path path = kRoot / "docs/scenario-format.md";
  const std::string marker = "\n## Reference\n";
  const std::string document = ReadText(path);
  const size_t at = document.find(marker);
  ASSERT_NE(at, std::string::npos);
  ExpectGolden(path, document.substr(0, at + marker.size()) + ReferenceText());
}

TEST(Reference, TheExamplesInTheDocumentAreAccepted) {
  std::istringstream document(ReadText(kRoot / "docs/scenario-format.md"));
  std::string example;
  bool isInside = false;
  int examples = 0;
  for (std::string line; std::getline(document, line);) {
    if (line == "```json") {
      isInside = true;
      example.clear();
    } else if (line == "```" && isInside) {
      isInside = false;
      ++examples;
      Diagnostics diagnostics;
      EXPECT_TRUE(LoadScenarioText(example, "example.json", {}, diagnostics)) << diagnostics.Format();
    } else {
      example += line + "\n";
    }
  }
  EXPECT_GE(examples, 3);
}

}  // namespace
}  // namespace overlaysim::scenario
