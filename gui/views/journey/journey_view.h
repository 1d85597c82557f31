#pragma once

#include <QWidget>

#include "gui/views/session.h"

class QCheckBox;
class QLabel;
class QSplitter;
class QStackedWidget;
class QToolButton;

namespace overlaysim::views {

class HopList;
class StepDetail;

/// Follow this packet: its steps in a list, the current one large. Right and Left (or . and ,) step, Home and End go to
/// the first and last.
class JourneyView : public QWidget {
  Q_OBJECT
 public:
  explicit JourneyView(Session& session, QWidget* parent = nullptr);

  bool ShowsEveryStep() const;

 public slots:
  void ShowEveryStep(bool everyStep);
  void StepForward();
  void StepBack();
  void FirstStep();
  void LastStep();
  void CopyStep();
  void CopyJourney();
  void SaveHtml();  ///< asks for a file

 protected:
  void resizeEvent(QResizeEvent* event) override;
  /// As a focus proxy, but Tab comes to what stands before it, too.
  void focusInEvent(QFocusEvent* event) override;

 private:
  void Refresh();
  void GoTo(int step);

  Session& m_session;
  QLabel *m_title, *m_outcome, *m_empty;
  QCheckBox* m_everyStep;
  QToolButton *m_first, *m_back, *m_forward, *m_last, *m_copy, *m_save;
  QStackedWidget* m_stack;
  QSplitter* m_splitter;
  HopList* m_list;
  StepDetail* m_detail;
};

}  // namespace overlaysim::views
