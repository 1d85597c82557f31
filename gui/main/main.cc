#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <QApplication>

#include "gui/app/main_window.h"

namespace {

// As of overlaysim: the call is wrong; something that is needed is not there.
constexpr int kExitUsage = 2, kExitMissing = 3;

bool HasScreen() {
  return qEnvironmentVariableIsSet("DISPLAY") || qEnvironmentVariableIsSet("WAYLAND_DISPLAY") ||
         qEnvironmentVariableIsSet("QT_QPA_PLATFORM");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Look at what overlaysim has simulated; without a path, at a tutorial.", "overlaysim-gui");
  std::string path;
  program.add_option("PATH", path, "a run directory, or a scenario file to run");
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return program.exit(e) == 0 ? 0 : kExitUsage;
  }
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
