#pragma once

#include <QWidget>

#include "gui/replay/journey.h"
#include "gui/views/journey/header_bricks.h"

namespace overlaysim::views {

/// How much of a device's MTU a packet takes: what tunnels cost, what is carried, what is left.
struct MtuBudget {
  uint32_t mtu = 0;  ///< 0: not known, or the step has no device
  uint32_t overhead = 0, carried = 0, left = 0, excess = 0;
  uint32_t beneath = 0;  ///< what a tunnel device takes of the MTU of the device beneath it; 0: the step is none
  QString device;

  static MtuBudget Of(const replay::Hop& hop, const HeaderPicture& picture);
  QString Text() const;  ///< "MTU 1500 of worker-a/eth0: 134 B used, 50 B of them by the tunnel, 1,366 B left"
};

void PaintMtuBar(QPainter& painter, const QRectF& area, const MtuBudget& budget, const Theme& theme, const QFont& font);

class MtuBar : public QWidget {
  Q_OBJECT
 public:
  explicit MtuBar(QWidget* parent = nullptr);
  void Show(const MtuBudget& budget);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override { return {120, sizeHint().height()}; }

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  MtuBudget m_budget;
};

}  // namespace overlaysim::views
