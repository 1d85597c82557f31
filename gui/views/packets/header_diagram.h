#pragma once

#include <QPainter>
#include <QScrollArea>
#include <QWidget>
#include <vector>

#include "gui/replay/dissector.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

/// Headers as RFCs draw them: rows of 32 bits, a box for each field.
class HeaderDiagram : public QWidget {
  Q_OBJECT
 public:
  explicit HeaderDiagram(QWidget* parent = nullptr);

  void Show(const replay::Dissection& dissection);
  void Mark(uint32_t offset, uint32_t length);  ///< bytes of the packet; length 0: nothing
  /// "" or a sentence that says why not. The ending says what: .svg or .png.
  QString Save(const QString& path);
  void Paint(QPainter& painter, const Theme& theme) const;
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 signals:
  void FieldChosen(quint32 offset, quint32 length);

 protected:
  void paintEvent(QPaintEvent*) override;
  void resizeEvent(QResizeEvent*) override;
  void mousePressEvent(QMouseEvent* event) override;
  bool event(QEvent* event) override;

 private:
  /// A field's part in one row of 32 bits.
  struct Box {
    QRectF rect;
    QString name, value, label;
    uint32_t offset, length;
    bool isSuspicious, isContinued;
  };
  struct Title {
    QRectF rect;
    QString text;
    replay::Protocol protocol;
  };
  void Lay();
  const Box* BoxAt(const QPointF& at) const;

  replay::Dissection m_dissection;
  std::vector<Box> m_boxes;
  std::vector<Title> m_titles;
  qreal m_height = 0, m_bit = 22;  ///< m_bit: width of a bit, as the widget has room
  uint32_t m_offset = 0, m_length = 0;
};

}  // namespace overlaysim::views
