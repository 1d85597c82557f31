#include "gui/views/inspect/link_inspector.h"

#include <QLabel>
#include <QPlainTextEdit>
#include <QSplitter>
#include <QVBoxLayout>
#include <array>

#include "gui/views/format.h"
#include "gui/views/inspect/plot_canvas.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

/// Preamble, FCS and gap that a cable's rate counts beside the frame; frames below 60 bytes are padded.
constexpr uint32_t kWireBytesBeside = 24;
constexpr uint32_t kLeastFrameBytes = 60;

uint32_t WireBytes(uint32_t frameBytes) { return std::max(frameBytes, kLeastFrameBytes) + kWireBytesBeside; }

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
  m_canvas = new PlotCanvas(splitter);
  splitter->addWidget(m_text);
  splitter->addWidget(m_canvas);
  column->addWidget(splitter, 1);
  connect(m_canvas, &PlotCanvas::TimeChosen, &session, &Session::SetTime);
  connect(&session, &Session::TimeChanged, m_canvas, &PlotCanvas::SetCursor);
  connect(&m_scan, &CounterScan::Progress, this, [this](double share) {
    m_canvas->Show(m_scan.Series());
    m_canvas->SetMessage(tr("reading the trace: %1 %").arg(static_cast<int>(share * 100)));
  });
  connect(&m_scan, &CounterScan::Finished, this, [this] {
    m_canvas->Show(m_scan.Series());
    m_canvas->SetMessage({});
  });
  connect(&session, &Session::SelectionChanged, this, &LinkInspector::FollowSelection);
  connect(&session, &Session::RunChanged, this, [this] {
    m_scan.Cancel();
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
  add(tr("rate"), cable.bitsPerSecond == 0 ? tr("not limited") : RateText(cable.bitsPerSecond));
  add(tr("delay"), TimeText(cable.delayNs));
  add(tr("queue"), cable.queueBytes == 0 ? tr("not limited") : BytesText(cable.queueBytes));
  add(tr("at the start"), cable.up ? tr("up") : tr("down"));
  if (const RunMetrics* metrics = run->Metrics()) {
    for (const LinkMetrics& link : metrics->links) {
      const std::string a = run->PlaceName(cable.a.netns, cable.a.ifindex),
                        b = run->PlaceName(cable.b.netns, cable.b.ifindex);
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
  if (!isShown) {
    m_title->setText(tr("Select a link, or a device that has one."));
    return;
  }
  if (!isVisible()) return;
  m_isStale = false;
  const replay::Cable& cable = run->Plan().cables[*m_cable];
  m_title->setText(QString::fromStdString(cable.name));
  m_text->setPlainText(Text());
  m_canvas->SetCursor(m_session.Time());
  const auto name = [&](const replay::CableEnd& end) {
    return QString::fromStdString(run->PlaceName(end.netns, end.ifindex));
  };
  std::vector<TimeSeries> series(2);
  series[0].name = tr("%1 sends").arg(name(cable.a));
  series[1].name = tr("%1 sends").arg(name(cable.b));
  for (TimeSeries& one : series) {
    one.unit = cable.bitsPerSecond == 0 ? TimeSeries::Unit::Bits : TimeSeries::Unit::Share;
    one.scale = cable.bitsPerSecond == 0 ? 8 : 8.0 / static_cast<double>(cable.bitsPerSecond);
  }
  const std::array ends{cable.a, cable.b};
  m_scan.Begin(run, std::move(series), [ends](const TraceRecord& record, const CounterScan::Add& add) {
    if (record.stage != Stage::Transmit || IsDrop(record.verdict)) return;
    for (size_t i = 0; i < ends.size(); ++i)
      if (record.netns == ends[i].netns && record.ifindex == ends[i].ifindex) add(i, WireBytes(record.sizeBytes));
  });
}

}  // namespace overlaysim::views
