#include "gui/app/main_window.h"

#include <QAction>
#include <QApplication>
#include <QCloseEvent>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QInputDialog>
#include <QLabel>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QPlainTextEdit>
#include <QProgressBar>
#include <QProgressDialog>
#include <QPushButton>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolBar>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "gui/app/event_dialog.h"
#include "gui/app/welcome.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/canvas/outline_view.h"
#include "gui/views/canvas/show_panel.h"
#include "gui/views/editor/scenario_editor.h"
#include "gui/views/format.h"
#include "gui/views/inspect/command_palette.h"
#include "gui/views/inspect/flow_table.h"
#include "gui/views/inspect/link_inspector.h"
#include "gui/views/inspect/node_inspector.h"
#include "gui/views/inspect/plot_view.h"
#include "gui/views/journey/compare_view.h"
#include "gui/views/journey/journey_view.h"
#include "gui/views/journey/ladder_view.h"
#include "gui/views/journey/quiz_view.h"
#include "gui/views/packets/filter_bar.h"
#include "gui/views/packets/packets_view.h"
#include "gui/views/theme.h"
#include "gui/views/timeline/timeline_view.h"

namespace overlaysim::app {
namespace {

constexpr int kExitOk = 0, kExitFailed = 1, kExitUsage = 2, kExitInterrupted = 4;  // of overlaysim, docs
constexpr QSize kLeastDock(220, 80);
constexpr int kLiveAfterMs = 1000;         // a run that takes longer is looked at while it goes on
constexpr uint64_t kFirstRecords = 20000;  // among which the first packet of the traffic is looked for

QString ScenarioFilter() { return QObject::tr("Scenarios (*.json *.jsonc);;All files (*)"); }

}  // namespace

MainWindow::MainWindow(QWidget* parent) : QMainWindow(parent), m_process(this) {
  setObjectName(QStringLiteral("window"));
  setAcceptDrops(true);
  setDockNestingEnabled(true);
  setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
  auto* centre = new QWidget(this);
  auto* column = new QVBoxLayout(centre);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);
  m_message = new QLabel(centre);
  m_message->setWordWrap(true);
  m_message->setMargin(8);
  m_message->setTextInteractionFlags(Qt::TextBrowserInteraction);
  m_message->setAccessibleName(tr("Message"));
  m_message->hide();
  connect(m_message, &QLabel::linkActivated, this, [this] {
    m_asked.reset();
    m_message->hide();
  });
  m_canvas = new views::CanvasView(m_session, centre);
  column->addWidget(m_message);
  column->addWidget(m_canvas, 1);
  setCentralWidget(centre);

  m_timeline = new views::TimelineView(m_session, this);
  auto* time = new QToolBar(tr("Time"), this);
  time->setObjectName(QStringLiteral("time"));
  time->setMovable(false);
  time->addWidget(m_timeline);
  addToolBar(Qt::BottomToolBarArea, time);
  setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);

  m_status = new QLabel(this);
  m_progress = new QProgressBar(this);
  m_progress->setMaximumWidth(220);
  m_progress->setAccessibleName(tr("Progress of the run"));
  m_cancel = new QPushButton(tr("Cancel"), this);
  statusBar()->addWidget(m_status, 1);
  statusBar()->addPermanentWidget(m_progress);
  statusBar()->addPermanentWidget(m_cancel);
  m_progress->hide();
  m_cancel->hide();
  connect(m_cancel, &QPushButton::clicked, this, &MainWindow::Cancel);

  MakeDocks();
  MakeActions();

  connect(&m_process, &RunProcess::Ended, this, &MainWindow::ShowEnd);
  connect(&m_process, &RunProcess::Progressed, this, &MainWindow::ShowProgress);
  connect(&m_session, &views::Session::Failed, this, &MainWindow::Tell);
  connect(&m_session, &views::Session::RunChanged, this, &MainWindow::RunShown);
  connect(&m_session, &views::Session::SelectionChanged, this, &MainWindow::TakeOtherEnd);
  connect(m_editor, &views::ScenarioEditor::Changed, this, &MainWindow::UpdateTitle);
  connect(m_canvas, &views::CanvasView::MenuRequested, this, &MainWindow::ShowPlaceMenu);

  const QSettings settings;
  UseTheme(settings.value(QStringLiteral("dark"), false).toBool());
  m_stillAction->setChecked(settings.value(QStringLiteral("reduceMotion"), false).toBool());
  views::ThemeSwitch::Instance().SetMotionReduced(m_stillAction->isChecked());
  if (!restoreGeometry(settings.value(QStringLiteral("geometry")).toByteArray())) resize(1280, 800);
  m_hasOwnDocks = restoreState(settings.value(QStringLiteral("docks")).toByteArray());
  UpdateTitle();
}

MainWindow::~MainWindow() = default;

QDockWidget* MainWindow::AddDock(const QString& name, const QString& title, QWidget* view, Qt::DockWidgetArea area,
                                 const QKeySequence& key) {
  auto* dock = new QDockWidget(title, this);
  dock->setObjectName(name);
  auto* frame = new QWidget(dock);
  auto* whole = new QVBoxLayout(frame);
  whole->setContentsMargins(0, 0, 0, 0);
  whole->addWidget(view);
  dock->setWidget(frame);
  view->setAccessibleName(view->accessibleName().isEmpty() ? title : view->accessibleName());
  frame->setMinimumSize(kLeastDock);  // whatever is in it: the window fits on a small screen
  addDockWidget(area, dock);
  // A dock behind another one's tab is visible to Qt: Tab would go through controls that nobody sees.
  connect(dock, &QDockWidget::visibilityChanged, view, &QWidget::setVisible);
  auto* action = new QAction(title, this);
  action->setShortcut(key);
  action->setCheckable(true);
  connect(dock, &QDockWidget::visibilityChanged, action, &QAction::setChecked);
  connect(action, &QAction::triggered, this, [this, dock, view, action] {
    // Behind another one, or not used just now: there it is. Else it is put away.
    const bool isInUse = view->isVisible() && view->isAncestorOf(focusWidget());
    if (isInUse)
      dock->hide();
    else
      ShowView(dock->objectName()), view->setFocus(Qt::ShortcutFocusReason);
    action->setChecked(!isInUse);
  });
  m_viewActions.append(action);
  return dock;
}

void MainWindow::MakeDocks() {
  m_editor = new views::ScenarioEditor(this);
  m_journey = new views::JourneyView(m_session, this);
  m_output = new QPlainTextEdit(this);
  m_output->setReadOnly(true);
  m_output->setTabChangesFocus(true);
  m_output->setFont(views::FixedFont());

  QDockWidget* journey =
      AddDock(QStringLiteral("journey"), tr("Follow this packet"), m_journey, Qt::RightDockWidgetArea, tr("Ctrl+1"));
  QDockWidget* ladder = AddDock(QStringLiteral("ladder"), tr("Ladder"), new views::LadderView(m_session, this),
                                Qt::RightDockWidgetArea, tr("Ctrl+2"));
  QDockWidget* compare = AddDock(QStringLiteral("compare"), tr("Compare"), new views::CompareView(m_session, this),
                                 Qt::RightDockWidgetArea, tr("Ctrl+3"));
  auto* inspectors = new QStackedWidget(this);
  auto* nodes = new views::NodeInspector(m_session, inspectors);
  auto* links = new views::LinkInspector(m_session, inspectors);
  inspectors->addWidget(nodes);
  inspectors->addWidget(links);
  connect(&m_session, &views::Session::SelectionChanged, inspectors, [this, inspectors, nodes, links] {
    inspectors->setCurrentWidget(m_session.Selected().kind == views::Place::Kind::Cable ? static_cast<QWidget*>(links)
                                                                                        : nodes);
  });
  QDockWidget* inspect =
      AddDock(QStringLiteral("inspect"), tr("Inspect"), inspectors, Qt::RightDockWidgetArea, tr("Ctrl+I"));
  QDockWidget* quiz = AddDock(QStringLiteral("quiz"), tr("Quiz"), new views::QuizView(m_session, this),
                              Qt::RightDockWidgetArea, tr("Ctrl+4"));
  tabifyDockWidget(journey, inspect);
  tabifyDockWidget(inspect, ladder);
  tabifyDockWidget(ladder, compare);
  tabifyDockWidget(compare, quiz);
  journey->raise();

  auto* outline = new views::OutlineView(m_session, this);
  connect(outline, &views::OutlineView::Activated, this, [this] { m_canvas->ZoomToSelection(); });
  AddDock(QStringLiteral("outline"), tr("Outline"), outline, Qt::LeftDockWidgetArea, tr("Ctrl+5"))->hide();

  m_packets = new views::PacketsView(m_session, this);
  QDockWidget* packets =
      AddDock(QStringLiteral("packets"), tr("Packets"), m_packets, Qt::BottomDockWidgetArea, tr("Ctrl+7"));
  auto* flowTable = new views::FlowTable(m_session, this);
  connect(flowTable, &views::FlowTable::FilterRequested, this, [this](const QString& condition) {
    ShowView(QStringLiteral("packets"));
    m_packets->ApplyFilter(condition);
  });
  QDockWidget* flows =
      AddDock(QStringLiteral("flows"), tr("Flows and links"), flowTable, Qt::BottomDockWidgetArea, tr("Ctrl+8"));
  QDockWidget* editor =
      AddDock(QStringLiteral("scenario"), tr("Scenario"), m_editor, Qt::BottomDockWidgetArea, tr("Ctrl+E"));
  QDockWidget* output =
      AddDock(QStringLiteral("output"), tr("Run output"), m_output, Qt::BottomDockWidgetArea, tr("Ctrl+0"));
  QDockWidget* plot = AddDock(QStringLiteral("plot"), tr("Plot"), new views::PlotView(m_session, this),
                              Qt::BottomDockWidgetArea, tr("Ctrl+6"));
  tabifyDockWidget(packets, flows);
  tabifyDockWidget(flows, editor);
  tabifyDockWidget(editor, output);
  tabifyDockWidget(output, plot);
  for (QDockWidget* dock : {journey, inspect, ladder, compare, quiz, packets, flows, editor, output, plot})
    dock->setTitleBarWidget(new QWidget(dock));  // their tabs name them
  packets->raise();
}

void MainWindow::MakeActions() {
  QToolBar* bar = addToolBar(tr("Main"));
  bar->setObjectName(QStringLiteral("bar"));
  bar->setMovable(false);
  bar->setToolButtonStyle(Qt::ToolButtonTextOnly);
  const auto add = [this](QMenu* menu, const QString& words, const QKeySequence& key, auto&& what) {
    QAction* action = menu->addAction(words, this, what);
    action->setShortcut(key);
    return action;
  };

  QMenu* file = menuBar()->addMenu(tr("&File"));
  QAction* open = add(file, tr("&Open scenario…"), QKeySequence::Open, [this] {
    const QString path = QFileDialog::getOpenFileName(this, tr("Open a scenario"), m_editor->Path(), ScenarioFilter());
    if (!path.isEmpty()) Open(path);
  });
  add(file, tr("Open &run directory…"), tr("Ctrl+Shift+O"), [this] {
    const QString path = QFileDialog::getExistingDirectory(this, tr("Open a run directory"));
    if (!path.isEmpty()) Open(path);
  });
  add(file, tr("&Tutorial"), tr("Ctrl+T"), [this] { OpenWelcome(); });
  file->addSeparator();
  add(file, tr("&Save scenario"), QKeySequence::Save, [this] {
    const QString problem = m_editor->Save();
    if (!problem.isEmpty()) Tell(problem);
  });
  add(file, tr("Save scenario &as…"), QKeySequence::SaveAs, [this] {
    const QString path =
        QFileDialog::getSaveFileName(this, tr("Save the scenario"), m_editor->Path(), ScenarioFilter());
    if (path.isEmpty()) return;
    const QString problem = m_editor->SaveAs(path);
    if (!problem.isEmpty()) Tell(problem);
  });
  file->addSeparator();
  m_exportMenu = file->addMenu(tr("&Export"));
  add(m_exportMenu, tr("&Picture of the network (PNG, SVG, PDF)…"), tr("Ctrl+P"), [this] { ExportPicture(); });
  add(m_exportMenu, tr("&Frames for a video…"), {}, [this] { ExportFrames(); });
  add(m_exportMenu, tr("&Journey as a page (HTML)…"), {}, [this] { m_journey->SaveHtml(); });
  file->addSeparator();
  add(file, tr("&Quit"), QKeySequence::Quit, [this] { close(); });

  QMenu* run = menuBar()->addMenu(tr("&Run"));
  m_runAction = add(run, tr("&Run the scenario"), QKeySequence(Qt::Key_F5), [this] { Run(); });
  add(run, tr("&Cancel the run"), QKeySequence(Qt::SHIFT | Qt::Key_F5), [this] { Cancel(); });
  add(run, tr("&Follow the first packet"), tr("Ctrl+F5"), [this] { FollowFirstPacket(); });

  m_viewMenu = menuBar()->addMenu(tr("&View"));
  m_viewMenu->addActions(m_viewActions);
  m_viewMenu->addSeparator();
  m_darkAction = add(m_viewMenu, tr("&Dark"), tr("Ctrl+D"), [this] { UseTheme(m_darkAction->isChecked()); });
  m_darkAction->setCheckable(true);
  m_stillAction = add(m_viewMenu, tr("&Reduce motion"), {}, [this] {
    views::ThemeSwitch::Instance().SetMotionReduced(m_stillAction->isChecked());
    QSettings().setValue(QStringLiteral("reduceMotion"), m_stillAction->isChecked());
  });
  m_stillAction->setCheckable(true);
  m_viewMenu->addSeparator();
  const auto lens = [this](views::Lens which) { return [this, which] { m_canvas->SetLens(which); }; };
  add(m_viewMenu, tr("Network: &underlay"), tr("Alt+1"), lens(views::Lens::Underlay));
  add(m_viewMenu, tr("Network: o&verlay"), tr("Alt+2"), lens(views::Lens::Overlay));
  add(m_viewMenu, tr("Network: f&lows"), tr("Alt+3"), lens(views::Lens::Flows));
  add(m_viewMenu, tr("Network: &what is shown"), tr("Ctrl+H"),
      [this] { m_canvas->SetListShown(!m_canvas->List().isVisible()); });
  add(m_viewMenu, tr("&Filter packets"), tr("Ctrl+F"), [this] {
    ShowView(QStringLiteral("packets"));
    m_packets->Filter()->Focus();
  });
  add(m_viewMenu, tr("Packets: filters and &colours…"), {}, [this] { m_packets->ManageFilters(); });

  QMenu* help = menuBar()->addMenu(tr("&Help"));
  add(help, tr("&Keys"), QKeySequence::HelpContents, [this] { ShowKeys(); });
  add(help, tr("&About overlaysim"), {}, [this] { ShowAbout(); });

  m_palette = new views::CommandPalette(m_session, this);
  connect(m_palette, &views::CommandPalette::FlowChosen, this, [this](quint32 flow) {
    ShowView(QStringLiteral("packets"));
    m_packets->ApplyFilter(QStringLiteral("sim.flow == %1").arg(flow));
  });
  for (QAction* action : findChildren<QAction*>())
    if (!action->text().isEmpty() && !action->menu())
      m_palette->AddAction(action->text().remove(u'&').remove(u'…'), [action] { action->trigger(); });
  add(m_viewMenu, tr("&Go to…"), tr("Ctrl+K"), [this] { m_palette->Open(); });

  bar->addAction(open);
  bar->addAction(m_runAction);
  m_runs = new QComboBox(bar);
  m_runs->setAccessibleName(tr("Runs of this window"));
  m_runs->setToolTip(tr("Runs of this window; the newest is the last"));
  m_runs->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  m_runs->setEnabled(false);
  bar->addWidget(m_runs);
  connect(m_runs, &QComboBox::activated, this, [this](int index) {
    if (index < 0 || size_t(index) >= m_past.size()) return;
    const qint64 time = m_session.Time();
    const QString problem = m_session.Open(m_past[size_t(index)].directory.toStdString());
    if (!problem.isEmpty()) return Tell(problem);
    m_session.SetTime(time);
  });
}

bool MainWindow::ShowView(const QString& name) {
  auto* dock = findChild<QDockWidget*>(name);
  if (!dock) return false;
  dock->show();
  dock->raise();
  return true;
}

QStringList MainWindow::ViewNames() const {
  QStringList names;
  for (const QDockWidget* dock : findChildren<QDockWidget*>()) names.append(dock->objectName());
  return names;
}

void MainWindow::Open(const QString& path) {
  if (QFileInfo(path).isDir()) return OpenRun(path, QFileInfo(path).fileName());
  if (QFileInfo(path).fileName() == QLatin1String("manifest.json")) return Open(QFileInfo(path).absolutePath());
  OpenScenario(path);
}

void MainWindow::OpenScenario(const QString& path) {
  if (!MayDiscard()) return;
  const QString problem = m_editor->Open(path);
  if (!problem.isEmpty()) return Tell(problem);
  Run();
}

void MainWindow::OpenWelcome() {
  if (!MayDiscard()) return;
  m_editor->New(QDir::home().filePath(QStringLiteral("two-nodes.json")), WelcomeScenario());
  Run();
}

void MainWindow::OpenRun(const QString& directory, const QString& label) {
  const QString problem = m_session.Open(directory.toStdString());
  if (!problem.isEmpty()) return Tell(problem);
  m_past.push_back({directory, label});
  m_runs->addItem(label);
  m_runs->setCurrentIndex(m_runs->count() - 1);
  m_runs->setEnabled(true);
  m_message->hide();
  QStringList warnings;
  for (const std::string& warning : m_session.Run()->Warnings()) warnings.append(QString::fromStdString(warning));
  if (!warnings.isEmpty()) Tell(warnings.join(QLatin1Char(' ')));
}

QString MainWindow::NewRunDirectory() {
  if (!m_runsDirectory)
    m_runsDirectory = std::make_unique<QTemporaryDir>(QDir::temp().filePath(QStringLiteral("overlaysim-XXXXXX")));
  const QString name = QFileInfo(m_editor->Path()).completeBaseName();
  return QDir(m_runsDirectory->path())
      .filePath(QStringLiteral("%1-%2").arg(name.isEmpty() ? tr("scenario") : name).arg(++m_runNumber));
}

void MainWindow::Run() {
  if (m_process.IsRunning()) return Tell(tr("A run is under way; cancel it first."));
  if (m_editor->Text().trimmed().isEmpty()) return Tell(tr("There is no scenario to run: open one first."));
  m_elapsed.start();
  m_runAction->setEnabled(false);
  m_progress->setRange(0, 0);
  m_progress->show();
  m_cancel->show();
  m_status->setText(tr("running…"));
  m_isLive = false;
  m_process.Start(m_editor->Path(), m_editor->Text(), NewRunDirectory());
}

void MainWindow::Cancel() { m_process.Cancel(); }

void MainWindow::ShowProgress(qint64 simulatedNs, qint64 expectedEndNs, quint64 events) {
  if (!m_isLive && m_elapsed.elapsed() > kLiveAfterMs) ShowLive();
  const double seconds = std::max(1e-3, static_cast<double>(m_elapsed.elapsed()) / 1000);
  QString text = tr("%1 simulated, %2 events/s")
                     .arg(views::TimeText(simulatedNs),
                          views::CountText(static_cast<uint64_t>(static_cast<double>(events) / seconds)));
  if (expectedEndNs > 0 && simulatedNs > 0) {
    constexpr int kSteps = 1000;
    const double share = std::clamp(static_cast<double>(simulatedNs) / static_cast<double>(expectedEndNs), 0.0, 1.0);
    m_progress->setRange(0, kSteps);
    m_progress->setValue(static_cast<int>(share * kSteps));
    if (share > 0) text += tr(", about %1 s left").arg(seconds * (1 - share) / share, 0, 'f', 0);
  }
  m_status->setText(text);
}

void MainWindow::ShowLive() {
  if (!m_session.Open(m_process.Directory().toStdString()).isEmpty()) return;  // it has not begun to write
  m_isLive = true;
  m_timeline->SetLive(true);
}

void MainWindow::ShowEnd(int exitCode, const QString& output, const QString& errors) {
  m_progress->hide();
  m_cancel->hide();
  m_runAction->setEnabled(true);
  m_status->clear();
  m_output->setPlainText(output + errors);
  const bool hasRun = exitCode == kExitOk || exitCode == kExitFailed || exitCode == kExitInterrupted;
  if (!hasRun) {
    m_editor->Check();
    const QString why =
        exitCode == kExitUsage ? tr("The scenario cannot be run as it stands:") : tr("The run has failed:");
    Tell(why + QLatin1String("<pre>") + errors.trimmed().toHtmlEscaped() + QLatin1String("</pre>"));
    emit RunEnded(false);
    return;
  }
  const int number = m_runNumber;
  const QString name = QFileInfo(m_editor->Path()).completeBaseName();
  const bool isFirst = !m_session.Run();
  if (std::exchange(m_isLive, false)) m_timeline->SetLive(false);
  OpenRun(m_process.Directory(), tr("run %1 · %2").arg(number).arg(name));
  if (exitCode == kExitFailed) Tell(tr("An expectation of the scenario does not hold; “Run output” says which."));
  if (exitCode == kExitInterrupted) Tell(tr("The run was cancelled; this is what it had done until then."));
  if (m_timeAfterRun) {
    m_session.SetTime(*m_timeAfterRun);
    m_timeAfterRun.reset();
  } else if (isFirst) {
    FollowFirstPacket();
  }
  emit RunEnded(m_session.Run() != nullptr);
}

void MainWindow::FollowFirstPacket() {
  replay::Run* run = m_session.Run();
  if (!run || !run->HasTrace()) return;
  const uint64_t end = std::min(run->RecordCount(), kFirstRecords);
  for (uint64_t i = 0; i < end; ++i) {
    const replay::StoredRecord* stored = run->RecordAt(i);
    if (!stored) return;
    if (stored->record.stage != Stage::Send || stored->record.flow == UINT32_MAX) continue;
    m_session.Follow(stored->record.journey);
    ShowView(QStringLiteral("journey"));
    return;
  }
}

void MainWindow::RunShown() {
  UpdateTitle();
  replay::Run* run = m_session.Run();
  if (!run) return m_status->clear();
  const replay::Topology& plan = run->Plan();
  m_status->setText(tr("%1 · %2 records · %3")
                        .arg(QString::fromStdString(plan.understood), views::CountText(run->RecordCount()),
                             views::TimeText(run->EndNs())));
}

void MainWindow::Do(const document::EventWish& wish) {
  const auto edit = document::AppendItem(m_editor->Text().toStdString(), {"events"}, document::EventJson(wish));
  if (!edit)
    return Tell(m_editor->Text().isEmpty()
                    ? tr("This run directory has no scenario beside it: open the scenario first, then change it.")
                    : tr("The scenario's text is no JSON at the moment: mend it first."));
  m_editor->Apply(*edit);
  m_timeAfterRun = wish.atNs;
  Run();
}

void MainWindow::ShowPlaceMenu(const views::Place& place, const QPoint& where) {
  replay::Run* run = m_session.Run();
  if (!run) return;
  QMenu menu(this);
  for (const PlaceEvent& event : EventsFor(run->Plan(), place, m_session.Time()))
    menu.addAction(event.words + QStringLiteral("…"), this, [this, event] {
      EventDialog dialog(event.wish, event.words, event.question, this);
      if (dialog.exec() == QDialog::Accepted) Do(dialog.Wish());
    });
  menu.addSeparator();
  QMenu* group = nullptr;
  for (const PlaceEdit& edit : EditsFor(run->Plan(), place)) {
    if (!edit.group.isEmpty() && (!group || group->title() != edit.group)) group = menu.addMenu(edit.group);
    (edit.group.isEmpty() ? &menu : group)->addAction(edit.words, this, [this, edit] { Edit(edit); });
  }
  menu.exec(where);
}

void MainWindow::Edit(const PlaceEdit& edit) {
  const std::string text = m_editor->Text().toStdString();
  const auto ask = [this](const QString& title, const QString& question, const QString& proposal) {
    bool ok = false;
    const QString answer = QInputDialog::getText(this, title, question, QLineEdit::Normal, proposal, &ok);
    return ok ? answer.trimmed().toStdString() : std::string();
  };
  std::optional<document::TextEdit> change;
  switch (edit.kind) {
    case PlaceEdit::Kind::AddNode: {
      const std::string name = ask(tr("Add a node"), tr("Name"), QStringLiteral("node"));
      if (name.empty()) return;
      change = document::AppendItem(text, {"cluster", "nodes"}, document::Quoted(name));
      break;
    }
    case PlaceEdit::Kind::AddPod: {
      const std::string name = ask(edit.words, tr("Name"), QStringLiteral("pod"));
      if (name.empty()) return;
      change = document::AppendItem(text, {"cluster", "pods"}, document::PodJson(name, edit.name));
      break;
    }
    case PlaceEdit::Kind::AddTraffic:
    case PlaceEdit::Kind::Connect:
      return AskForOtherEnd(edit);
    case PlaceEdit::Kind::RemoveLink:
      change = document::RemoveLink(text, edit.name, edit.other);
      if (!change)
        return Tell(tr("This cable belongs to the underlay's plan: only those of “underlay.links” can be removed."));
      break;
    case PlaceEdit::Kind::RemoveTraffic:
      change = document::RemoveTraffic(text, edit.name, edit.other);
      if (!change)
        return Tell(tr("This traffic does not stand in the scenario by these names: it comes of a pattern."));
      break;
    case PlaceEdit::Kind::Remove:
      for (const char* list : {"pods", "nodes"})
        if (!change) change = document::RemoveNamed(text, {"cluster", list}, edit.name);
      if (!change)
        return Tell(tr("“%1” does not stand in the scenario by that name: it is generated or imported.")
                        .arg(QString::fromStdString(edit.name)));
      break;
  }
  Change(change);
}

void MainWindow::Change(const std::optional<document::TextEdit>& change) {
  if (!change) return Tell(tr("The scenario's text has no place for that; mend it first."));
  m_editor->Apply(*change);
  ShowView(QStringLiteral("scenario"));
}

void MainWindow::AskForOtherEnd(const PlaceEdit& edit) {
  const QString name = QString::fromStdString(edit.name).toHtmlEscaped();
  Tell(edit.kind == PlaceEdit::Kind::Connect
           ? tr("A cable from %1: now select the node, switch or router at its other end, or find it with Ctrl+K.")
                 .arg(name)
           : tr("Traffic from %1: now select the pod that it goes to, or find it with Ctrl+K.").arg(name));
  m_asked = edit;
}

void MainWindow::TakeOtherEnd() {
  const views::Place& place = m_session.Selected();
  replay::Run* run = m_session.Run();
  const bool isThere = place.kind == views::Place::Kind::Netns || place.kind == views::Place::Kind::Device;
  if (!m_asked || !run || !isThere || place.netns >= run->Plan().netns.size()) return;
  const replay::Topology& plan = run->Plan();
  const bool isCable = m_asked->kind == PlaceEdit::Kind::Connect;
  const replay::Netns& end = plan.netns[isCable ? plan.HostOf(place.netns) : place.netns];
  if (end.name == m_asked->name || (!isCable && end.role != replay::Role::Pod)) return;  // asked on
  const PlaceEdit edit = *std::exchange(m_asked, std::nullopt);
  m_message->hide();
  const std::string text = m_editor->Text().toStdString();
  Change(isCable ? document::AppendItem(text, {"underlay", "links"}, document::LinkJson(edit.name, end.name))
                 : document::AppendItem(text, {"traffic"}, document::TrafficJson(edit.traffic, edit.name, end.name)));
}

void MainWindow::UseTheme(bool dark) {
  views::ThemeSwitch::Instance().Use(dark ? views::Theme::Dark() : views::Theme::Light());
  m_darkAction->setChecked(dark);
  const views::Theme& theme = views::CurrentTheme();
  m_message->setStyleSheet(QStringLiteral("background: %1; color: %2; border-bottom: 1px solid %3;")
                               .arg(theme.change.name(), theme.text.name(), theme.border.name()));
  QSettings().setValue(QStringLiteral("dark"), dark);
}

void MainWindow::Tell(const QString& sentence) {
  m_asked.reset();
  m_message->setText(sentence + QStringLiteral("  <a href=\"close\">%1</a>").arg(tr("close")));
  m_message->show();
}

void MainWindow::ExportPicture() {
  const QString path = QFileDialog::getSaveFileName(this, tr("Save a picture of the network"),
                                                    QStringLiteral("network.svg"), tr("Pictures (*.svg *.pdf *.png)"));
  if (path.isEmpty()) return;
  const QString problem = m_canvas->ExportPicture(path);
  Tell(problem.isEmpty() ? tr("Saved %1.").arg(path) : problem);
}

void MainWindow::ExportFrames() {
  replay::Run* run = m_session.Run();
  if (!run) return Tell(tr("There is no run to make a film of."));
  const QString directory = QFileDialog::getExistingDirectory(this, tr("A folder for the frames"));
  if (directory.isEmpty()) return;
  const qint64 from = m_session.Time();
  const qint64 to = m_session.Journey() ? m_session.Journey()->hops.back().record.timeNs : run->EndNs();
  constexpr double kFramesPerSecond = 25, kFilmSeconds = 20;
  const qint64 span = std::max<qint64>(to - from, 1);
  QProgressDialog progress(tr("Drawing frames…"), tr("Cancel"), 0, 100, this);
  progress.setWindowModality(Qt::WindowModal);
  const QString problem = m_canvas->ExportFrames(directory, from, from + span, kFramesPerSecond,
                                                 static_cast<double>(span) / kFilmSeconds, [&progress](double done) {
                                                   progress.setValue(static_cast<int>(done * 100));
                                                   return !progress.wasCanceled();
                                                 });
  Tell(problem.isEmpty()
           ? tr("The frames are in %1; ffmpeg -framerate 25 -i frame-%06d.png makes a film of them.").arg(directory)
           : problem);
}

bool MainWindow::MayDiscard() {
  if (!m_editor->IsModified() || m_editor->Text().isEmpty() || m_editor->Text() == WelcomeScenario()) return true;
  if (!isVisible()) return true;  // nobody could be asked
  const auto answer = QMessageBox::question(this, tr("Unsaved scenario"),
                                            tr("%1 has changes that are not saved.").arg(m_editor->Path()),
                                            QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
  if (answer == QMessageBox::Save) return m_editor->Save().isEmpty();
  return answer == QMessageBox::Discard;
}

void MainWindow::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  if (std::exchange(m_hasOwnDocks, true)) return;
  resizeDocks({findChild<QDockWidget*>(QStringLiteral("journey"))}, {std::max(580, width() * 36 / 100)},
              Qt::Horizontal);
  resizeDocks({findChild<QDockWidget*>(QStringLiteral("packets"))}, {std::max(290, height() * 26 / 100)}, Qt::Vertical);
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (!MayDiscard()) return event->ignore();
  QSettings settings;
  settings.setValue(QStringLiteral("geometry"), saveGeometry());
  settings.setValue(QStringLiteral("docks"), saveState());
  event->accept();
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  const QList<QUrl> urls = event->mimeData()->urls();
  if (!urls.isEmpty() && urls.first().isLocalFile()) Open(urls.first().toLocalFile());
}

void MainWindow::UpdateTitle() {
  const QString scenario = QFileInfo(m_editor->Path()).fileName();
  const QString run =
      m_session.Run() ? QString::fromStdString(m_session.Run()->Directory().path.filename().string()) : QString();
  setWindowTitle(QStringLiteral("%1[*] – overlaysim").arg(scenario.isEmpty() ? run : scenario));
  setWindowModified(m_editor->IsModified());
}

void MainWindow::ShowKeys() {
  QString rows;
  const auto row = [&rows](const QString& key, const QString& what) {
    rows += QStringLiteral("<tr><td><b>%1</b>&nbsp;&nbsp;</td><td>%2</td></tr>")
                .arg(key.toHtmlEscaped(), what.toHtmlEscaped());
  };
  for (const QAction* action : findChildren<QAction*>())
    if (!action->shortcut().isEmpty())
      row(action->shortcut().toString(QKeySequence::NativeText), action->text().remove(u'&'));
  row(tr("→ ← (or . ,)"), tr("next and previous step of the followed packet"));
  row(tr("Home End"), tr("first and last step"));
  row(tr("F  +  −"), tr("canvas: fit, zoom in, zoom out"));
  row(tr("arrows, Enter, Esc"), tr("canvas: to the neighbour, into it, out of it"));
  row(tr("Shift+drag"), tr("canvas: zoom to a rectangle"));
  row(tr("Space"), tr("time: play and pause"));
  QMessageBox box(QMessageBox::NoIcon, tr("Keys"), QStringLiteral("<table>%1</table>").arg(rows), QMessageBox::Close,
                  this);
  box.setTextFormat(Qt::RichText);
  box.exec();
}

void MainWindow::ShowAbout() {
  QMessageBox::about(
      this, tr("About overlaysim"),
      tr("overlaysim simulates Kubernetes overlay networks packet by packet, as Linux carries them. This "
         "viewer reads what a run leaves behind, and starts overlaysim for new runs.\n\nGPL-2.0-or-later."));
}

}  // namespace overlaysim::app
