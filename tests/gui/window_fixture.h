#pragma once

#include <gtest/gtest.h>

#include <QApplication>
#include <QLabel>
#include <QSignalSpy>
#include <QTest>

#include "gui/app/main_window.h"

namespace overlaysim::app {

inline constexpr int kPatienceMs = 60000;  // for a run as a process of its own, on a busy machine

class Window : public ::testing::Test {
 protected:
  Window() {
    window.resize(1280, 800);
    window.show();
  }

  /// Waits for the run that has begun; whether it could be opened.
  bool RunIsShown() {
    QSignalSpy ended(&window, &MainWindow::RunEnded);
    if (!ended.wait(kPatienceMs)) return false;
    return ended.first().first().toBool();
  }

  void OpenTutorial(const char* name) {
    window.Open(QStringLiteral(OVERLAYSIM_SOURCE_DIR "/scenarios/tutorial/") + QLatin1String(name));
    ASSERT_TRUE(RunIsShown());
  }

  QString Message() const {
    for (const QLabel* label : window.findChildren<QLabel*>())
      if (label->accessibleName() == QLatin1String("Message")) return label->isVisible() ? label->text() : QString();
    return {};
  }

  MainWindow window;
};

}  // namespace overlaysim::app
