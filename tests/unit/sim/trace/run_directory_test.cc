#include "sim/trace/run_directory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

namespace fs = std::filesystem;

RunOptions OptionsIn(const fs::path& root) {
  RunOptions options;
  options.root = root;
  options.programVersion = "0.1.0";
  options.modelVersion = "1";
  options.name = "two-nodes";
  options.description = "Two nodes, one tunnel";
  options.seed = 7;
  options.inputs = {RunInput::Of("two-nodes.json", "{}")};
  return options;
}

std::string TextOf(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

/// A whole run with one file; its path.
fs::path FinishedRun(const RunOptions& options) {
  std::string error;
  auto run = RunDirectory::Create(options, error);
  if (!run) throw std::runtime_error(error);
  EXPECT_EQ(run->WriteFile(run_file::kPlan, "{\"plan\": 1}\n"), "");
  EXPECT_EQ(run->Finish(true, Milliseconds(20), {{"records", 3}}, {{"duration", "12 ms"}}), "");
  return run->Path();
}

TEST(RunDirectory, IsNamedForTheScenarioAndItsInputs) {
  const test::TemporaryDirectory root;
  const fs::path path = FinishedRun(OptionsIn(root / "runs"));
  EXPECT_EQ(path.parent_path(), root / "runs");
  const std::string name = path.filename().string();
  EXPECT_EQ(name.substr(0, 10), "two-nodes-");
  EXPECT_EQ(name.size(), 14U);
  EXPECT_EQ(FinishedRun(OptionsIn(root / "runs")), path) << "the same inputs go to the same place";
  RunOptions other = OptionsIn(root / "runs");
  other.seed = 8;
  EXPECT_NE(FinishedRun(other), path);
}

TEST(RunDirectory, NeverLeavesItsRootWhateverTheName) {
  const test::TemporaryDirectory root;
  RunOptions options = OptionsIn(root.Path());
  options.name = "../../etc/x y";
  EXPECT_EQ(FinishedRun(options).filename().string().substr(0, 14), "-.-..-etc-x-y-");
  options.name = "";
  EXPECT_EQ(FinishedRun(options).filename().string().substr(0, 4), "run-");
}

TEST(RunDirectory, TellsWhatARunWas) {
  const test::TemporaryDirectory root;
  std::string error;
  const auto run = OpenRunDirectory(FinishedRun(OptionsIn(root.Path())), error);
  ASSERT_TRUE(run) << error;
  EXPECT_TRUE(run->manifest.complete);
  EXPECT_EQ(run->manifest.seed, 7U);
  EXPECT_EQ(run->manifest.simulated, Milliseconds(20));
  EXPECT_EQ(run->manifest.counts.at("records"), 3U);
  EXPECT_EQ(run->manifest.inputs, OptionsIn("").inputs);
  EXPECT_TRUE(run->Has("plan.json"));
  EXPECT_FALSE(run->Has("trace.bin"));
  ASSERT_EQ(run->manifest.files.size(), 1U);
  EXPECT_EQ(run->manifest.files[0].bytes, 12U);
  EXPECT_FALSE(run->manifest.files[0].meaning.empty());
  EXPECT_EQ(run->manifest.host.at("duration"), "12 ms");
}

TEST(RunDirectory, ManifestsDifferInTheHostFieldOnly) {
  const test::TemporaryDirectory root;
  auto one = nlohmann::json::parse(TextOf(FinishedRun(OptionsIn(root / "a")) / "manifest.json"));
  auto other = nlohmann::json::parse(TextOf(FinishedRun(OptionsIn(root / "b")) / "manifest.json"));
  EXPECT_TRUE(one.at("host").contains("started"));
  one.erase("host");
  other.erase("host");
  EXPECT_EQ(one, other);
}

TEST(RunDirectory, SaysThatARunIsNotCompleteUntilItIs) {
  const test::TemporaryDirectory root;
  std::string error;
  auto run = RunDirectory::Create(OptionsIn(root.Path()), error);
  ASSERT_TRUE(run) << error;
  ASSERT_EQ(run->AddFile(run_file::kTrace), "");
  const auto opened = OpenRunDirectory(run->Path(), error);
  ASSERT_TRUE(opened) << error;
  EXPECT_FALSE(opened->manifest.complete);
  EXPECT_TRUE(opened->Has("trace.bin")) << "a run that is killed is found with its files";
  EXPECT_NE(run->Finish(true, {}, {}).find("trace.bin: No such file"), std::string::npos);
}

TEST(RunDirectory, ReplacesAnEarlierRunAndNothingElse) {
  const test::TemporaryDirectory root;
  RunOptions options = OptionsIn(root.Path());
  options.directory = root / "out";
  FinishedRun(options);
  Write(root / "out/notes.txt", "mine");
  std::string error;
  const auto run = RunDirectory::Create(options, error);
  ASSERT_TRUE(run) << error;
  EXPECT_FALSE(fs::exists(root / "out/plan.json"));
  EXPECT_EQ(TextOf(root / "out/notes.txt"), "mine");
}

TEST(RunDirectory, RefusesToOverwriteWhatIsNotARun) {
  const test::TemporaryDirectory root;
  RunOptions options = OptionsIn(root.Path());
  std::string error;
  fs::create_directory(root / "home");
  Write(root / "home/letter.txt", "dear");
  options.directory = root / "home";
  EXPECT_FALSE(RunDirectory::Create(options, error));
  EXPECT_EQ(error, (root / "home").string() +
                       ": is not empty and was not made by a run of overlaysim; name another directory");
  Write(root / "home/manifest.json", "{\"program\": \"other\"}");
  EXPECT_FALSE(RunDirectory::Create(options, error));
  EXPECT_EQ(TextOf(root / "home/manifest.json"), "{\"program\": \"other\"}");

  options.directory = root / "home/letter.txt";
  EXPECT_FALSE(RunDirectory::Create(options, error));
  EXPECT_EQ(error, (root / "home/letter.txt").string() + ": is there already and is no directory");
}

TEST(RunDirectory, SaysWhyItCannotBeMade) {
  const test::TemporaryDirectory root;
  Write(root / "file", "");
  std::string error;
  EXPECT_FALSE(RunDirectory::Create(OptionsIn(root / "file/runs"), error));
  EXPECT_NE(error.find("Not a directory"), std::string::npos) << error;
  RunOptions options = OptionsIn(root.Path());
  options.directory = "/proc/overlaysim-run";
  EXPECT_FALSE(RunDirectory::Create(options, error));
  EXPECT_NE(error.find("/proc/overlaysim-run: "), std::string::npos) << error;
}

TEST(RunDirectory, TakesALongerNameWhenAnotherRunHasTheShortOne) {
  const test::TemporaryDirectory root;
  const fs::path first = FinishedRun(OptionsIn(root.Path()));
  // As if another run's digest began with the same digits.
  auto manifest = nlohmann::json::parse(TextOf(first / "manifest.json"));
  manifest["inputDigest"] = "0000";
  Write(first / "manifest.json", manifest.dump());
  const fs::path second = FinishedRun(OptionsIn(root.Path()));
  EXPECT_EQ(second.filename().string().substr(0, 14), first.filename().string());
  EXPECT_EQ(second.filename().string().size(), 18U);
}

TEST(OpenRunDirectory, SaysWhatIsWrong) {
  const test::TemporaryDirectory root;
  std::string error;
  EXPECT_FALSE(OpenRunDirectory(root / "none", error));
  EXPECT_EQ(error, (root / "none").string() + ": there is no such directory");
  EXPECT_FALSE(OpenRunDirectory(root.Path(), error));
  EXPECT_EQ(error, root.Path().string() + ": is no run directory: it has no manifest.json");

  const fs::path path = FinishedRun(OptionsIn(root.Path()));
  Write(path / "plan.json", "{");
  EXPECT_FALSE(OpenRunDirectory(path, error));
  EXPECT_EQ(error, (path / "plan.json").string() + ": has 1 bytes where the manifest says 12: cut off or changed");
  fs::remove(path / "plan.json");
  EXPECT_FALSE(OpenRunDirectory(path, error));
  EXPECT_NE(error.find("and the manifest lists it"), std::string::npos) << error;
}

TEST(OpenRunDirectory, RefusesHostileAndNewerManifests) {
  const test::TemporaryDirectory root;
  const fs::path path = FinishedRun(OptionsIn(root.Path()));
  const auto good = nlohmann::json::parse(TextOf(path / "manifest.json"));
  std::string error;
  const auto errorOf = [&](const std::string& text) {
    Write(path / "manifest.json", text);
    error.clear();
    EXPECT_FALSE(OpenRunDirectory(path, error)) << text.substr(0, 60);
    return error;
  };
  auto manifest = good;
  manifest["format"] = 2;
  EXPECT_NE(errorOf(manifest.dump()).find("has format 2; this program reads up to 1"), std::string::npos);
  manifest = good;
  manifest["files"][0]["name"] = "../../etc/passwd";
  EXPECT_NE(errorOf(manifest.dump()).find("lists \"../../etc/passwd\", which is no plain file name"),
            std::string::npos);
  manifest = good;
  manifest["program"] = 5;
  EXPECT_NE(errorOf(manifest.dump()), "");
  EXPECT_NE(errorOf(std::string(100000, '[')), "");
  EXPECT_NE(errorOf(""), "");
  const std::string text = good.dump();
  for (size_t size = 0; size < text.size(); ++size) EXPECT_NE(errorOf(text.substr(0, size)), "") << size;
}

TEST(RunManifest, ComesBackFromItsJson) {
  RunManifest manifest;
  manifest.programVersion = "0.1.0";
  manifest.name = "näme";
  manifest.inputs = {RunInput::Of("a.json", "abc")};
  manifest.files = {{"trace.bin", "records", 5, "00"}};
  manifest.counts = {{"records", 1}};
  manifest.host = {{"host", "here"}};
  std::string error;
  EXPECT_EQ(ManifestFromJson(ManifestToJson(manifest), error), manifest) << error;
}

}  // namespace
}  // namespace overlaysim
