#pragma once

#include <QJsonArray>
#include <QWidget>
#include <memory>
#include <vector>

#include "gui/replay/packet_list.h"

class QLabel;
class QTabWidget;
class QTreeView;
class QTreeWidget;
class QTreeWidgetItem;

namespace overlaysim::itemmodels {
class FieldTreeModel;
}

namespace overlaysim::views {

class HeaderDiagram;
class HexView;
class Sharkd;

/// One packet taken apart: tree, bytes and header diagram, linked each way; and, where Wireshark's sharkd is installed,
/// what Wireshark's dissectors make of it.
class PacketPanes : public QWidget {
  Q_OBJECT
 public:
  explicit PacketPanes(QWidget* parent = nullptr);
  ~PacketPanes() override;

  void SetVxlanPorts(std::vector<uint16_t> ports);
  void Show(const replay::PacketContent& content);
  void ShowNothing();
  void Choose(uint32_t offset, uint32_t length);  ///< in all panes
  void SaveDiagram();                             ///< asks for a file
  QTreeView* Tree() const { return m_tree; }
  HexView* Bytes() const { return m_bytes; }

 signals:
  void FilterRequested(const QString& condition);

 private:
  void ChooseFromTree();
  void ShowTreeMenu(const QPoint& at);
  void AskSharkd();
  void ShowSharkd(const QJsonArray& tree);

  itemmodels::FieldTreeModel* m_fields;
  QTreeView* m_tree;
  QTabWidget* m_tabs;
  HexView* m_bytes;
  HeaderDiagram* m_diagram;
  QWidget* m_sharkdPage;
  QTreeWidget* m_sharkdTree;
  QLabel* m_sharkdMessage;
  std::unique_ptr<Sharkd> m_sharkd;
  std::vector<uint16_t> m_vxlanPorts;
  replay::PacketContent m_content;
  bool m_isChoosing = false, m_isSharkdStale = true;
};

}  // namespace overlaysim::views
