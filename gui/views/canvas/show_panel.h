#pragma once

#include <QString>
#include <QWidget>
#include <string>
#include <vector>

#include "gui/views/canvas/canvas_state.h"

class QLineEdit;
class QTreeWidget;
class QTreeWidgetItem;

namespace overlaysim::views {

/// "Hidden: namespace shop, label app=web (12 pods). As one: rack leaf2"; "" when everything is shown.
QString ShownSentence(const CanvasState& state);

/// What the canvas shows, to choose: namespaces, labels, racks and VNIs, each hidden, shown, or shown as one box.
class ShowPanel : public QWidget {
  Q_OBJECT
 public:
  explicit ShowPanel(QWidget* parent = nullptr);

  /// What there is to choose from; null: nothing.
  void SetState(const CanvasState* state);
  void Refresh();  ///< after others have changed what is shown
  QTreeWidget& Tree() { return *m_tree; }

 signals:
  void Chosen(const overlaysim::layout::Shown& shown);
  void Closed();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
  void showEvent(QShowEvent*) override;

 private:
  enum class Kind : uint8_t { Namespace, Label, Rack, Vni };
  struct Choice {
    Kind kind;
    std::string name;
    QString text, holds;
    bool canBeOne = true;  ///< one box in place of what it holds: pods, or a rack
    uint32_t vni = 0;
  };
  struct State {
    bool isShown, isOne;
  };
  void Read();
  void Fill();
  void AddChoices(QTreeWidgetItem* under, const QString& what, const std::vector<const Choice*>& choices,
                  const QString& wanted);
  State StateOf(const Choice& choice) const;
  void SetState(QTreeWidgetItem& item, const Choice& choice);
  const Choice* ChoiceOf(const QTreeWidgetItem& item) const;  ///< null: it is none
  void Take(QTreeWidgetItem* item, int column);

  const CanvasState* m_state = nullptr;
  QLineEdit* m_find;
  QTreeWidget* m_tree;
  std::vector<Choice> m_choices;  ///< by kind, and labels by key
  bool m_isStale = true, m_isFilling = false;
};

}  // namespace overlaysim::views
