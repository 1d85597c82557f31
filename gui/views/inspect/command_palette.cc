#include "gui/views/inspect/command_palette.h"

#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QStandardItemModel>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "gui/itemmodels/search_model.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

using itemmodels::SearchModel;

CommandPalette::CommandPalette(Session& session, QWidget* parent)
    : QDialog(parent), m_session(session), m_search(new SearchModel(this)), m_shown(new QStandardItemModel(this)) {
  setWindowTitle(tr("Go to"));
  setAccessibleName(tr("Command palette"));
  resize(560, 380);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(8, 8, 8, 8);
  m_edit = new QLineEdit(this);
  m_edit->setPlaceholderText(tr("a pod, node, address, MAC, flow, link or action"));
  m_edit->setClearButtonEnabled(true);
  m_edit->setAccessibleName(tr("Search"));
  m_edit->installEventFilter(this);
  m_list = new QListView(this);
  m_list->setModel(m_shown);
  m_list->setUniformItemSizes(true);
  m_list->setEditTriggers(QListView::NoEditTriggers);
  m_list->setAccessibleName(tr("Found"));
  m_list->setFocusPolicy(Qt::NoFocus);
  m_hint = new QLabel(tr("↑ ↓ choose · Enter goes there · Esc closes"), this);
  m_hint->setForegroundRole(QPalette::PlaceholderText);
  column->addWidget(m_edit);
  column->addWidget(m_list, 1);
  column->addWidget(m_hint);
  connect(m_edit, &QLineEdit::textChanged, this, &CommandPalette::Search);
  connect(m_list, &QListView::clicked, this, [this](const QModelIndex& index) { Take(index.row()); });
  const auto load = [this] { m_search->SetPlan(m_session.Run() ? &m_session.Run()->Plan() : nullptr); };
  connect(&session, &Session::RunAboutToChange, this, [this] { m_search->SetPlan(nullptr); });
  connect(&session, &Session::RunChanged, this, load);
  load();
}

void CommandPalette::AddAction(const QString& name, std::function<void()> action) {
  m_actions.push_back({name, std::move(action)});
}

void CommandPalette::Open() {
  m_edit->clear();
  Search({});
  show();
  raise();
  activateWindow();
  m_edit->setFocus();
}

void CommandPalette::Search(const QString& text) {
  if (m_edit->text() != text) {
    m_edit->setText(text);  // which searches
    return;
  }
  m_shown->clear();
  m_shownActions.clear();
  const QStringList words = text.split(QLatin1Char(' '), Qt::SkipEmptyParts);
  for (size_t i = 0; i < m_actions.size(); ++i) {
    const QString& name = m_actions[i].name;
    if (!std::all_of(words.begin(), words.end(),
                     [&](const QString& word) { return name.contains(word, Qt::CaseInsensitive); }))
      continue;
    m_shownActions.push_back(i);
    m_shown->appendRow(new QStandardItem(tr("▸ %1").arg(name)));
  }
  m_search->Search(text.trimmed());
  for (int row = 0; row < m_search->rowCount(); ++row) {
    const QModelIndex index = m_search->index(row, 0);
    const QString detail = index.data(SearchModel::DetailRole).toString();
    m_shown->appendRow(new QStandardItem(QStringLiteral("%1   %2").arg(
        index.data().toString(), detail.isEmpty() ? index.data(SearchModel::KindNameRole).toString() : detail)));
  }
  if (m_shown->rowCount() > 0) m_list->setCurrentIndex(m_shown->index(0, 0));
}

int CommandPalette::Count() const { return m_shown->rowCount(); }

void CommandPalette::Take(int row) {
  if (row < 0 || row >= Count()) return;
  hide();
  if (static_cast<size_t>(row) < m_shownActions.size())
    m_actions[m_shownActions[static_cast<size_t>(row)]].run();
  else
    GoTo(row - static_cast<int>(m_shownActions.size()));
}

void CommandPalette::GoTo(int row) {
  const replay::Found found = m_search->FoundAt(row);
  Place place;
  switch (found.kind) {
    case replay::Found::Kind::Flow:
      emit FlowChosen(found.number);
      return;
    case replay::Found::Kind::Cable:
      place.kind = Place::Kind::Cable;
      place.cable = found.number;
      break;
    default:
      place.kind = found.ifindex == 0 ? Place::Kind::Netns : Place::Kind::Device;
      place.netns = found.netns;
      place.ifindex = found.ifindex;
  }
  m_session.Select(place);
}

bool CommandPalette::eventFilter(QObject* watched, QEvent* event) {
  if (watched != m_edit || event->type() != QEvent::KeyPress) return QDialog::eventFilter(watched, event);
  const auto* key = static_cast<QKeyEvent*>(event);
  const int row = m_list->currentIndex().row();
  const auto move = [&](int to) {
    if (Count() > 0) m_list->setCurrentIndex(m_shown->index(std::clamp(to, 0, Count() - 1), 0));
  };
  switch (key->key()) {
    case Qt::Key_Down:
      move(row + 1);
      return true;
    case Qt::Key_Up:
      move(row - 1);
      return true;
    case Qt::Key_PageDown:
      move(row + 10);
      return true;
    case Qt::Key_PageUp:
      move(row - 10);
      return true;
    case Qt::Key_Return:
    case Qt::Key_Enter:
      Take(row);
      return true;
    default:
      return QDialog::eventFilter(watched, event);
  }
}

}  // namespace overlaysim::views
