#pragma once

#include <QElapsedTimer>
#include <QMainWindow>
#include <QTemporaryDir>
#include <memory>

#include "gui/app/place_menu.h"
#include "gui/app/run_process.h"
#include "gui/views/session.h"

class QAction;
class QComboBox;
class QDockWidget;
class QLabel;
class QPlainTextEdit;
class QProgressBar;
class QPushButton;

namespace overlaysim::views {
class CanvasView;
class CommandPalette;
class JourneyView;
class PacketsView;
class TimelineView;
class ScenarioEditor;
}  // namespace overlaysim::views

namespace overlaysim::app {

/// The viewer's window: one scenario, its runs, and all views of the run that is looked at.
class MainWindow : public QMainWindow {
  Q_OBJECT
 public:
  explicit MainWindow(QWidget* parent = nullptr);
  ~MainWindow() override;

  views::Session& GetSession() { return m_session; }
  views::ScenarioEditor& Editor() { return *m_editor; }
  views::CanvasView& Canvas() { return *m_canvas; }
  bool IsRunning() const { return m_process.IsRunning(); }
  /// Raises the view of that object name ("journey", "packets", ...), as View > ... does. False: there is none.
  bool ShowView(const QString& name);
  QStringList ViewNames() const;

 public slots:
  /// A run directory or a scenario file; the latter is run at once.
  void Open(const QString& path);
  void OpenWelcome();  ///< the tutorial scenario that comes with the program
  void Run();          ///< the scenario as it stands in the editor
  void Cancel();
  /// Adds the event to the scenario's text and runs it; the view stays at the event's time.
  void Do(const overlaysim::document::EventWish& wish);
  void FollowFirstPacket();
  void UseTheme(bool dark);
  void Tell(const QString& sentence);  ///< in the window, until it is clicked away or something else is said

 signals:
  void RunEnded(bool shown);  ///< a run of Run() has ended; whether its directory is open now

 protected:
  void showEvent(QShowEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  struct PastRun {
    QString directory, label;
  };

  void MakeActions();
  void MakeDocks();
  QDockWidget* AddDock(const QString& name, const QString& title, QWidget* view, Qt::DockWidgetArea area,
                       const QKeySequence& key = {});
  void OpenScenario(const QString& path);
  void OpenRun(const QString& directory, const QString& label);
  void ShowEnd(int exitCode, const QString& output, const QString& errors);
  void ShowLive();
  void ShowProgress(qint64 simulatedNs, qint64 expectedEndNs, quint64 events);
  void ShowPlaceMenu(const views::Place& place, const QPoint& where);
  void Edit(const PlaceEdit& edit);
  /// The other end of a cable or of traffic: what is selected next, on the canvas, in the outline or with Ctrl+K.
  void AskForOtherEnd(const PlaceEdit& edit);
  void TakeOtherEnd();
  void Change(const std::optional<document::TextEdit>& change);
  bool MayDiscard();
  void RunShown();
  void ShowKeys();
  void ShowAbout();
  void ExportPicture();
  void ExportFrames();
  void UpdateTitle();
  QString NewRunDirectory();

  views::Session m_session;
  RunProcess m_process;
  views::CanvasView* m_canvas = nullptr;
  views::TimelineView* m_timeline = nullptr;
  views::JourneyView* m_journey = nullptr;
  views::PacketsView* m_packets = nullptr;
  views::CommandPalette* m_palette = nullptr;
  views::ScenarioEditor* m_editor = nullptr;
  QPlainTextEdit* m_output = nullptr;
  QLabel *m_message = nullptr, *m_status = nullptr;
  QProgressBar* m_progress = nullptr;
  QPushButton* m_cancel = nullptr;
  QComboBox* m_runs = nullptr;
  QAction *m_runAction = nullptr, *m_darkAction = nullptr, *m_stillAction = nullptr;
  QList<QAction*> m_viewActions;  ///< of each dock
  QMenu *m_viewMenu = nullptr, *m_exportMenu = nullptr;
  std::vector<PastRun> m_past;
  std::unique_ptr<QTemporaryDir> m_runsDirectory;  ///< of the runs of this window
  std::optional<qint64> m_timeAfterRun;            ///< where to look when the run that goes on has ended
  std::optional<PlaceEdit> m_asked;                ///< whose other end is asked for
  QElapsedTimer m_elapsed;
  int m_runNumber = 0;
  bool m_hasOwnDocks = false;  ///< as they were left, or laid out for this window
  bool m_isLive = false;       ///< the run that goes on is already looked at
};

}  // namespace overlaysim::app
