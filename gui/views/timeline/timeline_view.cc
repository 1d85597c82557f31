#include "gui/views/timeline/timeline_view.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>
#include <QVBoxLayout>
#include <cmath>
#include <limits>

#include "gui/replay/search.h"
#include "gui/views/format.h"
#include "gui/views/theme.h"
#include "gui/views/timeline/time_axis.h"
#include "gui/views/timeline/time_entry.h"

namespace overlaysim::views {
namespace {

constexpr int kFrameMs = 16, kTailMs = 1000;
constexpr double kMaxPlaySeconds = 2;  ///< that a whole run takes at the highest speed
constexpr double kComfortableSeconds = 20;

}  // namespace

TimelineView::TimelineView(Session& session, QWidget* parent)
    : QWidget(parent), m_session(session), m_axis(new TimeAxis(session, this)) {
  auto* all = new QVBoxLayout(this);
  all->setContentsMargins(0, 0, 0, 0);
  all->setSpacing(0);
  auto* bar = new QWidget(this);
  auto* row = new QHBoxLayout(bar);
  row->setContentsMargins(6, 4, 6, 4);
  row->setSpacing(4);
  m_play = AddButton(row, tr("Play"), tr("Play or pause (Space)"), &TimelineView::TogglePlay);
  m_play->setMinimumWidth(m_play->fontMetrics().horizontalAdvance(tr("Pause")) + 20);
  m_speed = new QComboBox(bar);
  for (int power = 0; power <= 10; ++power) {
    const double ns = std::pow(10, power);
    m_speed->addItem(tr("%1 / s").arg(TimeText(static_cast<int64_t>(ns))), ns);
    m_speed->setItemData(power, tr("%1× real time").arg(ns * 1e-9, 0, 'g', 1), Qt::ToolTipRole);
  }
  m_speed->addItem(tr("fastest"), std::numeric_limits<double>::infinity());
  m_speed->setAccessibleName(tr("Simulated time shown in a second"));
  m_speed->setToolTip(m_speed->accessibleName() + tr(" (Shift+< and Shift+>)"));
  row->addWidget(m_speed);
  row->addSpacing(10);
  AddButton(row, tr("‹ Event"), tr("To the last packet event before (,)"), &TimelineView::PreviousEvent);
  AddButton(row, tr("Event ›"), tr("To the next packet event (.)"), &TimelineView::NextEvent);
  AddButton(row, tr("‹ Drop"), tr("To the last drop before (Shift+D)"), &TimelineView::PreviousDrop);
  AddButton(row, tr("Drop ›"), tr("To the next drop (D)"), &TimelineView::NextDrop);
  AddButton(row, tr("‹ Here"), tr("To the last event before at the selected place (Shift+H)"),
            &TimelineView::PreviousEventHere);
  AddButton(row, tr("Here ›"), tr("To the next event at the selected place (H)"), &TimelineView::NextEventHere);
  row->addSpacing(10);
  m_entry = new QLineEdit(bar);
  m_entry->setAccessibleName(tr("Time"));
  m_entry->setToolTip(tr("Go to a time (T): 1.2s, 17.6us, 340ns"));
  m_entry->setFont(FixedFont());
  m_entry->setFixedWidth(m_entry->fontMetrics().horizontalAdvance(QStringLiteral("0000.000 000 000 s")) + 16);
  row->addWidget(m_entry);
  m_total = new QLabel(bar);
  row->addWidget(m_total);
  m_message = new QLabel(bar);
  row->addSpacing(10);
  row->addWidget(m_message, 1);
  m_live = new QCheckBox(tr("Live"), bar);
  m_live->setToolTip(tr("Follow a run that is still going on"));
  m_live->setAccessibleName(m_live->toolTip());
  row->addWidget(m_live);
  all->addWidget(bar);
  all->addWidget(m_axis);
  setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);

  connect(m_live, &QCheckBox::toggled, this, &TimelineView::SetLive);
  connect(m_entry, &QLineEdit::returnPressed, this, [this] {
    const auto time = ParseTime(m_entry->text());
    if (!time) {
      m_message->setText(tr("A time is a number with ns, us, ms or s: 17.6us"));
      return;
    }
    m_message->clear();
    m_session.SetPlaying(false);
    m_session.SetTime(*time);
    ShowTime();
    m_axis->setFocus();
  });
  connect(&session, &Session::TimeChanged, this, &TimelineView::ShowTime);
  connect(&session, &Session::RunChanged, this, &TimelineView::ShowRun);
  connect(&session, &Session::PlayingChanged, this, [this](bool playing) {
    m_play->setText(playing ? tr("Pause") : tr("Play"));
    if (playing) {
      m_playNs = static_cast<double>(m_session.Time());
      m_clock.start();
      m_timer.start(kFrameMs);
    } else {
      m_timer.stop();
    }
  });
  connect(&m_timer, &QTimer::timeout, this, &TimelineView::Tick);
  connect(&m_tail, &QTimer::timeout, this, [this] {
    if (!m_session.HasNews()) return;
    m_session.Reload();
    if (m_session.Run()) m_session.SetTime(m_session.Run()->EndNs());
    if (m_session.Run() && m_session.Run()->Directory().manifest.complete) m_live->setChecked(false);
  });
  ShowRun();
}

QToolButton* TimelineView::AddButton(QLayout* row, const QString& text, const QString& tip,
                                     void (TimelineView::*act)()) {
  auto* button = new QToolButton(this);
  button->setText(text);
  button->setToolTip(tip);
  button->setAccessibleName(tip);
  connect(button, &QToolButton::clicked, this, act);
  row->addWidget(button);
  return button;
}

double TimelineView::NsPerSecond() const { return m_speed->currentData().toDouble(); }

void TimelineView::ShowTime() {
  if (!m_entry->hasFocus() || m_session.IsPlaying() || !m_entry->isModified())
    m_entry->setText(m_session.Run() ? ExactTimeText(m_session.Time()) : QString());
}

void TimelineView::ShowRun() {
  replay::Run* run = m_session.Run();
  for (QToolButton* button : findChildren<QToolButton*>()) button->setEnabled(run != nullptr);
  m_entry->setEnabled(run != nullptr);
  m_message->clear();
  const bool isGoingOn = run && !run->Directory().manifest.complete;
  m_live->setVisible(isGoingOn || m_live->isChecked());
  m_total->setText(run ? tr("of %1").arg(ExactTimeText(run->EndNs())) : QString());
  if (run && !m_live->isChecked()) {
    // The whole run in some twenty seconds.
    const double wanted = static_cast<double>(std::max<int64_t>(run->EndNs(), 1)) / kComfortableSeconds;
    m_speed->setCurrentIndex(std::clamp(static_cast<int>(std::lround(std::log10(wanted))), 0, 10));
  }
  ShowTime();
}

void TimelineView::TogglePlay() {
  if (!m_session.Run()) return;
  if (!m_session.IsPlaying() && m_session.Time() >= m_session.Run()->EndNs()) m_session.SetTime(0);
  m_session.SetPlaying(!m_session.IsPlaying());
}

void TimelineView::Tick() {
  if (!m_session.Run()) return;
  const double end = static_cast<double>(m_session.Run()->EndNs());
  const double speed = std::min(NsPerSecond(), std::isinf(NsPerSecond()) ? end / kMaxPlaySeconds : NsPerSecond());
  // Somebody else has moved the time: it goes on from there.
  if (static_cast<qint64>(m_playNs) != m_session.Time()) m_playNs = static_cast<double>(m_session.Time());
  m_playNs = std::min(m_playNs + speed * static_cast<double>(m_clock.nsecsElapsed()) * 1e-9, end);
  m_clock.restart();
  m_session.SetTime(static_cast<qint64>(m_playNs));
  if (m_playNs >= end) m_session.SetPlaying(false);
}

uint64_t TimelineView::NextRecord() const {
  const replay::Hop* hop = m_session.CurrentHop();
  const bool isAtHop = hop && hop->record.timeNs == m_session.Time();
  return isAtHop ? hop->index + 1 : m_session.Run()->FirstAtOrAfter(m_session.Time());
}

uint64_t TimelineView::RecordsBefore() const {
  const replay::Hop* hop = m_session.CurrentHop();
  const bool isAtHop = hop && hop->record.timeNs == m_session.Time();
  return isAtHop ? hop->index : m_session.Run()->FirstAtOrAfter(m_session.Time());
}

void TimelineView::GoToRecord(std::optional<uint64_t> index, const QString& none) {
  m_message->clear();
  if (!index) {
    m_message->setText(none);
    emit Message(none);
    return;
  }
  m_session.SetPlaying(false);
  m_session.FollowRecord(*index);
}

void TimelineView::NextEvent() {
  if (!m_session.Run()) return;
  const uint64_t next = NextRecord();
  GoToRecord(next < m_session.Run()->RecordCount() ? std::optional(next) : std::nullopt, tr("No further event"));
}

void TimelineView::PreviousEvent() {
  if (!m_session.Run()) return;
  const uint64_t before = RecordsBefore();
  GoToRecord(before > 0 ? std::optional(before - 1) : std::nullopt, tr("No event before"));
}

void TimelineView::FindDrop(bool forward) {
  if (!m_session.Run()) return;
  GoToRecord(replay::FindDrop(*m_session.Run(), forward ? NextRecord() : RecordsBefore(), forward),
             forward ? tr("No further drop") : tr("No drop before"));
}

void TimelineView::NextDrop() { FindDrop(true); }
void TimelineView::PreviousDrop() { FindDrop(false); }

void TimelineView::FindHere(bool forward) {
  if (!m_session.Run()) return;
  const Place place = m_session.Selected();
  if (place.kind != Place::Kind::Netns && place.kind != Place::Kind::Device) {
    GoToRecord(std::nullopt, tr("Select a node, pod or device first"));
    return;
  }
  const uint32_t ifindex = place.kind == Place::Kind::Device ? place.ifindex : 0;
  const auto found =
      replay::FindRecordAt(*m_session.Run(), forward ? NextRecord() : RecordsBefore(), forward, place.netns, ifindex);
  GoToRecord(found, forward ? tr("No further event here") : tr("No event here before"));
  if (found) m_session.Select(place);  // "here" stays what it was
}

void TimelineView::NextEventHere() { FindHere(true); }
void TimelineView::PreviousEventHere() { FindHere(false); }

void TimelineView::Faster() { m_speed->setCurrentIndex(std::min(m_speed->currentIndex() + 1, m_speed->count() - 1)); }
void TimelineView::Slower() { m_speed->setCurrentIndex(std::max(m_speed->currentIndex() - 1, 0)); }

void TimelineView::EnterTime() {
  m_entry->setFocus();
  m_entry->selectAll();
}

void TimelineView::SetLive(bool live) {
  m_live->setChecked(live);
  if (live)
    m_tail.start(kTailMs);
  else
    m_tail.stop();
  ShowRun();
}

void TimelineView::keyPressEvent(QKeyEvent* event) {
  if (event->modifiers() & (Qt::ControlModifier | Qt::AltModifier)) return QWidget::keyPressEvent(event);
  const bool isShifted = event->modifiers() & Qt::ShiftModifier;
  switch (event->key()) {
    case Qt::Key_Space:
      return TogglePlay();
    case Qt::Key_Period:
      return NextEvent();
    case Qt::Key_Comma:
      return PreviousEvent();
    case Qt::Key_D:
      return isShifted ? PreviousDrop() : NextDrop();
    case Qt::Key_H:
      return isShifted ? PreviousEventHere() : NextEventHere();
    case Qt::Key_T:
      return EnterTime();
    case Qt::Key_Greater:
      return Faster();
    case Qt::Key_Less:
      return Slower();
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace overlaysim::views
