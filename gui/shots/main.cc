// Takes pictures of every view, for people who look at them: ./dev screenshots.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QThreadPool>

#include <functional>
#include <memory>
#include <vector>

#include "gui/app/event_dialog.h"
#include "gui/app/main_window.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/editor/scenario_editor.h"
#include "gui/views/inspect/command_palette.h"
#include "gui/views/inspect/node_inspector.h"
#include "gui/views/inspect/plot_view.h"
#include "gui/views/journey/compare_view.h"
#include "gui/views/journey/packet_chooser.h"
#include "gui/views/journey/quiz_view.h"
#include "gui/views/packets/filter_bar.h"
#include "gui/views/packets/filter_dialog.h"
#include "gui/views/packets/filter_store.h"
#include "gui/views/packets/packets_view.h"

namespace {

using namespace overlaysim;
using app::MainWindow;

/// Lets the window work until nothing has changed for a while.
void Settle(int milliseconds) {
  QElapsedTimer clock;
  clock.start();
  while (clock.elapsed() < milliseconds) {
    QApplication::processEvents(QEventLoop::AllEvents, 20);
    QThread::msleep(5);
  }
  QThreadPool::globalInstance()->waitForDone();
  QApplication::processEvents();
}

void WaitForRun(MainWindow& window) {
  QElapsedTimer clock;
  clock.start();
  while (window.IsRunning() && clock.elapsed() < 60000) QApplication::processEvents(QEventLoop::AllEvents, 20);
  Settle(400);
}

/// The first namespace of that role.
views::Place FirstOf(const replay::Topology& plan, replay::Role role) {
  views::Place place;
  for (const replay::Netns& netns : plan.netns) {
    if (netns.role != role) continue;
    place.kind = views::Place::Kind::Netns;
    place.netns = netns.id;
    break;
  }
  return place;
}

/// What is looked at besides the views as they open; each leaves the window as it found it.
struct Scene {
  const char* name;
  /// Brings it about; what is to be grabbed.
  std::function<QWidget*(MainWindow&)> show;
};

std::vector<Scene> Scenes(std::unique_ptr<QWidget>& dialog) {
  const auto select = [](MainWindow& window, replay::Role role) {
    window.GetSession().Select(FirstOf(window.GetSession().Run()->Plan(), role));
  };
  const auto shown = [&dialog](std::unique_ptr<QWidget> made) {
    dialog = std::move(made);
    dialog->show();
    return dialog.get();
  };
  return {
      {"canvas-overlay",
       [](MainWindow& window) {
         window.Canvas().SetLens(views::Lens::Overlay);
         return &window;
       }},
      {"canvas-flows",
       [](MainWindow& window) {
         window.Canvas().SetLens(views::Lens::Flows);
         return &window;
       }},
      {"canvas-node",
       [select](MainWindow& window) {
         window.Canvas().SetLens(views::Lens::Underlay);
         select(window, replay::Role::Node);
         window.Canvas().ZoomToSelection();
         return &window;
       }},
      {"canvas-list",
       [](MainWindow& window) {
         window.Canvas().Fit();
         layout::Shown what;
         for (const replay::Netns& netns : window.GetSession().Run()->Plan().netns)
           if (netns.role == replay::Role::Pod) what.collapsed.namespaces.insert(std::string(netns.PodNamespace()));
         if (const auto leaf = window.GetSession().Run()->Plan().Find("leaf2")) what.hidden.racks = {leaf->name};
         window.Canvas().SetShown(what);
         window.Canvas().SetListShown(true);
         return &window;
       }},
      {"inspect-pod",
       [select](MainWindow& window) {
         window.Canvas().SetShown({});
         window.Canvas().SetListShown(false);
         select(window, replay::Role::Pod);
         window.ShowView(QStringLiteral("inspect"));
         return &window;
       }},
      {"inspect-link",
       [](MainWindow& window) {
         views::Place place;
         place.kind = views::Place::Kind::Cable;
         window.GetSession().Select(place);
         return &window;
       }},
      {"inspect-node-routes",
       [select](MainWindow& window) {
         select(window, replay::Role::Node);
         window.findChild<views::NodeInspector*>()->ShowTab(QStringLiteral("ip route"));
         return &window;
       }},
      {"plot-histogram",
       [](MainWindow& window) {
         window.ShowView(QStringLiteral("plot"));
         window.findChild<views::PlotView*>()->Choose(views::PlotView::Shape::Histogram);
         return &window;
       }},
      {"plot-cumulative",
       [](MainWindow& window) {
         auto* plot = window.findChild<views::PlotView*>();
         plot->Choose(4);
         plot->Choose(views::PlotView::Shape::Cumulative);
         return &window;
       }},
      {"compare-other",
       [](MainWindow& window) {
         window.ShowView(QStringLiteral("compare"));
         auto* compare = window.findChild<views::CompareView*>();
         compare->OpenOther(window.GetSession().Run()->Directory().path);
         return &window;
       }},
      {"quiz-answered",
       [](MainWindow& window) {
         window.ShowView(QStringLiteral("quiz"));
         auto* quiz = window.findChild<views::QuizView*>();
         if (!quiz->Questions().empty()) quiz->Answer(quiz->Questions()[0].right == 0 ? 1 : 0);
         return &window;
       }},
      {"packets-filtered",
       [](MainWindow& window) {
         window.ShowView(QStringLiteral("packets"));
         auto* packets = window.findChild<views::PacketsView*>();
         packets->Filters()->SetFilters(
             {{QObject::tr("into a tunnel"), QStringLiteral("sim.stage == Encapsulate"), 1},
              {QObject::tr("lost"), QStringLiteral("sim.drop"), 5},
              {QObject::tr("names and addresses"), QStringLiteral("arp || icmpv6.type in {135 136}"), 3}});
         packets->ApplyFilter(QStringLiteral("ip.ttl > 1 || arp"));
         return &window;
       }},
      {"packets-wrong-filter",
       [](MainWindow& window) {
         window.findChild<views::PacketsView*>()->Filter()->SetText(QStringLiteral("ip.sorc == 10.0.0.1"));
         return &window;
       }},
      {"dialog-filters",
       [shown](MainWindow& window) {
         window.findChild<views::PacketsView*>()->Filter()->Clear();
         return shown(
             std::make_unique<views::FilterDialog>(*window.findChild<views::PacketsView*>()->Filters(), nullptr));
       }},
      {"dialog-packet",
       [shown](MainWindow& window) {
         return shown(std::make_unique<views::PacketChooser>(*window.GetSession().Run(), nullptr));
       }},
      {"dialog-event",
       [shown](MainWindow& window) {
         const auto& plan = window.GetSession().Run()->Plan();
         views::Place place;
         place.kind = views::Place::Kind::Cable;
         const auto events = app::EventsFor(plan, place, 1'500'000'000);
         const app::PlaceEvent& event = events.size() > 1 ? events[1] : events.front();
         return shown(std::make_unique<app::EventDialog>(event.wish, event.words, event.question, nullptr));
       }},
      {"palette",
       [&dialog](MainWindow& window) -> QWidget* {
         dialog.reset();
         auto* palette = window.findChild<views::CommandPalette*>();
         palette->Open();
         palette->Search(QStringLiteral("node1"));
         return palette;
       }},
      {"scenario-problem",
       [](MainWindow& window) {
         window.findChild<views::CommandPalette*>()->hide();
         window.ShowView(QStringLiteral("scenario"));
         const std::string text = window.Editor().Text().toStdString();
         if (const auto edit = document::AppendItem(
                 text, {"traffic"}, document::TrafficJson(document::TrafficKind::Ping, "pod-a", "nobody")))
           window.Editor().Apply(*edit);
         return &window;
       }},
      {"message-broken-run",
       [](MainWindow& window) {
         window.Open(QDir::tempPath());
         return &window;
       }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  qInstallMessageHandler([](QtMsgType type, const QMessageLogContext&, const QString& text) {
    if (type != QtDebugMsg && type != QtInfoMsg && !text.startsWith(QLatin1String("This plugin does not support")))
      fmt::print(stderr, "{}\n", text.toStdString());
  });
  QStandardPaths::setTestModeEnabled(true);
  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("overlaysim-screenshots"));
  const QTemporaryDir settings;  // nothing of what a person has set shows
  QSettings::setDefaultFormat(QSettings::IniFormat);
  QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, settings.path());
  QApplication::setStyle(QStringLiteral("Fusion"));
  CLI::App program("Takes pictures of the viewer.", "overlaysim-gui-shots");
  std::string directory = "build/screenshots", only;
  std::vector<std::string> paths;
  int step = 12;
  program.add_option("PATH", paths, "scenarios or run directories")->required();
  program.add_option("--out", directory, "where the pictures go");
  program.add_option("--view", only, "this view or scene only");
  program.add_option("--step", step, "step of the followed packet");
  CLI11_PARSE(program, argc, argv);
  const QDir out(QString::fromStdString(directory));
  if (!QDir().mkpath(out.path())) {
    fmt::print(stderr, "overlaysim-gui-shots: {} cannot be made\n", directory);
    return 1;
  }
  for (const std::string& path : paths) {
    const QString name = QFileInfo(QString::fromStdString(path)).completeBaseName();
    for (const QSize size : {QSize(1280, 800), QSize(2560, 1440)}) {
      for (const bool dark : {false, true}) {
        MainWindow window;
        window.resize(size);
        window.UseTheme(dark);
        window.show();
        window.Open(QString::fromStdString(path));
        WaitForRun(window);
        if (!window.GetSession().Journey()) window.FollowFirstPacket();
        window.GetSession().SetStep(step);
        const auto save = [&](const QString& view, QWidget& what) {
          const QString file = out.filePath(QStringLiteral("%1-%2-%3-%4.png")
                                                .arg(name, view)
                                                .arg(size.width())
                                                .arg(dark ? QStringLiteral("dark") : QStringLiteral("light")));
          const bool isSaved = what.grab().save(file);
          if (isSaved)
            fmt::print("{}\n", file.toStdString());
          else
            fmt::print(stderr, "overlaysim-gui-shots: {} cannot be written\n", file.toStdString());
          return isSaved;
        };
        for (const QString& view : window.ViewNames()) {
          if (!only.empty() && view.toStdString() != only) continue;
          const QByteArray docks = window.saveState();
          window.ShowView(view);
          Settle(150);
          if (!save(view, window)) return 1;
          window.restoreState(docks);
        }
        std::unique_ptr<QWidget> dialog;
        for (const Scene& scene : Scenes(dialog)) {
          if (!window.GetSession().Run()) break;
          QWidget* what = scene.show(window);
          if (!only.empty() && only != scene.name) continue;
          Settle(300);
          if (!save(QString::fromLatin1(scene.name), *what)) return 1;
        }
      }
    }
  }
  return 0;
}
