#include "gui/views/inspect/plot_view.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QStackedWidget>
#include <QVBoxLayout>
#include <array>
#include <memory>
#include <set>
#include <unordered_map>

#include "gui/views/inspect/distribution_canvas.h"
#include "gui/views/inspect/plot_canvas.h"

namespace overlaysim::views {
namespace {

constexpr int kSettledMs = 200;
constexpr size_t kMostUnderWay = 2'000'000;  ///< packets whose beginning is remembered at once

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

QString NameOfPlace(replay::Run& run, const Place& place) {
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
  m_choice->setSizeAdjustPolicy(QComboBox::AdjustToContents);
  m_shape = new QComboBox(this);
  m_shape->setAccessibleName(tr("How it is drawn"));
  m_shape->addItems({tr("over time"), tr("histogram"), tr("cumulative")});
  m_shape->setToolTip(tr("Over time; or how sizes, gaps and times on the way are distributed"));
  bar->addWidget(m_choice);
  bar->addWidget(m_shape);
  bar->addWidget(m_title, 1);
  column->addLayout(bar);
  m_stack = new QStackedWidget(this);
  m_canvas = new PlotCanvas(m_stack);
  m_distribution = new DistributionCanvas(m_stack);
  m_stack->addWidget(m_canvas);
  m_stack->addWidget(m_distribution);
  column->addWidget(m_stack, 1);
  m_settled.setSingleShot(true);
  m_settled.setInterval(kSettledMs);
  connect(&m_settled, &QTimer::timeout, this, &PlotView::ScanDetail);
  connect(m_canvas, &PlotCanvas::RangeChanged, this, [this] { m_settled.start(); });
  connect(&m_detailScan, &CounterScan::Finished, this, [this] {
    if (!m_scan.IsRunning()) m_canvas->ShowDetail(m_detailScan.Series());
  });
  connect(m_shape, &QComboBox::currentIndexChanged, this, [this](int shape) { Choose(static_cast<Shape>(shape)); });
  connect(m_choice, &QComboBox::activated, this, &PlotView::Scan);
  connect(m_canvas, &PlotCanvas::TimeChosen, &session, &Session::SetTime);
  const auto say = [this](const QString& message) {
    m_canvas->SetMessage(message);
    m_distribution->SetMessage(message);
  };
  connect(&m_scan, &CounterScan::Progress, this, [this, say](double share) {
    m_canvas->Show(m_scan.Series());
    ShowDistribution();
    say(tr("reading the trace: %1 %").arg(static_cast<int>(share * 100)));
  });
  connect(&m_scan, &CounterScan::Finished, this, [this, say] {
    m_canvas->Show(m_scan.Series());
    ShowDistribution();
    const replay::Run* run = m_session.Run();
    const auto isSilent = [](const TimeSeries& one) {
      return std::all_of(one.sums.begin(), one.sums.end(), [](double sum) { return sum == 0; });
    };
    const bool isNothing = std::all_of(m_scan.Series().begin(), m_scan.Series().end(), isSilent);
    say(!run               ? QString()
        : !run->HasTrace() ? tr("this run has no trace")
        : isNothing        ? tr("no %1 %2 in this run")
                          .arg(NameOf(m_counters[static_cast<size_t>(m_choice->currentIndex())], Shape::OverTime),
                               m_title->text())
                    : QString());
    m_settled.start();
  });
  connect(&session, &Session::SelectionChanged, this, &PlotView::FollowSelection);
  connect(&session, &Session::TimeChanged, m_canvas, &PlotCanvas::SetCursor);
  connect(&session, &Session::RunChanged, this, [this] {
    m_scan.Cancel();
    m_detailScan.Cancel();
    m_isStale = true;
    FollowSelection();
  });
  connect(&session, &Session::RunAboutToChange, this, [this] {
    m_settled.stop();
    m_scan.Cancel();
    m_detailScan.Cancel();
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
  m_title->setText(tr("of %1").arg(NameOfPlace(*run, m_place)));
  const Counter before = m_choice->currentIndex() < 0 ? Counter{Counter::Kind::BitsSent}
                                                      : m_counters[static_cast<size_t>(m_choice->currentIndex())];
  m_counters = {{Counter::Kind::BitsSent},
                {Counter::Kind::FramesSent},
                {Counter::Kind::FramesReceived},
                {Counter::Kind::Drops},
                {Counter::Kind::Latency}};
  std::set<Verdict> seen;
  if (run->Trace())
    for (const auto& [key, count] : run->Trace()->Totals())
      if (IsAt({.netns = key.netns, .ifindex = key.ifindex}, m_place, run->Plan())) seen.insert(key.verdict);
  for (const Verdict verdict : seen) m_counters.push_back({Counter::Kind::Verdict, verdict});
  m_choice->clear();
  for (const Counter& counter : m_counters) m_choice->addItem(NameOf(counter, m_drawn));
  const auto kept = std::find(m_counters.begin(), m_counters.end(), before);
  if (kept != m_counters.end()) m_choice->setCurrentIndex(static_cast<int>(kept - m_counters.begin()));
  Scan();
}

void PlotView::Choose(int counter) {
  if (counter < 0 || counter >= m_choice->count()) return;
  m_choice->setCurrentIndex(counter);
  Scan();
}

void PlotView::Choose(Shape shape) {
  m_shape->setCurrentIndex(static_cast<int>(shape));
  m_distribution->SetShape(shape == Shape::Cumulative ? DistributionCanvas::Shape::Cumulative
                                                      : DistributionCanvas::Shape::Bars);
  m_stack->setCurrentIndex(shape == Shape::OverTime ? 0 : 1);
  m_drawn = shape;
  for (int i = 0; i < m_choice->count(); ++i)
    m_choice->setItemText(i, NameOf(m_counters[static_cast<size_t>(i)], shape));
}

QString PlotView::NameOf(const Counter& counter, Shape shape) {
  const auto name = [&counter] {
    switch (counter.kind) {
      case Counter::Kind::BitsSent:
        return tr("bits sent");
      case Counter::Kind::FramesSent:
        return tr("frames sent");
      case Counter::Kind::FramesReceived:
        return tr("frames received");
      case Counter::Kind::Drops:
        return tr("drops");
      case Counter::Kind::Latency:
        return tr("time on the way");
      case Counter::Kind::Verdict:
        break;
    }
    return counter.verdict == Verdict::Continue ? tr("stages passed") : QString::fromUtf8(VerdictName(counter.verdict));
  };
  if (shape == Shape::OverTime || counter.kind == Counter::Kind::Latency) return name();
  return counter.kind == Counter::Kind::BitsSent ? tr("size of frames sent") : tr("time between %1").arg(name());
}

TimeSeries PlotView::SeriesOf(const Counter& counter) const {
  TimeSeries series;
  series.name = QStringLiteral("%1, %2").arg(NameOf(counter, Shape::OverTime), NameOfPlace(*m_session.Run(), m_place));
  if (counter.kind == Counter::Kind::BitsSent) {
    series.unit = TimeSeries::Unit::Bits;
    series.scale = 8;
  } else if (counter.kind == Counter::Kind::Latency) {
    series.name = tr("longest %1").arg(series.name);
    series.unit = TimeSeries::Unit::Nanoseconds;
    series.isRate = false;
  }
  return series;
}

CounterScan::Visitor PlotView::VisitorOf(const Counter& counter) const {
  const replay::Topology* plan = &m_session.Run()->Plan();
  if (counter.kind == Counter::Kind::Latency) {
    auto begun = std::make_shared<std::unordered_map<uint64_t, int64_t>>();  // by journey
    return [plan, place = m_place, begun](const TraceRecord& record, CounterScan::Sink& to) {
      if (record.stage == Stage::Send && record.packet == 0) {
        if (begun->size() < kMostUnderWay) begun->try_emplace(record.journey, record.timeNs);
        return;
      }
      const Fate fate = FateOf(record.verdict);
      if (fate != Fate::Arrived && fate != Fate::Dropped) return;
      const auto begin = begun->find(record.journey);
      if (begin == begun->end()) return;
      if (fate == Fate::Arrived && IsAt(record, place, *plan)) {
        to.Most(0, static_cast<double>(record.timeNs - begin->second));
        to.Sample(record.timeNs - begin->second);
      }
      if (record.packet == 0) begun->erase(begin);
    };
  }
  auto last = std::make_shared<int64_t>(-1);
  return [counter, plan, place = m_place, last](const TraceRecord& record, CounterScan::Sink& to) {
    if (!IsAt(record, place, *plan)) return;
    bool counts = false;
    switch (counter.kind) {
      case Counter::Kind::FramesSent:
      case Counter::Kind::BitsSent:
        counts = record.stage == Stage::Transmit && !IsDrop(record.verdict);
        break;
      case Counter::Kind::FramesReceived:
        counts = record.stage == Stage::Receive;
        break;
      case Counter::Kind::Drops:
        counts = IsDrop(record.verdict);
        break;
      case Counter::Kind::Verdict:
        counts = record.verdict == counter.verdict;
        break;
      case Counter::Kind::Latency:
        break;
    }
    if (!counts) return;
    const bool isBits = counter.kind == Counter::Kind::BitsSent;
    to.Add(0, isBits ? record.sizeBytes : 1);
    if (isBits)
      to.Sample(record.sizeBytes);
    else if (*last >= 0)
      to.Sample(record.timeNs - *last);
    *last = record.timeNs;
  };
}

void PlotView::ShowDistribution() {
  if (!m_session.Run() || m_choice->currentIndex() < 0) return;
  const Counter& counter = m_counters[static_cast<size_t>(m_choice->currentIndex())];
  m_distribution->Show(
      m_scan.Values(),
      counter.kind == Counter::Kind::BitsSent ? TimeSeries::Unit::Bytes : TimeSeries::Unit::Nanoseconds,
      QStringLiteral("%1, %2").arg(NameOf(counter, Shape::Histogram), NameOfPlace(*m_session.Run(), m_place)));
}

void PlotView::Scan() {
  replay::Run* run = m_session.Run();
  if (!run || m_choice->currentIndex() < 0) return;
  const Counter counter = m_counters[static_cast<size_t>(m_choice->currentIndex())];
  m_settled.stop();
  m_detailScan.Cancel();
  m_canvas->SetCursor(m_session.Time());
  m_scan.Begin(run, {SeriesOf(counter)}, VisitorOf(counter));
}

void PlotView::ScanDetail() {
  replay::Run* run = m_session.Run();
  if (!run || !isVisible() || m_scan.IsRunning() || m_scan.Series().empty()) return;
  const Counter counter = m_counters[static_cast<size_t>(m_choice->currentIndex())];
  const int64_t from = m_canvas->From(), to = m_canvas->To(), slotNs = m_scan.Series()[0].slotNs;
  // A packet may be under way when a part of the time begins: times on the way are read of the whole run only.
  const bool isCoarse = slotNs > 1 && (to - from) / slotNs < m_canvas->width();
  if (!isCoarse || counter.kind == Counter::Kind::Latency) return;
  const int64_t beside = (to - from) / 2;
  m_detailScan.Begin(run, {SeriesOf(counter)}, VisitorOf(counter), std::max<int64_t>(0, from - beside),
                     std::min(run->EndNs() + 1, to + beside));
}

}  // namespace overlaysim::views
