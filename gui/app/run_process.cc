#include "gui/app/run_process.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QStandardPaths>

namespace overlaysim::app {

QString FindSimulator() {
  const QString beside = QDir(QCoreApplication::applicationDirPath()).filePath(QStringLiteral("overlaysim"));
  if (QFileInfo(beside).isExecutable()) return beside;
  return QStandardPaths::findExecutable(QStringLiteral("overlaysim"));
}

RunProcess::RunProcess(QObject* parent) : QObject(parent) {
  connect(&m_process, &QProcess::readyReadStandardError, this, [this] { ReadErrors(false); });
  connect(&m_process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
    if (error == QProcess::FailedToStart) End(-1, tr("overlaysim cannot be started: %1").arg(m_process.errorString()));
  });
  connect(&m_process, &QProcess::finished, this, [this](int code, QProcess::ExitStatus status) {
    const bool died = status == QProcess::CrashExit;
    End(died ? -1 : code, died ? tr("overlaysim has ended unexpectedly; this is a fault of the program.") : QString());
  });
}

RunProcess::~RunProcess() {
  m_process.disconnect(this);
  if (!IsRunning()) return;
  m_process.terminate();
  if (!m_process.waitForFinished(2000)) m_process.kill();
  m_process.waitForFinished(1000);
}

void RunProcess::Start(const QString& path, const QString& text, const QString& directory) {
  m_directory = directory;
  m_errors.clear();
  m_unread.clear();
  const QString simulator = FindSimulator();
  if (simulator.isEmpty()) {
    QMetaObject::invokeMethod(
        this,
        [this] { emit Ended(-1, {}, tr("there is no program overlaysim, neither beside the viewer nor in PATH")); },
        Qt::QueuedConnection);
    return;
  }
  m_process.start(simulator, {QStringLiteral("run"), path, QStringLiteral("--stdin"), QStringLiteral("--progress"),
                              QStringLiteral("--out"), directory});
  m_process.write(text.toUtf8());
  m_process.closeWriteChannel();
}

void RunProcess::Cancel() {
  if (IsRunning()) m_process.terminate();
}

void RunProcess::ReadErrors(bool all) {
  m_unread += m_process.readAllStandardError();
  for (;;) {
    const qsizetype end = m_unread.indexOf('\n');
    if (end < 0 && !(all && !m_unread.isEmpty())) return;
    const QByteArray line = end < 0 ? m_unread : m_unread.left(end);
    m_unread.remove(0, end < 0 ? m_unread.size() : end + 1);
    const QJsonObject told = QJsonDocument::fromJson(line).object();
    if (told.contains(QLatin1String("simulatedNs")))
      emit Progressed(told.value(QLatin1String("simulatedNs")).toInteger(),
                      told.value(QLatin1String("expectedEndNs")).toInteger(),
                      static_cast<quint64>(told.value(QLatin1String("events")).toInteger()));
    else
      m_errors += QString::fromUtf8(line) + QLatin1Char('\n');
  }
}

void RunProcess::End(int exitCode, const QString& more) {
  ReadErrors(true);
  emit Ended(exitCode, QString::fromUtf8(m_process.readAllStandardOutput()), m_errors + more);
}

}  // namespace overlaysim::app
