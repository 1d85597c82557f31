#pragma once

#include <QRectF>
#include <QVariantAnimation>
#include <QWidget>
#include <filesystem>
#include <functional>

#include "gui/views/canvas/canvas_state.h"
#include "gui/views/session.h"

class QButtonGroup;
class QComboBox;
class QLabel;
class QMenu;
class QPainter;
class QPushButton;
class QToolButton;

namespace overlaysim::views {

class CanvasSurface;
class Minimap;
class ShowPanel;

/// The network as a drawing: cluster, racks, nodes, and the inside of a node, with the session's time, selection and
/// followed packet on it.
class CanvasView : public QWidget {
  Q_OBJECT
 public:
  explicit CanvasView(Session& session, QWidget* parent = nullptr);
  ~CanvasView() override;

  CanvasSurface& Surface() { return *m_surface; }
  ShowPanel& List() { return *m_list; }
  const CanvasState& State() const;
  /// Draws what is seen into a rectangle of any painter, the same way as on the screen.
  void RenderCanvas(QPainter& painter, const QRectF& target) const;
  /// .png, .svg or .pdf, by the name's ending; `size` empty: as on the screen. "" or what went wrong.
  QString ExportPicture(const QString& path, QSize size = {}, double pngScale = 2) const;
  /// frame-000001.png ... of the time from `fromNs` to `toNs` at so many pictures a second of film, which shows
  /// `nsPerSecond` of simulated time a second. Told how far it is; false ends it. "" or what went wrong.
  QString ExportFrames(const QString& directory, qint64 fromNs, qint64 toNs, double framesPerSecond, double nsPerSecond,
                       const std::function<bool(double done)>& progress = {});

 public slots:
  void SetLens(overlaysim::views::Lens lens);
  void SetHeat(overlaysim::views::Heat heat);
  void Fit();
  void ZoomToSelection();
  void SetOnlyRelated(bool only);
  void SetShown(const overlaysim::layout::Shown& shown);
  /// The list of what is shown, beside the drawing.
  void SetListShown(bool shown);
  void SetRackCollapsed(quint32 head, bool collapsed);

 signals:
  /// A menu for that place is wanted there. Actions that a window has of its own go with these.
  void MenuRequested(const overlaysim::views::Place& place, const QPoint& globalPosition);

 private:
  void MakeBar();
  void UseTheme();
  void ShowRun();
  void ShowMenu();
  void FollowStep();
  void FindTunnels();
  void SaveChoices();
  void SayWhatIsHidden();
  void LayoutChanged();

  Session& m_session;
  CanvasSurface* m_surface;
  Minimap* m_minimap;
  QWidget* m_bar;
  QButtonGroup* m_lenses;
  QComboBox* m_heats;
  QToolButton* m_shown;
  QToolButton* m_arrange;
  QMenu* m_menu;
  QLabel* m_hidden;  ///< says what is hidden
  ShowPanel* m_list;
  QLabel* m_reading;
  QPushButton* m_cancel;
  QVariantAnimation m_stepping;  ///< the packet's way to its next step
  QVariantAnimation m_pulse;
  int m_lastStep = -1;
  std::filesystem::path m_directory;  ///< of the run that is shown
};

}  // namespace overlaysim::views
