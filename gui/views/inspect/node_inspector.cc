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
constexpr size_t kChunksAtOnce = 8;   ///< between the window's events
constexpr size_t kMostLines = 20000;  ///< that a tab shows

/// When the trace begins to tell of a namespace's tables, which it does by the end.
int64_t FirstRowNs(const TableHistory& tables, uint32_t netns, int64_t endNs) {
  int64_t none = -1, some = endNs;
  while (some - none > 1) {
    const int64_t middle = none + (some - none) / 2;
    (tables.RowsAt(netns, middle).empty() ? none : some) = middle;
  }
  return some;
}

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
  m_tabs->setAccessibleName(tr("Tables of what is selected"));
  m_tabs->setDocumentMode(true);
  m_tabs->setUsesScrollButtons(true);
  const auto add = [&](const QString& name, int table) {
    auto* edit = new QPlainTextEdit(m_tabs);
    edit->setReadOnly(true);
    edit->setLineWrapMode(QPlainTextEdit::NoWrap);
    edit->setFont(FixedFont());
    edit->setTabChangesFocus(true);
    edit->setAccessibleName(name);
    edit->setFrameShape(QFrame::NoFrame);
    m_tabs->addTab(edit, name);
    m_contents.push_back({table, edit, {}});
  };
  add(tr("overview"), kOverview);
  for (int i = 0; i < static_cast<int>(replay::StateTable::Count); ++i)
    add(ToQString(replay::StateCommand(static_cast<replay::StateTable>(i))), i);
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
  m_counting.setSingleShot(true);
  m_counting.setInterval(0);
  connect(&m_counting, &QTimer::timeout, this, &NodeInspector::Refresh);
  connect(&session, &Session::RunAboutToChange, this, [this] {
    m_counting.stop();
    m_sums.reset();
    m_sumsOf.reset();
  });
  connect(m_tabs, &QTabWidget::currentChanged, this, &NodeInspector::Refresh);
  connect(&session, &Session::SelectionChanged, this, &NodeInspector::FollowSelection);
  connect(&session, &Session::TimeChanged, this, &NodeInspector::Refresh);
  connect(&session, &Session::RunChanged, this, [this] {
    m_netns.reset();
    m_tabsOf.reset();
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
  if (m_tabsOf != m_netns) ChooseTabs();
  for (Tab& tab : m_contents)
    if (tab.edit == m_tabs->currentWidget()) RefreshTab(tab);
}

void NodeInspector::ChooseTabs() {
  m_tabsOf = m_netns;
  replay::Run& run = *m_session.Run();
  const TableHistory* tables = run.Tables();
  const auto isEmptyAt = [&](replay::StateTable table, int64_t timeNs) {
    return !tables || replay::StateAt(*tables, *m_netns, table, timeNs).empty();
  };
  const QSignalBlocker quiet(m_tabs);
  for (const Tab& tab : m_contents) {
    // Links, addresses, routes, neighbours and FDBs always have a tab, others if there is something in them.
    if (tab.table <= static_cast<int>(replay::StateTable::Fdb)) continue;
    const auto table = static_cast<replay::StateTable>(tab.table);
    m_tabs->setTabVisible(m_tabs->indexOf(tab.edit), !isEmptyAt(table, 0) || !isEmptyAt(table, run.EndNs()));
  }
}

void NodeInspector::RefreshTab(Tab& tab) {
  using Change = replay::StateLine::Change;
  replay::Run* run = m_session.Run();
  std::vector<replay::StateLine> lines;
  const bool isMarked = tab.table >= 0 && m_since.has_value();
  QString text;
  if (tab.table == kOverview) {
    text = Overview();
  } else if (tab.table == kCounters) {
    text = Counters();
  } else if (const TableHistory* tables = run->Tables()) {
    lines = replay::StateAt(*tables, *m_netns, static_cast<replay::StateTable>(tab.table), m_session.Time(), m_since);
    const size_t count = lines.size();
    tab.plain = QString::fromStdString(replay::StateText(lines));
    if (count > kMostLines) lines.resize(kMostLines);
    if (count > 0)
      text = QString::fromStdString(replay::StateText(lines, isMarked));
    else if (!tables->RowsAt(*m_netns, m_session.Time()).empty())
      text = tr("(no entries)");
    else if (tables->RowsAt(*m_netns, run->EndNs()).empty())
      text =
          tr("Nothing came here in this run, so the trace does not tell of its tables.\n"
             "\"overlaysim show\" prints them.");
    else
      text = tr("Nothing has come here yet at this time: the trace tells of the tables from %1 on.")
                 .arg(ExactTimeText(FirstRowNs(*tables, *m_netns, run->EndNs())));
    if (count > kMostLines) text += tr("… %1 more lines").arg(CountText(count - kMostLines));
  } else {
    text = run->HasTrace() ? QString::fromStdString(run->Error())
                           : tr("This run has no trace: its tables over time are not recorded.");
  }
  if (tab.table < 0) tab.plain = text;
  if (text.endsWith(QLatin1Char('\n'))) text.chop(1);
  if (text != tab.edit->toPlainText()) {
    const int scrolled = tab.edit->verticalScrollBar()->value(), across = tab.edit->horizontalScrollBar()->value();
    tab.edit->setPlainText(text);
    tab.edit->verticalScrollBar()->setValue(scrolled);
    tab.edit->horizontalScrollBar()->setValue(across);
  }
  QList<QTextEdit::ExtraSelection> marks;
  for (size_t i = 0; isMarked && i < lines.size(); ++i) {
    if (lines[i].change == Change::Same) continue;
    QTextEdit::ExtraSelection mark;
    mark.cursor = QTextCursor(tab.edit->document()->findBlockByNumber(static_cast<int>(i)));
    mark.format.setProperty(QTextFormat::FullWidthSelection, true);
    mark.format.setBackground(CurrentTheme().change);
    marks << mark;
    if (lines[i].change != Change::Removed) continue;
    mark.cursor.select(QTextCursor::LineUnderCursor);
    mark.format.clearProperty(QTextFormat::FullWidthSelection);
    mark.format.setFontStrikeOut(true);
    marks << mark;
  }
  tab.edit->setExtraSelections(marks);
}

QString NodeInspector::Overview() const {
  QStringList lines;
  const auto add = [&](const QString& text) { lines << text; };
  const replay::Topology& plan = m_session.Run()->Plan();
  const replay::Netns& netns = plan.netns[*m_netns];
  const auto named = [&](uint32_t id) { return ToQString(plan.netns[id].name); };
  if (const uint32_t host = plan.HostOf(*m_netns); host != *m_netns && host < plan.netns.size()) {
    add(tr("runs on        %1").arg(named(host)));
    if (netns.isShared) add(tr("network        the node's own (hostNetwork)"));
  }
  if (const uint32_t rack = plan.RackOf(*m_netns); rack < plan.netns.size())
    add(tr("connected to   %1").arg(named(rack)));
  for (const uint32_t label : netns.labels)
    add(tr("label          %1=%2").arg(ToQString(plan.labels[label].key), ToQString(plan.labels[label].value)));
  const RunFacts* facts = m_session.Facts().get();
  for (const replay::Device& device : netns.devices) {
    if (device.name == "lo") continue;
    QString text = QStringLiteral("%1 mtu %2  %3")
                       .arg(ToQString(device.name).leftJustified(14))
                       .arg(facts ? facts->links.MtuAt(*m_netns, device, m_session.Time()) : device.mtu, -6)
                       .arg(ToQString(device.mac));
    for (const std::string& address : device.addresses) text += QStringLiteral("  ") + ToQString(address);
    if (!device.master.empty()) text += tr("  port of %1").arg(ToQString(device.master));
    if (!device.kind.empty()) text += QStringLiteral("  ") + ToQString(device.kind);
    if (device.vni) text += tr(" vni %1").arg(*device.vni);
    if (device.port != 0) text += tr(" port %1").arg(device.port);
    if (device.peer && *m_netns != device.peer->netns)
      text += tr("  to %1").arg(
          QString::fromStdString(m_session.Run()->PlaceName(device.peer->netns, device.peer->ifindex)));
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
    if (static_cast<size_t>(lines.size()) > kMostLines) break;
  }
  return lines.join(QLatin1Char('\n'));
}

QString NodeInspector::Counters() {
  replay::Run& run = *m_session.Run();
  if (m_sumsOf != m_netns) {
    m_sums.emplace(run, *m_netns);
    m_sumsOf = m_netns;
  }
  if (!m_sums->CanTell(m_session.Time()) && m_sums->ReadMore(kChunksAtOnce)) m_counting.start();
  if (m_counting.isActive() && !m_sums->CanTell(m_session.Time()))
    return tr("reading the trace: %1 %").arg(static_cast<int>(m_sums->Progress() * 100));
  const std::optional<TraceCounts> counts = m_sums->At(m_session.Time());
  if (!counts) return tr("This run has no trace that can be read.");
  QString text = tr("packets' steps up to this time, by device and what became of them\n");
  for (const auto& [key, count] : *counts) {
    const QString device = key.ifindex == 0
                               ? tr("(no device)")
                               : ToQString(run.PlaceName(key.netns, key.ifindex)).section(QLatin1Char('/'), -1);
    text += QStringLiteral("%1 %2 %3%4  %5\n")
                .arg(device.leftJustified(16), CountText(count).rightJustified(12),
                     IsDrop(key.verdict) ? QStringLiteral("✗ ") : QStringLiteral("  "),
                     QString::fromUtf8(VerdictName(key.verdict)).leftJustified(20),
                     QString::fromUtf8(VerdictCondition(key.verdict)));
  }
  return text;
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
    if (tab.edit == m_tabs->currentWidget()) QGuiApplication::clipboard()->setText(tab.plain);
}

}  // namespace overlaysim::views
