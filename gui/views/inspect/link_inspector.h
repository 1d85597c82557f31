#pragma once

#include <QWidget>
#include <optional>

#include "gui/views/session.h"

class QComboBox;
class QLabel;
class QPlainTextEdit;

namespace overlaysim::views {

class PlotCanvas;

/// A cable: rate, delay, queue, what each direction carried and lost and why, and its utilisation over time. Follows
/// the session's selection while it is a cable, or a device that has one.
class LinkInspector : public QWidget {
  Q_OBJECT
 public:
  explicit LinkInspector(Session& session, QWidget* parent = nullptr);

  std::optional<uint32_t> Shown() const { return m_cable; }
  QString Text() const;  ///< what is said of the cable, without the plot

 protected:
  void showEvent(QShowEvent*) override;

 private:
  void FollowSelection();
  void Refresh();
  void ShowNow();
  void Plot();

  Session& m_session;
  std::optional<uint32_t> m_cable;
  bool m_isStale = true;
  QLabel* m_title;
  QPlainTextEdit* m_text;
  QComboBox* m_quantity;
  PlotCanvas* m_canvas;
};

}  // namespace overlaysim::views
