#pragma once

#include <QElapsedTimer>
#include <QTimer>
#include <QWidget>

#include "gui/views/session.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QToolButton;

namespace overlaysim::views {

class TimeAxis;

/// Moves through the time of a run: the axis, playing at a chosen speed, steps to packet events and drops, and a time
/// to type. No timer runs while nothing plays.
class TimelineView : public QWidget {
  Q_OBJECT
 public:
  explicit TimelineView(Session& session, QWidget* parent = nullptr);

  TimeAxis& Axis() { return *m_axis; }
  double NsPerSecond() const;  ///< simulated nanoseconds a second; infinite: as fast as it can be shown

 public slots:
  void TogglePlay();
  void NextEvent();
  void PreviousEvent();
  void NextDrop();
  void PreviousDrop();
  void NextEventHere();  ///< at the selected place
  void PreviousEventHere();
  void Faster();
  void Slower();
  void EnterTime();  ///< puts the keyboard into the field
  void SetLive(bool live);

 signals:
  void Message(const QString& sentence);  ///< "No further drop"

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QToolButton* AddButton(QLayout* row, const QString& text, const QString& tip, void (TimelineView::*act)());
  void ShowTime();
  void ShowRun();
  void Tick();
  uint64_t NextRecord() const;     ///< the first behind the current one; of none, from the time on
  uint64_t RecordsBefore() const;  ///< how many stand before it
  void GoToRecord(std::optional<uint64_t> index, const QString& none);
  void FindHere(bool forward);
  void FindDrop(bool forward);

  Session& m_session;
  TimeAxis* m_axis;
  QToolButton* m_play;
  QComboBox* m_speed;
  QLineEdit* m_entry;
  QLabel* m_total;
  QLabel* m_message;
  QCheckBox* m_live;
  QTimer m_timer, m_tail;
  QElapsedTimer m_clock;
  double m_playNs = 0;  ///< the time that is played, with what is less than a nanosecond
};

}  // namespace overlaysim::views
