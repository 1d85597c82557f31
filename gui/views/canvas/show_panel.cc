#include "gui/views/canvas/show_panel.h"

#include <QCoreApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>
#include <QTreeWidget>
#include <QVBoxLayout>
#include <algorithm>
#include <map>
#include <tuple>
#include <type_traits>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

using layout::Shown;
using replay::Netns;
using replay::Role;

constexpr int kName = 0, kAsOne = 1, kHolds = 2;
constexpr size_t kMostValues = 300;  ///< of one label that are listed at once
constexpr int kChoiceRole = Qt::UserRole;

QString Text(const std::string& text) { return QString::fromStdString(text); }
QString Tr(const char* text) { return QCoreApplication::translate("overlaysim::views::Canvas", text); }

template <typename Names>
void AddNames(const char* what, const Names& names, QStringList& words) {
  constexpr size_t kMostNames = 3;
  size_t shown = 0;
  for (const auto& name : names) {
    if (shown++ == kMostNames) {
      words << Tr("%1 more").arg(names.size() - kMostNames);
      return;
    }
    if constexpr (std::is_integral_v<std::decay_t<decltype(name)>>)
      words << Tr(what).arg(name);
    else
      words << Tr(what).arg(Text(name));
  }
}

QStringList NamesOf(const Shown::Set& set) {
  QStringList words;
  AddNames("namespace %1", set.namespaces, words);
  AddNames("label %1", set.labels, words);
  AddNames("rack %1", set.racks, words);
  return words;
}

QString Counted(size_t pods, size_t nodes) {
  QStringList words;
  if (nodes > 0) words << (nodes == 1 ? Tr("1 node") : Tr("%1 nodes").arg(CountText(nodes)));
  if (pods > 0) words << (pods == 1 ? Tr("1 pod") : Tr("%1 pods").arg(CountText(pods)));
  return words.join(QStringLiteral(", "));
}

}  // namespace

QString ShownSentence(const CanvasState& state) {
  if (!state.Topology()) return {};
  const Shown& shown = state.GetShown();
  QStringList parts;
  QStringList hidden = NamesOf(shown.hidden);
  AddNames("VNI %1", shown.hiddenVnis, hidden);
  if (!hidden.isEmpty()) {
    QString part = Tr("Hidden: %1").arg(hidden.join(QStringLiteral(", ")));
    const QString counted = Counted(state.HiddenPods(), state.HiddenNodes());
    if (!counted.isEmpty()) part += QStringLiteral(" (%1)").arg(counted);
    parts << part;
  }
  if (!shown.collapsed.IsEmpty()) parts << Tr("As one: %1").arg(NamesOf(shown.collapsed).join(QStringLiteral(", ")));
  if (state.OnlyRelated()) parts << Tr("Only what is related to the selection is shown");
  return parts.join(QStringLiteral(" · "));
}

ShowPanel::ShowPanel(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("What the network shows"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(6, 6, 6, 6);
  auto* row = new QHBoxLayout;
  m_find = new QLineEdit(this);
  m_find->setPlaceholderText(tr("Find namespace, label, rack or VNI"));
  m_find->setAccessibleName(m_find->placeholderText());
  m_find->setClearButtonEnabled(true);
  auto* close = new QToolButton(this);
  close->setText(QStringLiteral("✕"));
  close->setToolTip(tr("Close (Esc)"));
  close->setAccessibleName(tr("Close the list of what is shown"));
  row->addWidget(m_find, 1);
  row->addWidget(close);
  column->addLayout(row);
  m_tree = new QTreeWidget(this);
  m_tree->setHeaderLabels({tr("Shown"), tr("As one"), tr("Holds")});
  m_tree->header()->setStretchLastSection(false);
  m_tree->header()->setSectionResizeMode(kName, QHeaderView::Stretch);
  m_tree->header()->setSectionResizeMode(kAsOne, QHeaderView::ResizeToContents);
  m_tree->header()->setSectionResizeMode(kHolds, QHeaderView::ResizeToContents);
  m_tree->setUniformRowHeights(true);
  m_tree->setAllColumnsShowFocus(true);
  m_tree->setAccessibleName(tr("Namespaces, labels, racks and VNIs that are shown"));
  m_tree->installEventFilter(this);
  column->addWidget(m_tree, 1);
  auto* keys = new QLabel(tr("Space shows or hides, Shift+Space makes one box of it"), this);
  keys->setWordWrap(true);
  keys->setForegroundRole(QPalette::PlaceholderText);
  column->addWidget(keys);
  connect(close, &QToolButton::clicked, this, &ShowPanel::Closed);
  connect(m_find, &QLineEdit::textChanged, this, &ShowPanel::Fill);
  connect(m_tree, &QTreeWidget::itemChanged, this, &ShowPanel::Take);
}

void ShowPanel::SetState(const CanvasState* state) {
  m_state = state;
  m_isStale = true;
  if (!state) m_choices.clear();
  if (isVisible()) showEvent(nullptr);
}

void ShowPanel::showEvent(QShowEvent*) {
  if (m_isStale) Read();
  m_isStale = false;
  Fill();
}

bool ShowPanel::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() != QEvent::KeyPress) return QWidget::eventFilter(watched, event);
  const auto* key = static_cast<QKeyEvent*>(event);
  if (key->key() == Qt::Key_Escape) {
    emit Closed();
    return true;
  }
  QTreeWidgetItem* item = m_tree->currentItem();
  if (key->key() != Qt::Key_Space || !item || !item->data(kName, kChoiceRole).isValid())
    return QWidget::eventFilter(watched, event);
  const int column = key->modifiers() & Qt::ShiftModifier ? kAsOne : kName;
  if (item->data(column, Qt::CheckStateRole).isValid())
    item->setCheckState(column, item->checkState(column) == Qt::Checked ? Qt::Unchecked : Qt::Checked);
  return true;
}

void ShowPanel::Read() {
  m_choices.clear();
  if (!m_state || !m_state->Topology()) return;
  const replay::Topology& plan = *m_state->Topology();
  struct Count {
    size_t pods = 0, nodes = 0;
  };
  std::map<std::string, Count, std::less<>> namespaces;
  std::vector<Count> labels(plan.labels.size());
  std::map<std::string, Count> racks;
  for (const Netns& netns : plan.netns) {
    const bool isPod = netns.role == Role::Pod;
    for (const uint32_t label : netns.labels) ++(isPod ? labels[label].pods : labels[label].nodes);
    if (isPod) {
      const auto found = namespaces.find(netns.PodNamespace());
      ++(found != namespaces.end() ? found : namespaces.emplace(netns.PodNamespace(), Count()).first)->second.pods;
    }
    if (netns.role != Role::Node) continue;
    const uint32_t rack = plan.RackOf(netns.id);
    if (rack < plan.netns.size()) ++racks[plan.netns[rack].name].nodes;
  }
  const auto add = [&](Kind kind, const std::string& name, const QString& text, const Count& count) {
    m_choices.push_back({kind, name, text, Counted(count.pods, count.nodes), kind == Kind::Rack || count.pods > 0});
  };
  for (const auto& [name, count] : namespaces) add(Kind::Namespace, name, Text(name), count);
  std::vector<uint32_t> order(labels.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  // By key, and of each the values that most have first.
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    const auto &x = plan.labels[a], &y = plan.labels[b];
    const size_t have = labels[a].pods + labels[a].nodes, others = labels[b].pods + labels[b].nodes;
    return std::tie(x.key, others, x.value) < std::tie(y.key, have, y.value);
  });
  for (const uint32_t label : order)
    add(Kind::Label, plan.labels[label].key + "=" + plan.labels[label].value, Text(plan.labels[label].value),
        labels[label]);
  for (const auto& [name, count] : racks) add(Kind::Rack, name, Text(name), count);
  for (const auto& [vni, tunnels] : m_state->Vnis()) {
    m_choices.push_back({Kind::Vni,
                         {},
                         QString::number(vni),
                         tunnels == 1 ? tr("1 tunnel") : tr("%1 tunnels").arg(CountText(tunnels)),
                         false,
                         vni});
  }
}

void ShowPanel::Fill() {
  m_isFilling = true;
  const bool isFirst = m_tree->topLevelItemCount() == 0;
  const QVariant current = m_tree->currentItem() ? m_tree->currentItem()->data(kName, kChoiceRole) : QVariant();
  std::vector<QString> closed;
  for (int i = 0; i < m_tree->topLevelItemCount(); ++i)
    if (!m_tree->topLevelItem(i)->isExpanded()) closed.push_back(m_tree->topLevelItem(i)->text(kName));
  m_tree->clear();
  const QString wanted = m_find->text().trimmed();
  std::map<Kind, std::vector<const Choice*>> byKind;
  std::map<std::string, std::vector<const Choice*>> byKey;
  for (const Choice& choice : m_choices) {
    if (choice.kind == Kind::Label)
      byKey[choice.name.substr(0, choice.name.find('='))].push_back(&choice);
    else
      byKind[choice.kind].push_back(&choice);
  }
  const auto group = [&](const QString& title) {
    auto* item = new QTreeWidgetItem(m_tree, {title});
    item->setFirstColumnSpanned(true);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    return item;
  };
  const std::pair<Kind, QString> groups[] = {
      {Kind::Namespace, tr("Namespaces")}, {Kind::Rack, tr("Racks")}, {Kind::Vni, tr("Tunnels by VNI")}};
  for (const auto& [kind, title] : groups)
    if (!byKind[kind].empty()) AddChoices(group(title), title, byKind[kind], wanted);
  for (const auto& [key, choices] : byKey) AddChoices(group(tr("Label %1").arg(Text(key))), Text(key), choices, wanted);
  for (int i = m_tree->topLevelItemCount(); i-- > 0;) {
    QTreeWidgetItem* item = m_tree->topLevelItem(i);
    if (item->childCount() == 0) {
      delete m_tree->takeTopLevelItem(i);
      continue;
    }
    constexpr int kFew = 12;
    const bool wasClosed = std::find(closed.begin(), closed.end(), item->text(kName)) != closed.end();
    const bool opens = isFirst ? item->childCount() <= kFew : !wasClosed;
    item->setExpanded(opens || !wanted.isEmpty());
    for (int c = 0; c < item->childCount(); ++c)
      if (current.isValid() && item->child(c)->data(kName, kChoiceRole) == current)
        m_tree->setCurrentItem(item->child(c));
  }
  m_isFilling = false;
}

void ShowPanel::AddChoices(QTreeWidgetItem* under, const QString& what, const std::vector<const Choice*>& choices,
                           const QString& wanted) {
  size_t added = 0, left = 0;
  for (const Choice* choice : choices) {
    if (!wanted.isEmpty() && !choice->text.contains(wanted, Qt::CaseInsensitive) &&
        !what.contains(wanted, Qt::CaseInsensitive))
      continue;
    const State state = StateOf(*choice);
    if (added >= kMostValues && state.isShown && !state.isOne) {
      ++left;
      continue;
    }
    ++added;
    auto* item = new QTreeWidgetItem(under, {choice->text.isEmpty() ? tr("(empty)") : choice->text, {}, choice->holds});
    item->setData(kName, kChoiceRole, static_cast<int>(choice - m_choices.data()));
    item->setToolTip(kName, choice->text);
    SetState(*item, *choice);
  }
  if (left > 0) {
    auto* item = new QTreeWidgetItem(under, {tr("%1 more: type to find them").arg(CountText(left))});
    item->setFlags(Qt::ItemIsEnabled);
  }
}

ShowPanel::State ShowPanel::StateOf(const Choice& choice) const {
  const Shown& shown = m_state->GetShown();
  if (choice.kind == Kind::Vni) return {shown.hiddenVnis.count(choice.vni) == 0, false};
  const auto has = [&](const Shown::Set& set) {
    return (choice.kind == Kind::Namespace ? set.namespaces
            : choice.kind == Kind::Label   ? set.labels
                                           : set.racks)
               .count(choice.name) > 0;
  };
  return {!has(shown.hidden), has(shown.collapsed)};
}

void ShowPanel::SetState(QTreeWidgetItem& item, const Choice& choice) {
  const State state = StateOf(choice);
  item.setCheckState(kName, state.isShown ? Qt::Checked : Qt::Unchecked);
  if (choice.canBeOne) item.setCheckState(kAsOne, state.isOne ? Qt::Checked : Qt::Unchecked);
  const QString word = state.isShown ? tr("shown") : tr("hidden"), one = tr("one box"), each = tr("each by itself");
  item.setData(kName, Qt::AccessibleTextRole, QStringLiteral("%1, %2").arg(choice.text, word));
  item.setData(kAsOne, Qt::AccessibleTextRole, state.isOne ? one : each);
}

void ShowPanel::Refresh() {
  if (!m_state || !isVisible()) return;
  m_isFilling = true;
  for (int i = 0; i < m_tree->topLevelItemCount(); ++i) {
    QTreeWidgetItem* group = m_tree->topLevelItem(i);
    for (int c = 0; c < group->childCount(); ++c)
      if (const Choice* choice = ChoiceOf(*group->child(c))) SetState(*group->child(c), *choice);
  }
  m_isFilling = false;
}

const ShowPanel::Choice* ShowPanel::ChoiceOf(const QTreeWidgetItem& item) const {
  const QVariant at = item.data(kName, kChoiceRole);
  return at.isValid() ? &m_choices[static_cast<size_t>(at.toInt())] : nullptr;
}

void ShowPanel::Take(QTreeWidgetItem* item, int column) {
  const Choice* choice = m_isFilling || !m_state || column > kAsOne ? nullptr : ChoiceOf(*item);
  if (!choice) return;
  Shown shown = m_state->GetShown();
  const auto put = [](auto& names, const auto& name, bool isIn) {
    if (isIn)
      names.insert(name);
    else
      names.erase(name);
  };
  const bool isChecked = item->checkState(column) == Qt::Checked;
  if (choice->kind == Kind::Vni) {
    put(shown.hiddenVnis, choice->vni, !isChecked);
  } else {
    Shown::Set& set = column == kName ? shown.hidden : shown.collapsed;
    put(choice->kind == Kind::Namespace ? set.namespaces
        : choice->kind == Kind::Label   ? set.labels
                                        : set.racks,
        choice->name, column == kName ? !isChecked : isChecked);
  }
  emit Chosen(shown);
}

}  // namespace overlaysim::views
