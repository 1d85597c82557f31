#include "gui/views/journey/hop_list.h"

#include <QApplication>
#include <QPainter>
#include <algorithm>

#include "gui/views/format.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr int kPad = 7;

QFont Bold(QFont font) {
  font.setBold(true);
  return font;
}

QFont Smaller(QFont font) {
  font.setPointSizeF(font.pointSizeF() * 0.9);
  return font;
}

}  // namespace

void HopListModel::Show(const replay::Journey* journey, bool everyStep) {
  beginResetModel();
  m_journey = journey;
  m_steps.clear();
  m_also = -1;
  if (journey)
    for (size_t i = 0; i < journey->hops.size(); ++i)
      if (everyStep || journey->hops[i].isKey) m_steps.push_back(static_cast<int>(i));
  endResetModel();
}

void HopListModel::ShowAlso(int step) {
  if (step == m_also) return;
  if (m_also >= 0) {
    const int row = RowOf(m_also);
    beginRemoveRows({}, row, row);
    m_steps.erase(m_steps.begin() + row);
    m_also = -1;
    endRemoveRows();
  }
  if (!m_journey || step < 0 || step >= static_cast<int>(m_journey->hops.size())) return;
  const auto at = std::lower_bound(m_steps.begin(), m_steps.end(), step);
  if (at != m_steps.end() && *at == step) return;
  const int row = static_cast<int>(at - m_steps.begin());
  beginInsertRows({}, row, row);
  m_steps.insert(at, step);
  m_also = step;
  endInsertRows();
}

int HopListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_steps.size());
}

QVariant HopListModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const int step = StepAt(index.row());
  const replay::Hop& hop = m_journey->hops[static_cast<size_t>(step)];
  switch (role) {
    case StepRole:
      return step;
    case PlaceRole:
      return QString::fromStdString(hop.place);
    case ActionRole:
      return QString::fromStdString(hop.action);
    case LineRole:
      return QString::fromStdString(hop.line);
    case TimeRole:
      return hop.sinceLastNs == 0 ? QString() : QLatin1Char('+') + TimeText(hop.sinceLastNs);
    case SizeRole:
      return BytesText(hop.afterBytes);
    case IsDropRole:
      return IsDrop(hop.record.verdict);
    case IsKeyRole:
      return hop.isKey;
    case Qt::DisplayRole:
    case Qt::AccessibleTextRole:
      return tr("step %1: %2, %3, %4 %5")
          .arg(step + 1)
          .arg(QString::fromStdString(hop.place), QString::fromStdString(hop.action),
               QString::fromStdString(hop.tableName), QString::fromStdString(hop.line))
          .trimmed();
    default:
      return {};
  }
}

int HopListModel::RowOf(int step) const {
  const auto after = std::upper_bound(m_steps.begin(), m_steps.end(), step);
  return static_cast<int>(after - m_steps.begin()) - 1;
}

void HopDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const Theme& theme = CurrentTheme();
  const bool isCurrent = option.state.testFlag(QStyle::State_Selected);
  const bool isDrop = index.data(HopListModel::IsDropRole).toBool();
  const bool isKey = index.data(HopListModel::IsKeyRole).toBool();
  painter->save();
  painter->setRenderHint(QPainter::Antialiasing);
  const QRect rect = option.rect;
  if (isCurrent) {
    QColor tint = theme.accent;
    tint.setAlphaF(theme.isDark ? 0.28f : 0.16f);
    painter->fillRect(rect, tint);
    painter->fillRect(QRect(rect.left(), rect.top(), 4, rect.height()), theme.accent);
  }
  const QFont bold = Bold(option.font), small = Smaller(option.font);
  const QFontMetrics boldMetrics(bold), smallMetrics(small), metrics(option.font);
  const int numberWidth = metrics.horizontalAdvance(QStringLiteral("0000")) + 4;
  const int left = rect.left() + kPad + numberWidth, right = rect.right() - kPad;
  const int top = rect.top() + kPad - 2;

  // The line that joins the steps, and a sign for each: a filled dot, a ring (nothing decided), a cross (dropped).
  const qreal x = rect.left() + kPad + numberWidth - 10;
  painter->setPen(QPen(theme.border, 2));
  painter->drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom() + 1));
  const QPointF dot(x, top + boldMetrics.height() / 2.0);
  if (isDrop) {
    painter->setPen(Qt::NoPen);
    painter->setBrush(theme.surface);
    painter->drawEllipse(dot, 7, 7);
    painter->setPen(QPen(theme.bad, 2.4));
    painter->drawLine(dot + QPointF(-4.5, -4.5), dot + QPointF(4.5, 4.5));
    painter->drawLine(dot + QPointF(-4.5, 4.5), dot + QPointF(4.5, -4.5));
  } else {
    painter->setPen(QPen(isKey ? theme.accent : theme.border, 2));
    painter->setBrush(isKey ? theme.accent : theme.surface);
    painter->drawEllipse(dot, isKey ? 4.5 : 3.5, isKey ? 4.5 : 3.5);
  }
  painter->setFont(small);
  painter->setPen(theme.mutedText);
  painter->drawText(QRect(rect.left() + kPad, top, numberWidth - 20, boldMetrics.height()),
                    Qt::AlignRight | Qt::AlignVCenter, QString::number(index.data(HopListModel::StepRole).toInt() + 1));
  const QString time = index.data(HopListModel::TimeRole).toString();
  const int timeWidth = smallMetrics.horizontalAdvance(time);
  painter->drawText(QRect(right - timeWidth, top, timeWidth + 1, boldMetrics.height()),
                    Qt::AlignRight | Qt::AlignVCenter, time);
  painter->setFont(isKey ? bold : option.font);
  painter->setPen(isKey ? theme.text : theme.mutedText);
  const int placeWidth = right - left - timeWidth - 8;
  painter->drawText(
      QRect(left, top, placeWidth, boldMetrics.height()), Qt::AlignLeft | Qt::AlignVCenter,
      boldMetrics.elidedText(index.data(HopListModel::PlaceRole).toString(), Qt::ElideMiddle, placeWidth));
  const int second = top + boldMetrics.height() + 1;
  const QString size = index.data(HopListModel::SizeRole).toString();
  const int sizeWidth = smallMetrics.horizontalAdvance(size);
  painter->setFont(small);
  painter->setPen(theme.mutedText);
  painter->drawText(QRect(right - sizeWidth, second, sizeWidth + 1, metrics.height()),
                    Qt::AlignRight | Qt::AlignVCenter, size);
  const QString action = index.data(HopListModel::ActionRole).toString();
  const int room = right - left - sizeWidth - 8;
  const QString shownAction = metrics.elidedText(action, Qt::ElideRight, room);
  painter->setFont(option.font);
  painter->setPen(isDrop ? theme.bad : isKey ? theme.text : theme.mutedText);
  painter->drawText(QRect(left, second, room, metrics.height()), Qt::AlignLeft | Qt::AlignVCenter, shownAction);
  const QString line = index.data(HopListModel::LineRole).toString();
  if (!line.isEmpty()) {
    const int third = second + metrics.height() + 1;
    painter->setFont(small);
    painter->setPen(theme.mutedText);
    painter->drawText(QRect(left, third, right - left, smallMetrics.height()), Qt::AlignLeft | Qt::AlignVCenter,
                      smallMetrics.elidedText(line, Qt::ElideRight, right - left));
  }
  if (option.state.testFlag(QStyle::State_HasFocus)) {
    painter->setPen(QPen(theme.selection, 1, Qt::DotLine));
    painter->setBrush(Qt::NoBrush);
    painter->drawRect(QRectF(rect).adjusted(0.5, 0.5, -1.5, -1.5));
  }
  painter->restore();
}

QSize HopDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const int small = QFontMetrics(Smaller(option.font)).height();
  const int line = QFontMetrics(Bold(option.font)).height();
  const bool hasLine = !index.data(HopListModel::LineRole).toString().isEmpty();
  return {200, 2 * line + 2 + (hasLine ? small + 1 : 0) + 2 * kPad - 4};
}

HopList::HopList(Session& session, QWidget* parent)
    : QListView(parent), m_session(session), m_model(new HopListModel(this)) {
  setModel(m_model);
  setItemDelegate(new HopDelegate(this));
  setAccessibleName(tr("Steps of the packet"));
  setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  setVerticalScrollMode(ScrollPerPixel);
  setFrameShape(NoFrame);
  connect(&session, &Session::JourneyChanged, this, &HopList::Reload);
  connect(&session, &Session::StepChanged, this, &HopList::FollowStep);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, viewport(), qOverload<>(&QWidget::update));
  connect(selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& current) {
    if (current.isValid()) m_session.SetStep(m_model->StepAt(current.row()));
  });
  Reload();
}

void HopList::ShowEveryStep(bool everyStep) {
  if (everyStep == m_everyStep) return;
  m_everyStep = everyStep;
  Reload();
}

int HopList::Neighbour(int direction) const {
  const int next = m_model->RowOf(m_session.Step()) + direction;
  return next >= 0 && next < m_model->rowCount() ? m_model->StepAt(next) : -1;
}

int HopList::FirstStep() const { return m_model->rowCount() > 0 ? m_model->StepAt(0) : -1; }

int HopList::LastStep() const { return m_model->rowCount() > 0 ? m_model->StepAt(m_model->rowCount() - 1) : -1; }

void HopList::Reload() {
  const QSignalBlocker quiet(selectionModel());
  m_model->Show(m_session.Journey(), m_everyStep);
  FollowStep();
}

void HopList::FollowStep() {
  const QSignalBlocker quiet(selectionModel());
  m_model->ShowAlso(m_session.Step());
  const int row = m_model->RowOf(m_session.Step());
  const QModelIndex index = row < 0 ? QModelIndex() : m_model->index(row);
  setCurrentIndex(index);
  viewport()->update();
  if (index.isValid()) scrollTo(index);
}

}  // namespace overlaysim::views
