#include "gui/views/inspect/node_inspector.h"

#include <QClipboard>
#include <QComboBox>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QTabWidget>
#include <QTextBlock>
#include <QToolButton>
#include <QVBoxLayout>

#include "gui/views/format.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr int kOverview = -1, kCounters = -2;
constexpr size_t kMostLines = 20000;  ///< that a tab shows

QString ToQString(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

}  // namespace

NodeInspector::NodeInspector(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setAccessibleName(tr("Inspector"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 8);
  column->setSpacing(6);
  m_title = new QLabel(this);
  m_title->setTextFormat(Qt::PlainText);
  QFont font = m_title->font();
  font.setBold(true);
  font.setPointSizeF(font.pointSizeF() * 1.2);
  m_title->setFont(font);
  m_subtitle = new QLabel(this);
  m_subtitle->setTextFormat(Qt::PlainText);
  m_subtitle->setWordWrap(true);
  m_subtitle->setForegroundRole(QPalette::PlaceholderText);
  column->addWidget(m_title);
  column->addWidget(m_subtitle);
  auto* bar = new QHBoxLayout;
  auto* label = new QLabel(tr("Mark what has changed since"), this);
  m_compare = new QComboBox(this);
  m_compare->setAccessibleName(tr("Mark what has changed since"));
  m_compare->addItem(tr("nothing"));
  m_compare->addItem(tr("the start of the run"));
  m_compare->addItem(tr("this time, from now on"));
  label->setBuddy(m_compare);
  auto* copy = new QToolButton(this);
  copy->setText(tr("Copy"));
  copy->setToolTip(tr("Copy this tab as the command would print it"));
  copy->setAutoRaise(true);
  bar->addWidget(label);
  bar->addWidget(m_compare);
  bar->addStretch(1);
  bar->addWidget(copy);
  column->addLayout(bar);
  m_tabs = new QTabWidget(this);
  m_tabs->setDocumentMode(true);
  m_tabs->setUsesScrollButtons(true);
  const auto add = [&](const QString& name, int command) {
    auto* edit = new QPlainTextEdit(m_tabs);
    edit->setReadOnly(true);
    edit->setLineWrapMode(QPlainTextEdit::NoWrap);
    edit->setFont(FixedFont());
    edit->setTabChangesFocus(true);
    edit->setAccessibleName(name);
    edit->setFrameShape(QFrame::NoFrame);
    m_tabs->addTab(edit, name);
    m_contents.push_back({command, edit, {}});
  };
  add(tr("overview"), kOverview);
  for (size_t i = 0; i < TableCommands().size(); ++i) add(TableCommands()[i].name, static_cast<int>(i));
  add(tr("counters"), kCounters);
  column->addWidget(m_tabs, 1);

  connect(copy, &QToolButton::clicked, this, &NodeInspector::CopyTab);
  connect(m_compare, &QComboBox::activated, this, [this](int choice) {
    if (choice == 2) {
      CompareWith(m_session.Time());
    } else {
      CompareWith(choice == 1 ? std::optional<int64_t>(0) : std::nullopt);
    }
  });
  connect(m_tabs, &QTabWidget::currentChanged, this, &NodeInspector::Refresh);
  connect(&session, &Session::SelectionChanged, this, &NodeInspector::FollowSelection);
  connect(&session, &Session::TimeChanged, this, &NodeInspector::Refresh);
  connect(&session, &Session::RunChanged, this, [this] {
    m_netns.reset();
    CompareWith(std::nullopt);
  });
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, &NodeInspector::Refresh);
  FollowSelection();
  Refresh();
}

void NodeInspector::CompareWith(std::optional<int64_t> timeNs) {
  m_since = timeNs;
  m_compare->setItemText(2, timeNs && *timeNs != 0 ? tr("%1").arg(TimeText(*timeNs)) : tr("this time, from now on"));
  m_compare->setCurrentIndex(!timeNs ? 0 : *timeNs == 0 ? 1 : 2);
  Refresh();
}

void NodeInspector::FollowSelection() {
  const Place& place = m_session.Selected();
  if (place.kind == Place::Kind::Netns || place.kind == Place::Kind::Device) m_netns = place.netns;
  Refresh();
}

void NodeInspector::showEvent(QShowEvent*) {
  if (m_isStale) Refresh();
}

void NodeInspector::Refresh() {
  // A hidden inspector costs nothing while time runs.
  m_isStale = !isVisible();
  replay::Run* run = m_session.Run();
  const bool isShown = run && m_netns && *m_netns < run->Plan().netns.size();
  m_tabs->setVisible(isShown);
  if (!isShown) {
    m_title->setText(tr("Nothing is selected"));
    m_subtitle->setText(tr("Select a node, pod or switch to see its links, addresses, routes, neighbours and FDBs."));
    return;
  }
  if (m_isStale) return;
  const replay::Netns& netns = run->Plan().netns[*m_netns];
  m_title->setText(ToQString(netns.name));
  m_subtitle->setText(tr("at %1").arg(ExactTimeText(m_session.Time())));
  const TableHistory* tables = run->Tables();
  for (Tab& tab : m_contents) {
    const int index = m_tabs->indexOf(tab.edit);
    if (tab.command >= 0) {
      // Commands that show nothing of this namespace need no tab; the first five always have one.
      const bool isEmpty =
          !tables ||
          LinesAt(*tables, TableCommands()[static_cast<size_t>(tab.command)], *m_netns, m_session.Time(), {}).empty();
      m_tabs->setTabVisible(index, tab.command < 5 || !isEmpty);
    }
    if (tab.edit == m_tabs->currentWidget()) RefreshTab(tab);
  }
}

void NodeInspector::RefreshTab(Tab& tab) {
  replay::Run* run = m_session.Run();
  if (tab.command == kOverview) {
    tab.lines = Overview();
  } else if (tab.command == kCounters) {
    tab.lines = Counters();
  } else if (const TableHistory* tables = run->Tables()) {
    tab.lines =
        LinesAt(*tables, TableCommands()[static_cast<size_t>(tab.command)], *m_netns, m_session.Time(), m_since);
  } else {
    tab.lines = {{run->HasTrace() ? QString::fromStdString(run->Error())
                                  : tr("this run has no trace: tables over time are not recorded"),
                  TableLine::Change::Same,
                  {}}};
  }
  const size_t count = tab.lines.size();
  if (count > kMostLines) tab.lines.resize(kMostLines);
  const bool hasSigns = tab.command >= 0 && m_since.has_value();
  QString text = TextOf(tab.lines, hasSigns);
  if (count == 0) text = tr("(no entries)");
  if (count > kMostLines) text += tr("\n… %1 more lines").arg(CountText(count - kMostLines));
  if (text != tab.edit->toPlainText()) {
    const int scrolled = tab.edit->verticalScrollBar()->value(), across = tab.edit->horizontalScrollBar()->value();
    tab.edit->setPlainText(text);
    tab.edit->verticalScrollBar()->setValue(scrolled);
    tab.edit->horizontalScrollBar()->setValue(across);
  }
  QList<QTextEdit::ExtraSelection> marks;
  for (size_t i = 0; hasSigns && i < tab.lines.size(); ++i) {
    if (tab.lines[i].change == TableLine::Change::Same) continue;
    QTextEdit::ExtraSelection mark;
    mark.cursor = QTextCursor(tab.edit->document()->findBlockByNumber(static_cast<int>(i)));
    mark.format.setProperty(QTextFormat::FullWidthSelection, true);
    mark.format.setBackground(CurrentTheme().change);
    mark.format.setFontStrikeOut(tab.lines[i].change == TableLine::Change::Removed);
    marks << mark;
    if (tab.lines[i].change == TableLine::Change::Removed) {
      mark.cursor.select(QTextCursor::LineUnderCursor);
      mark.format.clearProperty(QTextFormat::FullWidthSelection);
      marks << mark;
    }
  }
  tab.edit->setExtraSelections(marks);
}

std::vector<TableLine> NodeInspector::Overview() const {
  std::vector<TableLine> lines;
  const auto add = [&](const QString& text) { lines.push_back({text, TableLine::Change::Same, {}}); };
  const replay::Topology& plan = m_session.Run()->Plan();
  const replay::Netns& netns = plan.netns[*m_netns];
  const auto named = [&](uint32_t id) { return ToQString(plan.netns[id].name); };
  if (const uint32_t host = plan.HostOf(*m_netns); host != *m_netns && host < plan.netns.size()) {
    add(tr("runs on        %1").arg(named(host)));
    if (netns.isShared) add(tr("network        the node's own (hostNetwork)"));
  }
  if (const uint32_t rack = plan.RackOf(*m_netns); rack < plan.netns.size())
    add(tr("connected to   %1").arg(named(rack)));
  for (const replay::Device& device : netns.devices) {
    if (device.name == "lo") continue;
    QString text = QStringLiteral("%1 mtu %2  %3")
                       .arg(ToQString(device.name).leftJustified(14))
                       .arg(device.mtu, -6)
                       .arg(ToQString(device.mac));
    for (const std::string& address : device.addresses) text += QStringLiteral("  ") + ToQString(address);
    if (!device.master.empty()) text += tr("  port of %1").arg(ToQString(device.master));
    add(text);
  }
  const std::span<const uint32_t> pods = plan.PodsOf(*m_netns);
  if (!pods.empty()) {
    add({});
    add(tr("pods (%1)").arg(pods.size()));
    for (const uint32_t pod : pods) {
      QString text = QStringLiteral("  ") + named(pod);
      for (const replay::Device& device : plan.netns[pod].devices)
        if (device.name != "lo" && !device.addresses.empty())
          text = text.leftJustified(34) + QStringLiteral("  ") + ToQString(device.addresses.front());
      add(text);
    }
  }
  bool hasTraffic = false;
  for (const replay::Workload& workload : plan.workloads) {
    if (workload.from != m_netns && workload.to != m_netns) continue;
    if (!hasTraffic) {
      add({});
      add(tr("traffic"));
      hasTraffic = true;
    }
    add(tr("  %1, from %2").arg(ToQString(workload.name), TimeText(workload.startNs)));
    if (lines.size() > kMostLines) break;
  }
  return lines;
}

std::vector<TableLine> NodeInspector::Counters() const {
  replay::Run& run = *m_session.Run();
  const std::optional<TraceCounts> counts = CountersAt(run, *m_netns, m_session.Time());
  if (!counts) return {{tr("this run has no trace that can be read"), TableLine::Change::Same, {}}};
  std::vector<TableLine> lines;
  lines.push_back(
      {tr("packets' stages, up to this time, by device and what became of them"), TableLine::Change::Same, {}});
  for (const auto& [key, count] : *counts) {
    const bool isDrop = IsDrop(key.verdict);
    const QString device = key.ifindex == 0
                               ? tr("(no device)")
                               : ToQString(run.PlaceName(key.netns, key.ifindex)).section(QLatin1Char('/'), -1);
    lines.push_back({QStringLiteral("%1 %2 %3%4  %5")
                         .arg(device.leftJustified(16), CountText(count).rightJustified(12),
                              isDrop ? QStringLiteral("✗ ") : QStringLiteral("  "),
                              QString::fromUtf8(VerdictName(key.verdict)).leftJustified(20),
                              QString::fromUtf8(VerdictCondition(key.verdict))),
                     TableLine::Change::Same,
                     {}});
  }
  return lines;
}

bool NodeInspector::ShowTab(const QString& name) {
  for (int i = 0; i < m_tabs->count(); ++i) {
    if (m_tabs->tabText(i) != name || !m_tabs->isTabVisible(i)) continue;
    m_tabs->setCurrentIndex(i);
    return true;
  }
  return false;
}

QString NodeInspector::CurrentText() const {
  return m_contents[static_cast<size_t>(m_tabs->currentIndex())].edit->toPlainText();
}

void NodeInspector::CopyTab() {
  for (const Tab& tab : m_contents)
    if (tab.edit == m_tabs->currentWidget()) QGuiApplication::clipboard()->setText(TextOf(tab.lines, false));
}

}  // namespace overlaysim::views
