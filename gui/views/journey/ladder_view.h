#pragma once

#include <QAbstractScrollArea>
#include <QPainter>
#include <vector>

#include "gui/views/session.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

/// A journey as a sequence chart: a lifeline for each namespace, grouped by machine, rows in the order of time, arrows
/// where the packet goes from one to another.
struct Ladder {
  struct Lane {
    uint32_t netns = 0, host = 0;
    QString name, hostName;
  };
  struct Row {
    int step = 0;            ///< of the journey
    int lane = 0, from = 0;  ///< from == lane: a step there; else the packet's way between the two
    QString label;           ///< "flannel.1: encapsulate", or "148 B, 1.068 us"
    int64_t timeNs = 0;
    bool isDrop = false, showsTime = false, isOtherPacket = false;
  };
  std::vector<Lane> lanes;
  std::vector<Row> rows;

  static Ladder Of(replay::Run& run, const replay::Journey& journey, bool everyStep);
};

class LadderView : public QAbstractScrollArea {
  Q_OBJECT
 public:
  explicit LadderView(Session& session, QWidget* parent = nullptr);

  const Ladder& Shown() const { return m_ladder; }
  void ShowEveryStep(bool everyStep);
  /// "" or a sentence that says why not. .svg or .png; at most 16,384 pixels high.
  QString Save(const QString& path);
  int RowAt(const QPoint& viewportPosition) const;  ///< -1: none

 protected:
  void paintEvent(QPaintEvent*) override;
  void resizeEvent(QResizeEvent*) override;
  void mousePressEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool viewportEvent(QEvent* event) override;

 private:
  void Reload();
  void FollowStep();
  void FitScrollBars();
  void MoveBy(int direction);
  int RowHeight() const;
  int HeadHeight() const;
  qreal LaneGap(int width) const;
  qreal LaneX(int lane, int width) const;
  int FullWidth(int width) const;
  int FullHeight() const;
  void PaintHead(QPainter& painter, int width, const Theme& theme) const;
  void PaintRows(QPainter& painter, int width, int firstRow, int lastRow, const Theme& theme) const;

  Session& m_session;
  Ladder m_ladder;
  bool m_everyStep = false;
};

}  // namespace overlaysim::views
