#include "gui/views/packets/packet_panes.h"

#include <QClipboard>
#include <QFileDialog>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QJsonObject>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QPushButton>
#include <QScrollArea>
#include <QSplitter>
#include <QTabWidget>
#include <QTreeView>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <utility>

#include "gui/itemmodels/field_tree_model.h"
#include "gui/views/packets/header_diagram.h"
#include "gui/views/packets/hex_view.h"
#include "gui/views/packets/sharkd.h"

namespace overlaysim::views {

using itemmodels::FieldTreeModel;

namespace {

constexpr int kMostSharkdItems = 5000;
constexpr int kOffset = Qt::UserRole, kLength = Qt::UserRole + 1, kFilter = Qt::UserRole + 2;

void AddSharkdItems(const QJsonArray& tree, QTreeWidgetItem* parent, int& left) {
  for (const QJsonValue& value : tree) {
    if (--left < 0) return;
    const QJsonObject object = value.toObject();
    auto* item = new QTreeWidgetItem(parent, {object.value(QLatin1String("l")).toString()});
    const QJsonArray place = object.value(QLatin1String("h")).toArray();
    if (place.size() == 2) {
      item->setData(0, kOffset, place[0].toInt());
      item->setData(0, kLength, place[1].toInt());
    }
    item->setData(0, kFilter, object.value(QLatin1String("f")).toString());
    AddSharkdItems(object.value(QLatin1String("n")).toArray(), item, left);
  }
}

}  // namespace

PacketPanes::PacketPanes(QWidget* parent) : QWidget(parent), m_fields(new FieldTreeModel(this)) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  auto* splitter = new QSplitter(Qt::Horizontal, this);
  row->addWidget(splitter);
  m_tree = new QTreeView(splitter);
  m_tree->setModel(m_fields);
  m_tree->setHeaderHidden(true);
  m_tree->setUniformRowHeights(true);
  m_tree->setFrameShape(QFrame::NoFrame);
  m_tree->setAccessibleName(tr("Headers and fields"));
  m_tree->setContextMenuPolicy(Qt::CustomContextMenu);
  m_tree->header()->setStretchLastSection(true);
  m_tabs = new QTabWidget(splitter);
  m_tabs->setAccessibleName(tr("Bytes or diagram"));
  m_tabs->setDocumentMode(true);
  m_bytes = new HexView(m_tabs);
  m_tabs->addTab(m_bytes, tr("Bytes"));
  auto* scroll = new QScrollArea(m_tabs);
  scroll->setAccessibleName(tr("Diagram of the headers"));
  scroll->setFrameShape(QFrame::NoFrame);
  m_diagram = new HeaderDiagram;
  scroll->setWidget(m_diagram);
  scroll->setWidgetResizable(true);
  m_tabs->addTab(scroll, tr("Diagram"));
  m_sharkdPage = new QWidget(m_tabs);
  auto* sharkd = new QVBoxLayout(m_sharkdPage);
  sharkd->setContentsMargins(0, 0, 0, 0);
  m_sharkdMessage = new QLabel(m_sharkdPage);
  m_sharkdMessage->setTextFormat(Qt::PlainText);
  m_sharkdMessage->setWordWrap(true);
  m_sharkdMessage->setMargin(6);
  m_sharkdTree = new QTreeWidget(m_sharkdPage);
  m_sharkdTree->setHeaderHidden(true);
  m_sharkdTree->setFrameShape(QFrame::NoFrame);
  m_sharkdTree->setAccessibleName(tr("Fields as Wireshark names them"));
  sharkd->addWidget(m_sharkdMessage);
  sharkd->addWidget(m_sharkdTree, 1);
  m_tabs->addTab(m_sharkdPage, tr("Wireshark's view"));
  splitter->addWidget(m_tree);
  splitter->addWidget(m_tabs);
  splitter->setSizes({500, 560});
  splitter->setChildrenCollapsible(false);

  connect(m_tree->selectionModel(), &QItemSelectionModel::currentChanged, this, &PacketPanes::ChooseFromTree);
  connect(m_tree, &QTreeView::customContextMenuRequested, this, &PacketPanes::ShowTreeMenu);
  connect(m_bytes, &HexView::ByteChosen, this, [this](quint32 offset) { Choose(offset, 1); });
  connect(m_diagram, &HeaderDiagram::FieldChosen, this, &PacketPanes::Choose);
  connect(m_tabs, &QTabWidget::currentChanged, this, &PacketPanes::AskSharkd);
  connect(m_sharkdTree, &QTreeWidget::currentItemChanged, this, [this](const QTreeWidgetItem* item) {
    if (!item || !item->data(0, kLength).isValid()) return;
    const uint offset = item->data(0, kOffset).toUInt(), length = item->data(0, kLength).toUInt();
    m_bytes->Mark(offset, length);
    m_diagram->Mark(offset, length);
  });
}

PacketPanes::~PacketPanes() = default;

void PacketPanes::SetVxlanPorts(std::vector<uint16_t> ports) {
  if (ports == m_vxlanPorts) return;
  m_vxlanPorts = std::move(ports);
  m_sharkd.reset();
}

void PacketPanes::Show(const replay::PacketContent& content) {
  m_content = content;
  m_fields->SetPacket(content.packet);
  for (int i = 0; i < m_fields->rowCount(); ++i) {
    const QModelIndex header = m_fields->index(i, 0);
    if (m_fields->rowCount(header) <= 24) m_tree->expand(header);
  }
  m_bytes->Show(content.bytes, content.wireBytes);
  m_diagram->Show(content.packet);
  m_isSharkdStale = true;
  AskSharkd();
}

void PacketPanes::ShowNothing() { Show({}); }

void PacketPanes::Choose(uint32_t offset, uint32_t length) {
  if (m_isChoosing) return;
  const QModelIndex index = m_fields->AtOffset(offset);
  m_isChoosing = true;
  if (index.isValid()) {
    m_tree->setCurrentIndex(index);
    m_tree->scrollTo(index);
    offset = index.data(FieldTreeModel::OffsetRole).toUInt();
    length = index.data(FieldTreeModel::LengthRole).toUInt();
  }
  m_isChoosing = false;
  m_bytes->Mark(offset, length);
  m_diagram->Mark(offset, length);
}

void PacketPanes::ChooseFromTree() {
  const QModelIndex index = m_tree->currentIndex();
  if (m_isChoosing || !index.isValid()) return;
  QModelIndex header = index;
  while (header.parent().isValid()) header = header.parent();
  const uint offset = index.data(FieldTreeModel::OffsetRole).toUInt(),
             length = index.data(FieldTreeModel::LengthRole).toUInt();
  m_bytes->Mark(offset, length, header.data(FieldTreeModel::OffsetRole).toUInt(),
                header.data(FieldTreeModel::LengthRole).toUInt());
  m_diagram->Mark(offset, length);
}

void PacketPanes::ShowTreeMenu(const QPoint& at) {
  const QModelIndex index = m_tree->indexAt(at);
  QMenu menu(this);
  if (const QString filter = index.data(FieldTreeModel::FilterRole).toString(); !filter.isEmpty()) {
    QString shown = filter;
    shown.replace(QLatin1Char('&'), QStringLiteral("&&"));
    menu.addAction(tr("Apply as filter: %1").arg(shown), this, [this, filter] { emit FilterRequested(filter); });
    menu.addAction(tr("Copy the filter"), this, [filter] { QGuiApplication::clipboard()->setText(filter); });
  }
  if (index.isValid())
    menu.addAction(tr("Copy this line"), this,
                   [text = index.data().toString()] { QGuiApplication::clipboard()->setText(text); });
  menu.addAction(tr("Copy the bytes"), this, [this] { QGuiApplication::clipboard()->setText(m_bytes->Text()); });
  menu.addAction(tr("Save the header diagram…"), this, &PacketPanes::SaveDiagram);
  menu.exec(m_tree->viewport()->mapToGlobal(at));
}

void PacketPanes::SaveDiagram() {
  const QString path = QFileDialog::getSaveFileName(this, tr("Save the header diagram"), QStringLiteral("headers.svg"),
                                                    tr("Pictures (*.svg *.png)"));
  if (path.isEmpty()) return;
  if (const QString error = m_diagram->Save(path); !error.isEmpty()) QMessageBox::warning(this, tr("Not saved"), error);
}

void PacketPanes::AskSharkd() {
  if (m_tabs->currentWidget() != m_sharkdPage || !m_isSharkdStale) return;
  m_isSharkdStale = false;
  m_sharkdTree->clear();
  if (m_content.bytes.empty()) {
    m_sharkdMessage->setText(tr("The bytes of this packet are not recorded."));
    m_sharkdMessage->show();
    return;
  }
  if (!m_sharkd) {
    m_sharkd = std::make_unique<Sharkd>(m_vxlanPorts);
    connect(m_sharkd.get(), &Sharkd::Dissected, this, &PacketPanes::ShowSharkd);
    connect(m_sharkd.get(), &Sharkd::Failed, this, [this](const QString& sentence) {
      m_sharkdMessage->setText(sentence);
      m_sharkdMessage->show();
    });
  }
  m_sharkdMessage->setText(tr("asking Wireshark's dissectors …"));
  m_sharkdMessage->show();
  m_sharkd->Dissect(m_content.bytes, m_content.layer, m_content.wireBytes);
}

void PacketPanes::ShowSharkd(const QJsonArray& tree) {
  m_sharkdMessage->hide();
  m_sharkdTree->clear();
  int left = kMostSharkdItems;
  AddSharkdItems(tree, m_sharkdTree->invisibleRootItem(), left);
  // The last protocol is the one that our own tree may not have.
  if (const int count = m_sharkdTree->topLevelItemCount(); count > 0)
    m_sharkdTree->expandItem(m_sharkdTree->topLevelItem(count - 1));
}

}  // namespace overlaysim::views
