#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <QApplication>

#include "gui/app/main_window.h"

namespace {

constexpr int kExitMissing = 3;  // as of overlaysim: something that is needed is not there

bool HasScreen() {
  return qEnvironmentVariableIsSet("DISPLAY") || qEnvironmentVariableIsSet("WAYLAND_DISPLAY") ||
         qEnvironmentVariableIsSet("QT_QPA_PLATFORM");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Look at what overlaysim has simulated; without a path, at a tutorial.", "overlaysim-gui");
  std::string path;
  program.add_option("PATH", path, "a run directory, or a scenario file to run");
  CLI11_PARSE(program, argc, argv);
  if (!HasScreen()) {
    fmt::print(stderr, "overlaysim-gui: there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set)\n");
    return kExitMissing;
  }

  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("overlaysim"));
  QApplication::setApplicationName(QStringLiteral("overlaysim-gui"));
  QApplication::setStyle(QStringLiteral("Fusion"));  // the one style whose colours are the palette's
  overlaysim::app::MainWindow window;
  window.show();
  if (path.empty())
    window.OpenWelcome();
  else
    window.Open(QString::fromLocal8Bit(path.c_str()));
  return QApplication::exec();
}
