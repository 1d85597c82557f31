#include "gui/views/inspect/plot_view.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>
#include <array>
#include <set>

#include "gui/views/inspect/plot_canvas.h"

namespace overlaysim::views {
namespace {

/// Whether a record was made at the place; of a cable, at one of its ends.
bool IsAt(const TraceRecord& record, const Place& place, const replay::Topology& plan) {
  switch (place.kind) {
    case Place::Kind::None:
      return true;
    case Place::Kind::Netns:
      return record.netns == place.netns;
    case Place::Kind::Device:
      return record.netns == place.netns && record.ifindex == place.ifindex;
    case Place::Kind::Cable: {
      if (place.cable >= plan.cables.size()) return false;
      const replay::Cable& cable = plan.cables[place.cable];
      const replay::CableEnd end{record.netns, record.ifindex};
      return end == cable.a || end == cable.b;
    }
  }
  return false;
}

QString NameOf(replay::Run& run, const Place& place) {
  switch (place.kind) {
    case Place::Kind::None:
      return PlotView::tr("the whole run");
    case Place::Kind::Netns:
      return QString::fromStdString(run.PlaceName(place.netns, 0));
    case Place::Kind::Device:
      return QString::fromStdString(run.PlaceName(place.netns, place.ifindex));
    case Place::Kind::Cable:
      return place.cable < run.Plan().cables.size() ? QString::fromStdString(run.Plan().cables[place.cable].name)
                                                    : QString();
  }
  return {};
}

}  // namespace

PlotView::PlotView(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setAccessibleName(tr("Counters over time"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 8);
  auto* bar = new QHBoxLayout;
  m_title = new QLabel(this);
  m_title->setTextFormat(Qt::PlainText);
  m_choice = new QComboBox(this);
  m_choice->setAccessibleName(tr("Counter"));
  bar->addWidget(m_choice);
  bar->addWidget(m_title, 1);
  column->addLayout(bar);
  m_canvas = new PlotCanvas(this);
  column->addWidget(m_canvas, 1);
  connect(m_choice, &QComboBox::activated, this, &PlotView::Scan);
  connect(m_canvas, &PlotCanvas::TimeChosen, &session, &Session::SetTime);
  connect(&m_scan, &CounterScan::Progress, this, [this](double share) {
    m_canvas->Show(m_scan.Series());
    m_canvas->SetMessage(tr("reading the trace: %1 %").arg(static_cast<int>(share * 100)));
  });
  connect(&m_scan, &CounterScan::Finished, this, [this] {
    m_canvas->Show(m_scan.Series());
    m_canvas->SetMessage(m_session.Run() && !m_session.Run()->HasTrace() ? tr("this run has no trace") : QString());
  });
  connect(&session, &Session::SelectionChanged, this, &PlotView::FollowSelection);
  connect(&session, &Session::TimeChanged, m_canvas, &PlotCanvas::SetCursor);
  connect(&session, &Session::RunChanged, this, [this] {
    m_scan.Cancel();
    m_isStale = true;
    FollowSelection();
  });
  FollowSelection();
}

void PlotView::showEvent(QShowEvent*) {
  if (m_isStale) FollowSelection();
}

void PlotView::FollowSelection() {
  replay::Run* run = m_session.Run();
  if (!isVisible() || !run) {
    m_isStale = true;
    if (!run) {
      m_scan.Cancel();
      m_canvas->Show({});
    }
    return;
  }
  if (!m_isStale && m_place == m_session.Selected()) return;
  m_isStale = false;
  m_place = m_session.Selected();
  m_title->setText(tr("of %1").arg(NameOf(*run, m_place)));
  const QString before = m_choice->currentText();
  m_choice->clear();
  m_counters = {
      {Counter::Kind::BitsSent}, {Counter::Kind::FramesSent}, {Counter::Kind::FramesReceived}, {Counter::Kind::Drops}};
  m_choice->addItems({tr("bits sent"), tr("frames sent"), tr("frames received"), tr("drops")});
  std::set<Verdict> seen;
  if (run->Trace())
    for (const auto& [key, count] : run->Trace()->Totals())
      if (IsAt({.netns = key.netns, .ifindex = key.ifindex}, m_place, run->Plan())) seen.insert(key.verdict);
  for (const Verdict verdict : seen) {
    m_counters.push_back({Counter::Kind::Verdict, verdict});
    m_choice->addItem(verdict == Verdict::Continue ? tr("stages passed") : QString::fromUtf8(VerdictName(verdict)));
  }
  if (const int kept = m_choice->findText(before); kept >= 0) m_choice->setCurrentIndex(kept);
  Scan();
}

void PlotView::Choose(int counter) {
  if (counter < 0 || counter >= m_choice->count()) return;
  m_choice->setCurrentIndex(counter);
  Scan();
}

void PlotView::Scan() {
  replay::Run* run = m_session.Run();
  if (!run || m_choice->currentIndex() < 0) return;
  const Counter counter = m_counters[static_cast<size_t>(m_choice->currentIndex())];
  TimeSeries series;
  series.name = QStringLiteral("%1, %2").arg(m_choice->currentText(), NameOf(*run, m_place));
  if (counter.kind == Counter::Kind::BitsSent) {
    series.unit = TimeSeries::Unit::Bits;
    series.scale = 8;
  }
  m_canvas->SetCursor(m_session.Time());
  const replay::Topology* plan = &run->Plan();
  m_scan.Begin(run, {series}, [counter, plan, place = m_place](const TraceRecord& record, const CounterScan::Add& add) {
    if (!IsAt(record, place, *plan)) return;
    switch (counter.kind) {
      case Counter::Kind::FramesSent:
      case Counter::Kind::BitsSent:
        if (record.stage == Stage::Transmit && !IsDrop(record.verdict))
          add(0, counter.kind == Counter::Kind::FramesSent ? 1 : record.sizeBytes);
        break;
      case Counter::Kind::FramesReceived:
        if (record.stage == Stage::Receive) add(0, 1);
        break;
      case Counter::Kind::Drops:
        if (IsDrop(record.verdict)) add(0, 1);
        break;
      case Counter::Kind::Verdict:
        if (record.verdict == counter.verdict) add(0, 1);
        break;
    }
  });
}

}  // namespace overlaysim::views
