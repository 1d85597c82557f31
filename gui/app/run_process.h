#pragma once

#include <QByteArray>
#include <QObject>
#include <QProcess>
#include <QString>
#include <QStringList>

namespace overlaysim::app {

/// Where the simulator is: beside this program, else in PATH; "" when it is in neither.
QString FindSimulator();

/// Runs a scenario with `overlaysim run` as a process of its own. One at a time.
class RunProcess : public QObject {
  Q_OBJECT
 public:
  explicit RunProcess(QObject* parent = nullptr);
  ~RunProcess() override;

  /// Runs `text` as if it stood in the file `path`; the run directory is `directory`.
  void Start(const QString& path, const QString& text, const QString& directory);
  void Cancel();  ///< as Ctrl+C does: the files stay readable
  bool IsRunning() const { return m_process.state() != QProcess::NotRunning; }
  const QString& Directory() const { return m_directory; }

 signals:
  void Progressed(qint64 simulatedNs, qint64 expectedEndNs, quint64 events);
  /// @param exitCode of `overlaysim run`; -1: it could not be started or died
  void Ended(int exitCode, const QString& output, const QString& errors);

 private:
  void ReadErrors(bool all);
  void End(int exitCode, const QString& more);

  QProcess m_process;
  QString m_directory, m_errors;
  QByteArray m_unread;
};

}  // namespace overlaysim::app
