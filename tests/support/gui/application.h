#pragma once

#include <gtest/gtest.h>

#include <QApplication>
#include <QSettings>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <memory>

#include "gui/views/session.h"
#include "support/small_run.h"

namespace overlaysim::test {

/// The process's one QApplication, on the platform that draws into memory.
inline QApplication& Application() {
  static QApplication* application = [] {
    qputenv("QT_QPA_PLATFORM", "offscreen");
    qputenv("XDG_RUNTIME_DIR", "/tmp");
    static int count = 1;
    static char name[] = "test";
    static char* arguments[] = {name, nullptr};
    // Settings of its own, gone with the process.
    static const QTemporaryDir settings;
    QSettings::setDefaultFormat(QSettings::IniFormat);
    QSettings::setPath(QSettings::IniFormat, QSettings::UserScope, settings.path());
    QCoreApplication::setOrganizationName(QStringLiteral("overlaysim-test"));
    return new QApplication(count, arguments);  // lives as long as the process: widgets of static objects need it
  }();
  return *application;
}

/// A session in which a small run is open.
class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : m_application(Application()) {}

  void Open(const SmallRunOptions& options = {}) {
    m_run = std::make_unique<SmallRun>(options);
    const QString error = m_session.Open(m_run->Path());
    ASSERT_TRUE(error.isEmpty()) << error.toStdString();
  }
  /// Follows the first packet of the first flow.
  void FollowFirst() {
    for (uint64_t i = 0; i < m_session.Run()->RecordCount(); ++i) {
      const TraceRecord& record = m_session.Run()->RecordAt(i)->record;
      if (record.stage != Stage::Send || record.flow == 0xffffffff) continue;
      m_session.Follow(record.journey);
      break;
    }
    ASSERT_NE(m_session.Journey(), nullptr);
  }
  /// The first step of that stage; -1: none.
  int StepAt(Stage stage) const {
    const auto& hops = m_session.Journey()->hops;
    for (size_t i = 0; i < hops.size(); ++i)
      if (hops[i].record.stage == stage) return static_cast<int>(i);
    return -1;
  }

  QApplication& m_application;
  std::unique_ptr<SmallRun> m_run;
  views::Session m_session;
};

}  // namespace overlaysim::test
