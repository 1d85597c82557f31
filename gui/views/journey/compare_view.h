#pragma once

#include <QAbstractTableModel>
#include <QWidget>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "gui/views/session.h"

class QPushButton;
class QLabel;
class QTableView;

namespace overlaysim::views {

/// Steps of two journeys side by side: those of one stage at places of one role stand in a row, in both's order.
struct ComparedStep {
  int left = -1, right = -1;  ///< indices of hops; -1: the other one does not have this step
};
std::vector<ComparedStep> AlignJourneys(const replay::Topology& leftPlan, const replay::Journey& left,
                                        const replay::Topology& rightPlan, const replay::Journey& right);

/// What a journey comes to.
struct JourneySummary {
  int64_t durationNs = 0;
  uint32_t sentBytes = 0, mostBytes = 0;  ///< as it was made; the largest that it was on its way
  uint32_t overheadBytes = 0;             ///< the most that tunnels cost on the way
  int steps = 0, machines = 0;

  static JourneySummary Of(replay::Run& run, const replay::Journey& journey);
};

class CompareModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { LeftStep, LeftBytes, Difference, RightBytes, RightStep, ColumnCount };
  using QAbstractTableModel::QAbstractTableModel;
  void Show(const replay::Journey* left, const replay::Journey* right, std::vector<ComparedStep> steps);
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;
  const ComparedStep& StepAt(int row) const { return m_steps[static_cast<size_t>(row)]; }
  int RowOf(int leftStep) const;  ///< -1: none

 private:
  const replay::Journey *m_left = nullptr, *m_right = nullptr;
  std::vector<ComparedStep> m_steps;
};

/// The followed packet beside another one: of this run or of another run directory.
class CompareView : public QWidget {
  Q_OBJECT
 public:
  explicit CompareView(Session& session, QWidget* parent = nullptr);

  /// "" or a sentence that says why the directory cannot be shown.
  QString OpenOther(const std::filesystem::path& directory);
  void CompareWithThisRun();
  void ShowOther(quint64 journey);
  const replay::Journey* Other() const { return m_other ? &*m_other : nullptr; }
  const CompareModel& Model() const { return *m_model; }

 private:
  void AskForDirectory();
  void AskForPacket();
  /// Of the other run, the packet that is like the followed one: of the traffic of the same name, with the same number
  /// within it, else the first. 0: there is none.
  quint64 Counterpart();
  void Refresh();
  void FollowStep();
  replay::Run* OtherRun() { return m_otherRun ? m_otherRun.get() : m_session.Run(); }

  Session& m_session;
  std::unique_ptr<replay::Run> m_otherRun;  ///< null: the session's
  std::optional<replay::Journey> m_other;
  CompareModel* m_model;
  QTableView* m_table;
  QPushButton* m_choose;
  QLabel *m_runName, *m_leftSummary, *m_rightSummary, *m_difference;
};

}  // namespace overlaysim::views
