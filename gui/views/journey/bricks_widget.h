#pragma once

#include <QWidget>

#include "gui/views/journey/header_bricks.h"

namespace overlaysim::views {

/// Shows a HeaderPicture; a tool tip lists the fields of the brick under the pointer.
class BricksWidget : public QWidget {
  Q_OBJECT
 public:
  explicit BricksWidget(QWidget* parent = nullptr);
  void Show(HeaderPicture picture);
  const HeaderPicture& Picture() const { return m_picture; }
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;
  bool hasHeightForWidth() const override { return true; }
  int heightForWidth(int width) const override;

 protected:
  void paintEvent(QPaintEvent*) override;
  bool event(QEvent* event) override;

 private:
  HeaderPicture m_picture;
};

}  // namespace overlaysim::views
