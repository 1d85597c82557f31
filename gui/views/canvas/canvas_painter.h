#pragma once

#include <QFont>
#include <QLineF>
#include <QPainter>
#include <QPainterPath>
#include <QString>
#include <optional>
#include <vector>

#include "gui/views/canvas/camera.h"
#include "gui/views/canvas/canvas_state.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

/// How much is drawn of a node, by how wide it is in pixels.
enum class Detail : uint8_t {
  Tile,    ///< a coloured rectangle; racks have names
  Box,     ///< with a border, and its cable
  Pods,    ///< with its name and pods as dots
  Inside,  ///< with its devices and their wiring
};
Detail DetailAt(double scale);
/// Whether that site's inside is drawn: of a node with a few pods sooner than of one with many.
bool IsInsideDrawn(const CanvasState& state, uint32_t site, double scale);

/// Draws the canvas with any painter: on the screen, into a picture, SVG or PDF. What is thin on the screen is thin
/// everywhere: lines and texts have sizes in pixels, places come from the camera.
class CanvasPainter {
 public:
  /// @param window  the rectangle to fill, from (0, 0)
  CanvasPainter(QPainter& painter, const CanvasState& state, const Camera& camera, QSizeF window, const Theme& theme);
  void Paint();

 private:
  struct Label {
    QRectF box;
    QString text;
    int priority = 0;  ///< larger ones first
    Qt::Alignment alignment = Qt::AlignCenter;
    QColor colour;
    bool isBold = false, isSmall = false;
    bool floats = false;  ///< over other things: it gets a ground, and gives way to others
    QColor ground = {};   ///< of the box that it stands in: hides the followed packet's way behind the words
  };

  // --- one function per thing
  void PaintRacks();
  void PaintCables();
  void PaintSites();
  void PaintSite(uint32_t index);
  void PaintPodDots(uint32_t index);
  void PaintInside(uint32_t index);
  void PaintDevice(const layout::DeviceBox& device, bool isNode);
  void PaintPod(const layout::PodBox& pod);
  void PaintEdges();
  void PaintTunnels();
  void PaintFlows();
  void PaintPath();
  void PaintTraffic();
  void PaintPacket();
  void PaintBricks(QPointF at);
  /// Where something of that size stands beside a point and hides least of the labels.
  QRectF PlaceBeside(QPointF at, QSizeF size) const;
  void PaintFocus();
  void PaintLabels();
  void PaintLegend();
  void PaintNothing();

  bool IsSeen(const layout::Box& box) const { return box.Intersects(m_seen); }
  bool IsOnScreen(const QRectF& box) const { return m_window.intersects(box); }
  /// The site of that namespace while nothing of its inside is drawn; kNone: it is, or it has no site.
  uint32_t ClosedSiteOf(uint32_t netns) const;
  /// Small boxes have square corners, and so have all with radius 0.
  void PaintBox(const QRectF& box, const QColor& fill, const QColor& border, double radius,
                Qt::PenStyle style = Qt::SolidLine);
  void AddLabel(Label label);
  void NameLines(std::vector<Label> names);  ///< of tunnels or flows
  void AddCableLabel(uint32_t cable);
  const QFont& FontOf(const Label& label) const { return label.isSmall ? m_small : label.isBold ? m_bold : m_font; }
  QColor Mixed(const QColor& a, const QColor& b, double share) const;

  QPainter& m_painter;
  const CanvasState& m_state;
  const Camera m_camera;
  const QRectF m_window;
  const Theme& m_theme;
  const layout::Box m_seen;  ///< the part of the canvas that is in the window
  const Detail m_detail;
  QFont m_font, m_bold, m_small;
  double m_line = 14, m_smallLine = 12;  ///< heights of the fonts
  std::vector<Label> m_labels;
  std::vector<QLineF> m_way;  ///< of the followed packet, as it is drawn
  QRectF m_legend;            ///< where it stands
};

/// Shares of a heat scale as the legend says them.
QString HeatName(Heat heat);
QString LensName(Lens lens);

/// Of a tunnel or flow: bowed, so that both directions are seen; as a whole in the window, if both its ends are.
QPainterPath CurveBetween(QPointF a, QPointF b, const QRectF& window);

/// For a label that belongs there: its place, or one beside it in the window where nothing is taken; an empty window:
/// its place alone. None: better no label than one over another.
std::optional<QRectF> FreePlaceFor(const QRectF& box, const std::vector<QRectF>& taken, const QRectF& window);

}  // namespace overlaysim::views
