// Run directories that are broken, foreign or not finished yet, opened in the window as a person opens them.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/packets/packets_view.h"
#include "support/small_run.h"
#include "window_fixture.h"

namespace overlaysim::app {
namespace {

namespace fs = std::filesystem;
using test::SmallRun;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// Names and contents of a directory.
std::map<std::string, std::string> Contents(const fs::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(directory)) files[entry.path().filename()] = Read(entry.path());
  return files;
}

class HostileRuns : public Window {
 protected:
  /// Opens the directory and looks at it from every side: views, lenses, the time's ends, each packet. Nothing of it
  /// may be changed by that.
  void LookAt(const fs::path& directory) {
    const auto before = Contents(directory);
    window.Open(QString::fromStdString(directory.string()));
    views::Session& session = window.GetSession();
    for (const QString& view : window.ViewNames()) {
      window.ShowView(view);
      QApplication::processEvents();
    }
    if (session.Run()) {
      for (const int64_t time : {session.Run()->EndNs(), int64_t{0}, session.Run()->EndNs() / 2}) session.SetTime(time);
      const uint64_t records = session.Run()->RecordCount();
      for (uint64_t i = 0; i < std::min<uint64_t>(records, 40); ++i) session.FollowRecord(i);
      for (uint32_t i = 0; i < 6; ++i) {
        session.Select({.kind = views::Place::Kind::Netns, .netns = i});
        session.Select({.kind = views::Place::Kind::Cable, .cable = i});
        QApplication::processEvents();
      }
      for (const auto lens : {views::Lens::Overlay, views::Lens::Flows, views::Lens::Underlay}) {
        window.Canvas().SetLens(lens);
        EXPECT_FALSE(window.grab().isNull());
      }
      auto* packets = window.findChild<views::PacketsView*>();
      packets->ApplyFilter(QStringLiteral("icmp || sim.drop"));
      EXPECT_TRUE(QTest::qWaitFor([&] { return !packets->Model()->IsFiltering(); }, kPatienceMs));
      packets->ShowCapture();
      QApplication::processEvents();
      packets->ShowTrace();
      EXPECT_TRUE(QTest::qWaitFor([&] { return !session.IsReadingFacts(); }, kPatienceMs));
    }
    EXPECT_EQ(Contents(directory), before);
  }
};

TEST_F(HostileRuns, ATraceThatEndsAnywhere) {
  const SmallRun run({.hasDrop = true});
  const std::string whole = Read(run.Path() / "trace.bin");
  ASSERT_GT(whole.size(), 200u);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{8}, size_t{40}, whole.size() / 3, whole.size() / 2,
                             whole.size() - 60, whole.size() - 9, whole.size() - 1}) {
    Write(run.Path() / "trace.bin", whole.substr(0, bytes));
    LookAt(run.Path());
    EXPECT_NE(Message(), QString()) << bytes << " of " << whole.size() << " bytes";
  }
}

TEST_F(HostileRuns, AFileThatIsMissing) {
  for (const char* name : {"manifest.json", "plan.json", "metrics.json", "trace.bin", "packets.pcapng"}) {
    const SmallRun run;
    fs::remove(run.Path() / name);
    LookAt(run.Path());
    EXPECT_NE(Message(), QString()) << name;
  }
}

TEST_F(HostileRuns, AFileThatIsSomethingElse) {
  std::string noise;
  for (uint32_t i = 0, x = 1; i < 5000; ++i, x = x * 1664525 + 1013904223) noise += static_cast<char>(x >> 24);
  for (const char* name : {"manifest.json", "plan.json", "metrics.json", "trace.bin", "packets.pcapng"}) {
    for (const std::string& content : {noise, std::string("[]"), std::string("{}"), std::string()}) {
      const SmallRun run;
      Write(run.Path() / name, content);
      LookAt(run.Path());
      if (std::string_view(name) == "packets.pcapng") continue;  // read when it is listed, and said there
      EXPECT_NE(Message(), QString()) << name << " with " << content.size() << " bytes";
    }
  }
}

TEST_F(HostileRuns, ANewerVersion) {
  const SmallRun run;
  std::string manifest = Read(run.Path() / "manifest.json");
  const size_t at = manifest.find("\"format\": 1");
  ASSERT_NE(at, std::string::npos) << manifest;
  Write(run.Path() / "manifest.json", manifest.replace(at, 11, "\"format\": 9"));
  LookAt(run.Path());
  EXPECT_EQ(window.GetSession().Run(), nullptr);
  EXPECT_TRUE(Message().contains(QLatin1String("9"))) << Message().toStdString();
}

TEST_F(HostileRuns, OneThatIsStillWrittenAndGrows) {
  SmallRun run({.isComplete = false});
  LookAt(run.Path());
  ASSERT_NE(window.GetSession().Run(), nullptr);
  EXPECT_FALSE(window.GetSession().Run()->IsComplete());
  window.GetSession().Reload();
  QApplication::processEvents();
  EXPECT_NE(window.GetSession().Run(), nullptr);
}

TEST_F(HostileRuns, NoPacketWasSent) {
  const SmallRun run({.pings = 0});
  LookAt(run.Path());
  ASSERT_NE(window.GetSession().Run(), nullptr);
  window.FollowFirstPacket();
  EXPECT_EQ(window.GetSession().Journey(), nullptr);
}

TEST_F(HostileRuns, ARunThatIsOpenStaysWhenAnotherCannotBeRead) {
  const SmallRun good;
  LookAt(good.Path());
  const SmallRun bad;
  Write(bad.Path() / "plan.json", "{");
  window.Open(QString::fromStdString(bad.Path().string()));
  EXPECT_NE(Message(), QString());
  ASSERT_NE(window.GetSession().Run(), nullptr);
  EXPECT_EQ(window.GetSession().Run()->Directory().path, good.Path());
}

}  // namespace
}  // namespace overlaysim::app
