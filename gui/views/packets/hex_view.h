#pragma once

#include <QAbstractScrollArea>
#include <cstdint>
#include <vector>

namespace overlaysim::views {

/// A packet's bytes, sixteen in a row, in hex and as ASCII. A range is marked; pointing at a byte or moving the cursor
/// with the arrow keys says which byte it is.
class HexView : public QAbstractScrollArea {
  Q_OBJECT
 public:
  explicit HexView(QWidget* parent = nullptr);

  /// @param wireBytes of the whole packet; what is beyond `bytes` is shown as not recorded
  void Show(std::vector<uint8_t> bytes, uint32_t wireBytes);
  /// Marks a field, and fainter the header that it is in. A length of 0 marks nothing.
  void Mark(uint32_t offset, uint32_t length, uint32_t layerOffset = 0, uint32_t layerLength = 0);
  uint32_t MarkedOffset() const { return m_offset; }
  uint32_t MarkedLength() const { return m_length; }
  int ByteAt(const QPoint& viewportPosition) const;  ///< -1: none
  QString Text() const;                              ///< as `xxd -g 1` would print it

 signals:
  void ByteChosen(quint32 offset);

 protected:
  void paintEvent(QPaintEvent*) override;
  void resizeEvent(QResizeEvent*) override;
  void mousePressEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool viewportEvent(QEvent* event) override;

 private:
  qreal CellWidth() const;
  int LineHeight() const;
  qreal HexLeft(size_t column) const;
  qreal TextLeft(size_t column) const;
  void FitScrollBars();
  void ScrollTo(uint32_t offset);
  void Choose(int offset);

  std::vector<uint8_t> m_bytes;
  uint32_t m_wireBytes = 0;
  uint32_t m_offset = 0, m_length = 0, m_layerOffset = 0, m_layerLength = 0;
  int m_cursor = 0;
};

}  // namespace overlaysim::views
