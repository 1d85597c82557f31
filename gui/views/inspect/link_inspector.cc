#include "gui/views/inspect/link_inspector.h"

#include <QComboBox>
#include <QLabel>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/views/format.h"
#include "gui/views/inspect/plot_canvas.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

enum Quantity { kUtilisation, kDrops, kQueue };

}  // namespace

LinkInspector::LinkInspector(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setAccessibleName(tr("Link inspector"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 8);
  m_title = new QLabel(this);
  m_title->setTextFormat(Qt::PlainText);
  QFont font = m_title->font();
  font.setBold(true);
  font.setPointSizeF(font.pointSizeF() * 1.2);
  m_title->setFont(font);
  column->addWidget(m_title);
  auto* splitter = new QSplitter(Qt::Vertical, this);
  m_text = new QPlainTextEdit(splitter);
  m_text->setReadOnly(true);
  m_text->setLineWrapMode(QPlainTextEdit::NoWrap);
  m_text->setFont(FixedFont());
  m_text->setTabChangesFocus(true);
  m_text->setFrameShape(QFrame::NoFrame);
  m_text->setAccessibleName(tr("The link in numbers"));
  auto* lower = new QWidget(splitter);
  auto* plot = new QVBoxLayout(lower);
  plot->setContentsMargins(0, 0, 0, 0);
  m_quantity = new QComboBox(lower);
  m_quantity->addItems({tr("utilisation"), tr("drops"), tr("bytes queued")});
  m_quantity->setAccessibleName(tr("What is plotted"));
  m_canvas = new PlotCanvas(lower);
  plot->addWidget(m_quantity, 0, Qt::AlignLeft);
  plot->addWidget(m_canvas, 1);
  splitter->addWidget(m_text);
  splitter->addWidget(lower);
  splitter->setSizes({260, 240});
  column->addWidget(splitter, 1);
  connect(m_quantity, &QComboBox::activated, this, &LinkInspector::Plot);
  connect(m_canvas, &PlotCanvas::TimeChosen, &session, &Session::SetTime);
  connect(&session, &Session::TimeChanged, m_canvas, &PlotCanvas::SetCursor);
  connect(&session, &Session::TimeChanged, this, &LinkInspector::ShowNow);
  connect(&session, &Session::FactsChanged, this, [this] {
    ShowNow();
    Plot();
  });
  connect(&session, &Session::SelectionChanged, this, &LinkInspector::FollowSelection);
  connect(&session, &Session::RunChanged, this, [this] {
    m_cable.reset();
    m_isStale = true;
    Refresh();
  });
  FollowSelection();
  Refresh();
}

void LinkInspector::showEvent(QShowEvent*) {
  if (m_isStale) Refresh();
}

void LinkInspector::FollowSelection() {
  replay::Run* run = m_session.Run();
  if (!run) return;
  const Place& place = m_session.Selected();
  uint32_t cable = replay::Topology::kNone;
  if (place.kind == Place::Kind::Cable) cable = place.cable;
  if (place.kind == Place::Kind::Device) cable = run->Plan().CableAt({place.netns, place.ifindex});
  if (cable >= run->Plan().cables.size() || m_cable == cable) return;
  m_cable = cable;
  m_isStale = true;
  Refresh();
}

QString LinkInspector::Text() const {
  replay::Run* run = m_session.Run();
  if (!run || !m_cable) return {};
  const replay::Cable& cable = run->Plan().cables[*m_cable];
  const auto name = [&](const replay::CableEnd& end) {
    return QString::fromStdString(run->PlaceName(end.netns, end.ifindex));
  };
  QString text;
  const auto add = [&](const QString& key, const QString& value) {
    text += key.leftJustified(14) + QStringLiteral("  ") + value + QLatin1Char('\n');
  };
  add(tr("ends"), name(cable.a) + QStringLiteral(" ↔ ") + name(cable.b));
  const RunFacts* facts = m_session.Facts().get();
  const int64_t now = m_session.Time();
  add(tr("at"), ExactTimeText(now));
  add(tr("state"), (facts ? facts->links.IsUp(*m_cable, now) : cable.up) ? tr("up") : tr("down"));
  const replay::CableSettings settings = run->Plan().SettingsAt(*m_cable, now);
  add(tr("rate"), settings.bitsPerSecond == 0 ? tr("not limited") : RateText(settings.bitsPerSecond));
  add(tr("delay"), TimeText(settings.delayNs));
  add(tr("queue"), settings.queueBytes == 0 ? tr("not limited") : BytesText(settings.queueBytes));
  for (const replay::CableEnd& end : {cable.a, cable.b})
    if (const replay::Device* device = run->Plan().netns[end.netns].Find(end.ifindex))
      add(tr("MTU"),
          tr("%1 of %2").arg(facts ? facts->links.MtuAt(end.netns, *device, now) : device->mtu).arg(name(end)));
  if (facts && !facts->activity.IsWholeRun()) {
    add(tr("in this span"), tr("of %1").arg(TimeText(facts->activity.SlotNs())));
    for (const auto direction : {replay::Activity::Direction::AToB, replay::Activity::Direction::BToA}) {
      const bool isForward = direction == replay::Activity::Direction::AToB;
      const auto* sample = facts->activity.At(*m_cable, direction, now);
      QString what = tr("silent");
      if (sample) {
        what = tr("%1 % busy, %2 frames")
                   .arg(facts->activity.Utilisation(*m_cable, *sample) * 100, 0, 'f', 1)
                   .arg(CountText(sample->frames));
        if (sample->drops > 0) what += tr(", %1 dropped").arg(CountText(sample->drops));
        if (sample->maxQueueBytes > 0) what += tr(", up to %1 queued").arg(BytesText(sample->maxQueueBytes));
      }
      add(name(isForward ? cable.a : cable.b) + QStringLiteral(" →"), what);
    }
  }
  if (const RunMetrics* metrics = run->Metrics()) {
    const std::string a = run->PlaceName(cable.a.netns, cable.a.ifindex),
                      b = run->PlaceName(cable.b.netns, cable.b.ifindex);
    for (const LinkMetrics& link : metrics->links) {
      if (!((link.from == a && link.to == b) || (link.from == b && link.to == a))) continue;
      text += QStringLiteral("\n%1 → %2\n").arg(QString::fromStdString(link.from), QString::fromStdString(link.to));
      add(tr("  sent"), tr("%1 frames, %2").arg(CountText(link.frames), BytesText(link.bytes)));
      add(tr("  dropped"), tr("%1 frames, %2").arg(CountText(link.droppedFrames), BytesText(link.droppedBytes)));
      const uint64_t share = metrics->UtilisationPerMille(link);
      add(tr("  busy"), tr("%1.%2 % of the run").arg(share / 10).arg(share % 10));
      add(tr("  most queued"), BytesText(static_cast<uint64_t>(std::max<int64_t>(0, link.maxQueueBytes))));
    }
  }
  if (TraceReader* trace = run->Trace()) {
    QString drops;
    for (const replay::CableEnd& end : {cable.a, cable.b}) {
      const TraceCounts& totals = trace->Totals();
      for (auto i = totals.lower_bound({end.netns, end.ifindex, Verdict::Continue});
           i != totals.end() && i->first.netns == end.netns && i->first.ifindex == end.ifindex; ++i)
        if (IsDrop(i->first.verdict))
          drops += tr("  ✗ %1  %2 at %3: %4\n")
                       .arg(CountText(i->second).rightJustified(10), QString::fromUtf8(VerdictName(i->first.verdict)),
                            name(end), QString::fromUtf8(VerdictCondition(i->first.verdict)));
    }
    text += drops.isEmpty() ? tr("\nno drops at its ends\n") : tr("\ndrops at its ends, by reason\n") + drops;
  }
  return text;
}

void LinkInspector::Refresh() {
  replay::Run* run = m_session.Run();
  const bool isShown = run && m_cable;
  m_text->setVisible(isShown);
  m_canvas->setVisible(isShown);
  m_quantity->setVisible(isShown);
  if (!isShown) {
    m_title->setText(tr("Select a link, or a device that has one."));
    return;
  }
  if (!isVisible()) return;
  m_isStale = false;
  const replay::Cable& cable = run->Plan().cables[*m_cable];
  m_title->setText(QString::fromStdString(cable.name));
  m_text->setPlainText(Text());
  Plot();
}

void LinkInspector::ShowNow() {
  m_isStale = m_isStale || !isVisible();  // a hidden inspector costs nothing while time runs
  if (m_isStale || !m_session.Run() || !m_cable) return;
  const int scrolled = m_text->verticalScrollBar()->value();
  m_text->setPlainText(Text());
  m_text->verticalScrollBar()->setValue(scrolled);
}

void LinkInspector::Plot() {
  replay::Run* run = m_session.Run();
  if (!run || !m_cable || !isVisible()) return;
  m_canvas->SetCursor(m_session.Time());
  const RunFacts* facts = m_session.Facts().get();
  if (!facts || facts->activity.IsWholeRun()) {
    m_canvas->Show({});
    m_canvas->SetMessage(m_session.IsReadingFacts() ? tr("the trace is being read") : tr("not known over time"));
    return;
  }
  const replay::Activity& activity = facts->activity;
  const replay::Cable& cable = run->Plan().cables[*m_cable];
  std::vector<TimeSeries> series;
  for (const auto direction : {replay::Activity::Direction::AToB, replay::Activity::Direction::BToA}) {
    const replay::CableEnd& from = direction == replay::Activity::Direction::AToB ? cable.a : cable.b;
    TimeSeries one;
    one.name = tr("%1 sends").arg(QString::fromStdString(run->PlaceName(from.netns, from.ifindex)));
    one.slotNs = activity.SlotNs();
    one.isRate = false;
    one.unit = m_quantity->currentIndex() == kUtilisation ? TimeSeries::Unit::Share
               : m_quantity->currentIndex() == kQueue     ? TimeSeries::Unit::Bytes
                                                          : TimeSeries::Unit::Count;
    one.sums.assign(activity.SlotCount(), 0);
    for (size_t slot = 0; slot < one.sums.size(); ++slot) {
      const auto* sample = activity.At(*m_cable, direction, static_cast<int64_t>(slot) * one.slotNs);
      if (!sample) continue;
      one.sums[slot] = m_quantity->currentIndex() == kUtilisation ? activity.Utilisation(*m_cable, *sample)
                       : m_quantity->currentIndex() == kDrops     ? sample->drops
                                                                  : sample->maxQueueBytes;
    }
    series.push_back(std::move(one));
  }
  m_canvas->SetMessage({});
  m_canvas->Show(std::move(series));
}

}  // namespace overlaysim::views
