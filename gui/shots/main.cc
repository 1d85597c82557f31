// Takes pictures of every view, for people who look at them: ./dev screenshots.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <QApplication>
#include <QDir>
#include <QDockWidget>
#include <QElapsedTimer>
#include <QStandardPaths>
#include <QThreadPool>

#include "gui/app/main_window.h"
#include "gui/views/canvas/canvas_view.h"

namespace {

using overlaysim::app::MainWindow;

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
  QApplication::setStyle(QStringLiteral("Fusion"));
  CLI::App program("Takes pictures of the viewer.", "overlaysim-gui-shots");
  std::string directory = "build/screenshots", only;
  std::vector<std::string> paths;
  int step = 12;
  program.add_option("PATH", paths, "scenarios or run directories")->required();
  program.add_option("--out", directory, "where the pictures go");
  program.add_option("--view", only, "this view only");
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
        for (const QString& view : window.ViewNames()) {
          if (!only.empty() && view.toStdString() != only) continue;
          const bool wasHidden = window.findChild<QDockWidget*>(view)->isHidden();
          window.ShowView(view);
          Settle(150);
          const QString file = out.filePath(QStringLiteral("%1-%2-%3-%4.png")
                                                .arg(name, view)
                                                .arg(size.width())
                                                .arg(dark ? QStringLiteral("dark") : QStringLiteral("light")));
          if (!window.grab().save(file)) {
            fmt::print(stderr, "overlaysim-gui-shots: {} cannot be written\n", file.toStdString());
            return 1;
          }
          fmt::print("{}\n", file.toStdString());
          if (wasHidden) window.findChild<QDockWidget*>(view)->hide();
        }
      }
    }
  }
  return 0;
}
