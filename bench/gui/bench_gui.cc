// How fast the viewer draws and opens: `./dev bench gui`. The last line is one JSON object with what is held against
// the budget. Everything is drawn offscreen, into an image, by one thread.

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <QApplication>
#include <QElapsedTimer>
#include <QFont>
#include <QImage>
#include <QPainter>
#include <QVBoxLayout>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gui/views/canvas/canvas_surface.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/theme.h"
#include "gui/views/timeline/timeline_view.h"
#include "sim/trace/run_directory.h"
#include "sim/trace/trace_writer.h"
#include "support/gui/leaf_spine_plan.h"

namespace {

using namespace overlaysim;
using namespace overlaysim::views;
using test::LeafSpineShape;

constexpr QSize kWindow(1600, 900);
constexpr int kRuns = 3;
constexpr int kPanFrames = 12;
constexpr uint64_t kRecordsOfFrames = 200000;

[[noreturn]] void Die(const std::string& what) {
  fmt::print(stderr, "bench_gui: {}\n", what);
  std::exit(1);
}

LeafSpineShape ShapeOf(size_t nodes) {
  const size_t perRack = std::min<size_t>(nodes, 40);
  return {.racks = nodes / perRack + (nodes % perRack != 0),
          .nodesPerRack = perRack,
          .podsPerNode = 30,
          .spines = nodes > 1 ? size_t{8} : size_t{1}};
}

/// A run of a millisecond with so many records, in which every node sends on its cable.
std::filesystem::path WriteRun(const std::filesystem::path& folder, size_t nodes, uint64_t records) {
  std::string error;
  const std::filesystem::path path = folder / fmt::format("{}-nodes-{}-records", nodes, records);
  auto run =
      RunDirectory::Create({.directory = path, .programVersion = "bench", .modelVersion = "1", .name = "bench"}, error);
  if (!run) Die(error);
  const LeafSpineShape shape = ShapeOf(nodes);
  error = run->WriteFile(run_file::kPlan, test::LeafSpinePlan(shape));
  if (error.empty()) error = run->AddFile(run_file::kTrace);
  if (!error.empty()) Die(error);
  constexpr int64_t kEndNs = 1'000'000'000;
  {
    TraceWriter trace(run->File(run_file::kTrace));
    const auto firstNode = static_cast<uint32_t>(shape.spines + shape.racks);
    const auto nodeCount = static_cast<uint32_t>(shape.racks * shape.nodesPerRack);
    TraceRecord record;
    record.ifindex = 2;
    // A packet makes ten records, as one between two nodes does.
    for (uint64_t i = 0; i < records; ++i) {
      record.timeNs = static_cast<int64_t>(static_cast<double>(i) / static_cast<double>(records) * double{kEndNs});
      record.journey = i / 10 + 1;
      record.netns = firstNode + static_cast<uint32_t>(i / 10 * 7 + i % 10) % nodeCount;
      record.sizeBytes = 100 + static_cast<uint32_t>(i % 1400);
      record.stage = i % 10 == 0 ? Stage::Send : i % 10 < 6 ? Stage::Transmit : Stage::Receive;
      record.verdict = i % 10 == 9 ? (i % 100000 == 99 ? Verdict::QueueFull : Verdict::Delivered) : Verdict::Continue;
      trace.Append(record);
    }
    trace.Finish();
    if (!trace.Ok()) Die(trace.Error());
  }
  // Sizes and digests of a large trace are not what is measured.
  error = run->Finish(records <= 1'000'000, {kEndNs}, {{"records", records}});
  if (!error.empty()) Die(error);
  return path;
}

double Quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(
      std::min(std::ceil(share * static_cast<double>(values.size())), static_cast<double>(values.size())) -
      (share > 0 ? 1 : 0))];
}

/// Milliseconds of each frame: the whole cluster, every zoom step down to a pod, and pans on the way.
std::vector<double> FrameTimes(CanvasView& view) {
  QImage image(kWindow, QImage::Format_RGB32);
  std::vector<double> times;
  const auto frame = [&] {
    QElapsedTimer timer;
    timer.start();
    QPainter painter(&image);
    view.RenderCanvas(painter, QRectF(QPointF(0, 0), QSizeF(kWindow)));
    painter.end();
    times.push_back(static_cast<double>(timer.nsecsElapsed()) * 1e-6);
  };
  CanvasSurface& surface = view.Surface();
  surface.ShowAll();
  frame();
  // Into the middle of a node, not between racks.
  const auto& layout = view.State().Layout();
  layout::Point target = layout.bounds.Centre();
  double nearest = 1e300;
  for (const layout::Site& site : layout.sites) {
    if (site.rack == layout::kNone || site.isHead) continue;
    const layout::Point c = site.box.Centre();
    const double distance = std::hypot(c.x - layout.bounds.Centre().x, c.y - layout.bounds.Centre().y);
    if (distance < nearest) nearest = distance, target = c;
  }
  Camera camera = surface.View();
  while (camera.scale < Camera::kMaxScale * 0.99) {
    camera.scale = std::min(camera.scale * 1.25, Camera::kMaxScale);
    camera.origin = {target.x - kWindow.width() / 2.0 / camera.scale, target.y - kWindow.height() / 2.0 / camera.scale};
    surface.SetView(camera);
    frame();
    const double nodePixels = camera.scale * 160;
    if ((nodePixels > 20 && nodePixels < 25) || (nodePixels > 80 && nodePixels < 100) ||
        (nodePixels > 240 && nodePixels < 300)) {
      for (int i = 0; i < kPanFrames; ++i) {
        Camera panned = camera;
        panned.origin += QPointF(40.0 * (i + 1), 15.0 * (i + 1)) / camera.scale;
        surface.SetView(panned);
        frame();
      }
    }
  }
  return times;
}

struct FrameResult {
  double median = 1e300, p99 = 1e300;
};

FrameResult MeasureFrames(const std::filesystem::path& folder, size_t nodes) {
  Session session;
  CanvasView view(session);
  view.Surface().resize(kWindow);
  const QString error = session.Open(WriteRun(folder, nodes, kRecordsOfFrames));
  if (!error.isEmpty()) Die(error.toStdString());
  while (session.IsReadingFacts()) QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  session.SetTime(500'000'000);
  FrameResult best;
  for (int i = 0; i < kRuns; ++i) {
    const std::vector<double> times = FrameTimes(view);
    best.median = std::min(best.median, Quantile(times, 0.5));
    best.p99 = std::min(best.p99, Quantile(times, 0.99));
  }
  fmt::print("frames   {:>6} nodes, {:>7} pods   median {:6.2f} ms   p99 {:6.2f} ms\n", nodes, nodes * 30, best.median,
             best.p99);
  std::fflush(stdout);
  return best;
}

double ResidentMib() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024 * 1024);
}

/// In a process of its own: opens the run in a window with canvas and timeline and paints it once.
int OpenAndTell(const char* directory) {
  QElapsedTimer timer;
  timer.start();
  Session session;
  QWidget window;
  auto* rows = new QVBoxLayout(&window);
  rows->addWidget(new CanvasView(session), 1);
  rows->addWidget(new TimelineView(session));
  window.resize(kWindow);
  window.show();
  const QString error = session.Open(directory);
  if (!error.isEmpty()) Die(error.toStdString());
  QImage image(kWindow, QImage::Format_RGB32);
  window.render(&image);
  fmt::print("{} {}\n", static_cast<double>(timer.nsecsElapsed()) * 1e-9, ResidentMib());
  session.StopReadingFacts();
  return 0;
}

struct OpenResult {
  double seconds = 1e300, mib = 0;
};

OpenResult MeasureOpen(const char* self, const std::filesystem::path& folder, uint64_t records) {
  const std::filesystem::path path = WriteRun(folder, 100, records);
  OpenResult best;
  for (int i = 0; i < kRuns; ++i) {
    FILE* child = popen(fmt::format("'{}' --open '{}'", self, path.string()).c_str(), "r");
    double seconds = 0, mib = 0;
    if (!child || fscanf(child, "%lf %lf", &seconds, &mib) != 2) Die("the run cannot be opened");
    if (pclose(child) != 0) Die("opening has failed");
    if (seconds < best.seconds) best.seconds = seconds;
    best.mib = std::max(best.mib, mib);
  }
  std::filesystem::remove_all(path);
  fmt::print("open     {:>11} records   {:6.3f} s   {:7.1f} MiB\n", records, best.seconds, best.mib);
  std::fflush(stdout);
  return best;
}

}  // namespace

// bench_gui [FOLDER]: traces are written there and removed again; without it into build/bench.
int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qputenv("QT_LOGGING_RULES", "*.warning=false");
  QApplication application(argc, argv);
  QFont font = application.font();
  font.setPixelSize(13);
  QApplication::setFont(font);
  ThemeSwitch::Instance().SetMotionReduced(true);
  if (argc == 3 && std::string(argv[1]) == "--open") return OpenAndTell(argv[2]);
  const std::filesystem::path folder = std::filesystem::path(argc > 1 ? argv[1] : "build/bench") / "gui";
  std::filesystem::create_directories(folder);
  FrameResult frames;
  for (const size_t nodes : {1, 100, 1000, 5000}) frames = MeasureFrames(folder, nodes);
  OpenResult million, hundredMillion;
  for (const uint64_t records : {uint64_t{10'000}, uint64_t{1'000'000}, uint64_t{100'000'000}}) {
    million = records == 1'000'000 ? MeasureOpen(argv[0], folder, records) : million;
    if (records != 1'000'000) hundredMillion = MeasureOpen(argv[0], folder, records);
  }
  std::filesystem::remove_all(folder);
  fmt::print(
      "{{\"frame_ms_median\": {:.2f}, \"frame_ms_p99\": {:.2f}, \"open_1e6_s\": {:.3f}, \"open_1e8_s\": {:.3f}, "
      "\"rss_1e8_mib\": {:.1f}}}\n",
      frames.median, frames.p99, million.seconds, hundredMillion.seconds, hundredMillion.mib);
  return 0;
}
