#include "gui/views/journey/step_detail.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QTextBlock>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/views/format.h"
#include "gui/views/journey/bricks_widget.h"
#include "gui/views/journey/journey_text.h"
#include "gui/views/journey/mtu_bar.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr int kAround = 4;  ///< lines of a long table that are shown on either side of the one that decided
constexpr int kMostTableLines = 5000;
constexpr size_t kMostRelations = 6;

QLabel* PlainLabel(QWidget* parent, double size = 1, bool bold = false) {
  auto* label = new QLabel(parent);
  label->setTextFormat(Qt::PlainText);
  label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  label->setFocusPolicy(Qt::NoFocus);
  label->setWordWrap(true);
  QFont font = label->font();
  font.setPointSizeF(font.pointSizeF() * size);
  font.setBold(bold);
  label->setFont(font);
  return label;
}

}  // namespace

StepDetail::StepDetail(Session& session, QWidget* parent) : QScrollArea(parent), m_session(session) {
  setWidgetResizable(true);
  setFrameShape(NoFrame);
  setAccessibleName(tr("The step"));
  auto* content = new QWidget;
  content->setBackgroundRole(QPalette::Base);
  auto* column = new QVBoxLayout(content);
  column->setContentsMargins(18, 14, 18, 14);
  column->setSpacing(8);

  m_number = PlainLabel(content);
  m_number->setForegroundRole(QPalette::PlaceholderText);
  m_place = PlainLabel(content, 1.5, true);
  m_action = PlainLabel(content, 1.25);
  m_action->setForegroundRole(QPalette::WindowText);  // on a Base background it would be Text
  m_why = PlainLabel(content, 1.1);
  m_device = PlainLabel(content);
  m_device->setForegroundRole(QPalette::PlaceholderText);
  m_times = PlainLabel(content);
  m_times->setForegroundRole(QPalette::PlaceholderText);
  m_bricks = new BricksWidget(content);
  m_mtu = new MtuBar(content);
  m_tableName = PlainLabel(content, 1, true);
  m_tableName->setFont(FixedFont());
  m_table = new QPlainTextEdit(content);
  m_table->setReadOnly(true);
  m_table->setLineWrapMode(QPlainTextEdit::NoWrap);
  m_table->setFont(FixedFont());
  m_table->setTabChangesFocus(true);
  m_table->setAccessibleName(tr("The table that was asked"));
  m_wholeTable = new QPushButton(content);
  m_wholeTable->setCheckable(true);
  m_relations = new QLabel(content);
  m_relations->setTextFormat(Qt::RichText);
  m_relations->setWordWrap(true);
  m_relations->setTextInteractionFlags(Qt::LinksAccessibleByMouse | Qt::LinksAccessibleByKeyboard);
  m_relations->setAccessibleName(tr("Packets that belong to this one"));

  column->addWidget(m_number);
  column->addWidget(m_place);
  column->addWidget(m_action);
  column->addWidget(m_why);
  column->addSpacing(4);
  column->addWidget(m_bricks);
  column->addWidget(m_mtu);
  column->addSpacing(4);
  auto* tableHead = new QHBoxLayout;
  tableHead->addWidget(m_tableName, 1);
  tableHead->addWidget(m_wholeTable);
  column->addLayout(tableHead);
  column->addWidget(m_table);
  column->addWidget(m_device);
  column->addWidget(m_times);
  column->addSpacing(4);
  column->addWidget(m_relations);
  column->addStretch(1);
  setWidget(content);

  connect(m_wholeTable, &QPushButton::toggled, this, [this](bool on) {
    m_showsWholeTable = on;
    Refresh();
  });
  connect(m_relations, &QLabel::linkActivated, this,
          [this](const QString& link) { m_session.Follow(link.section(QLatin1Char(':'), 1).toULongLong()); });
  connect(&session, &Session::StepChanged, this, &StepDetail::Refresh);
  connect(&session, &Session::JourneyChanged, this, [this] {
    m_sentences.clear();
    RefreshRelations();
  });
  connect(&session, &Session::RunChanged, this, [this] { m_sentences.clear(); });
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, &StepDetail::Refresh);
  RefreshRelations();
  Refresh();
}

void StepDetail::Refresh() {
  const replay::Hop* hop = m_session.CurrentHop();
  widget()->setVisible(hop != nullptr);
  if (!hop) return;
  const Theme& theme = CurrentTheme();
  const bool isDrop = IsDrop(hop->record.verdict);
  m_number->setText(tr("Step %1 of %2").arg(m_session.Step() + 1).arg(m_session.Journey()->hops.size()));
  m_place->setText(QString::fromStdString(hop->place));
  m_action->setText((isDrop ? QStringLiteral("✗ ") : QString()) + QString::fromStdString(hop->action));
  QPalette palette = m_action->palette();
  palette.setColor(QPalette::WindowText, isDrop ? theme.bad : theme.accent);
  m_action->setPalette(palette);
  m_why->setText(QString::fromStdString(hop->why));
  m_why->setVisible(!hop->why.empty());
  m_device->setText(DeviceText(*m_session.Run(), *hop));
  m_times->setText(
      tr("at %1 · %2 since the packet was made · %3 since the last step")
          .arg(ExactTimeText(hop->record.timeNs), TimeText(hop->sinceStartNs), TimeText(hop->sinceLastNs)));
  HeaderPicture picture = PictureOf(*hop, m_session.Run()->VxlanPorts());
  m_mtu->Show(MtuBudget::Of(*hop, picture));
  m_bricks->Show(std::move(picture));
  RefreshTable(*hop);
}

void StepDetail::RefreshTable(const replay::Hop& hop) {
  const TableContext whole = ContextOf(*m_session.Run(), hop);
  const bool hasTable = !whole.prompt.isEmpty();
  m_tableName->setVisible(hasTable);
  m_table->setVisible(hasTable);
  int before = 0, after = 0;
  const TableContext part = Surroundings(whole, m_showsWholeTable ? kMostTableLines / 2 : kAround, before, after);
  const bool isLong = whole.lines.size() > 2 * kAround + 1;
  m_wholeTable->setVisible(hasTable && isLong);
  m_wholeTable->setText(m_showsWholeTable
                            ? tr("Show its surroundings only")
                            : tr("Show all %1 lines").arg(CountText(static_cast<uint64_t>(whole.lines.size()))));
  if (!hasTable) return;
  m_tableName->setText(whole.prompt);
  m_table->setAccessibleName(tr("%1, the line that decided is marked").arg(whole.prompt));
  QStringList lines;
  if (before > 0) lines << tr("  … %1 lines before").arg(CountText(static_cast<uint64_t>(before)));
  const int match = part.match < 0 ? -1 : part.match + static_cast<int>(lines.size());
  for (int i = 0; i < part.lines.size(); ++i)
    lines << (i == part.match ? QStringLiteral("▶ ") : QStringLiteral("  ")) + part.lines[i];
  if (after > 0) lines << tr("  … %1 lines after").arg(CountText(static_cast<uint64_t>(after)));
  m_table->setPlainText(lines.join(QLatin1Char('\n')));
  QList<QTextEdit::ExtraSelection> marks;
  if (match >= 0) {
    QTextEdit::ExtraSelection mark;
    mark.cursor = QTextCursor(m_table->document()->findBlockByNumber(match));
    mark.format.setProperty(QTextFormat::FullWidthSelection, true);
    mark.format.setBackground(CurrentTheme().change);
    mark.format.setFontWeight(QFont::Bold);
    marks << mark;
    m_table->setTextCursor(mark.cursor);
    if (m_showsWholeTable) m_table->centerCursor();
  }
  m_table->setExtraSelections(marks);
  m_table->horizontalScrollBar()->setValue(0);
  FitTable();
}

void StepDetail::FitTable() {
  const int lines = std::clamp(m_table->blockCount(), 1, m_showsWholeTable ? 18 : 2 * kAround + 3);
  const int scrollBar = m_table->horizontalScrollBar()->sizeHint().height();
  m_table->setFixedHeight(lines * QFontMetrics(m_table->font()).lineSpacing() + scrollBar + 14);
}

QString StepDetail::TitleOf(uint64_t journey, bool fromCause) {
  const auto known = m_sentences.find({journey, fromCause});
  if (known != m_sentences.end()) return known->second;
  std::string error;
  const replay::Journey other = replay::ReadJourney(*m_session.Run(), journey, error);
  QString sentence;
  if (!other.hops.empty()) {
    const replay::Journey& self = *m_session.Journey();
    sentence =
        QStringLiteral("%1 <a href=\"journey:%2\">%3</a>")
            .arg((fromCause ? RelationText(other, self, true) : RelationText(self, other, false)).toHtmlEscaped())
            .arg(journey)
            .arg(QString::fromStdString(other.title).toHtmlEscaped());
  }
  return m_sentences.emplace(std::pair(journey, fromCause), sentence).first->second;
}

void StepDetail::RefreshRelations() {
  QStringList sentences;
  if (const replay::Journey* journey = m_session.Journey(); journey && m_session.Run()) {
    if (journey->cause != 0)
      if (const QString sentence = TitleOf(journey->cause, true); !sentence.isEmpty()) sentences << sentence;
    for (size_t i = 0; i < std::min(journey->consequences.size(), kMostRelations); ++i)
      if (const QString sentence = TitleOf(journey->consequences[i], false); !sentence.isEmpty()) sentences << sentence;
    if (journey->consequences.size() > kMostRelations)
      sentences << tr("and %1 more packets").arg(journey->consequences.size() - kMostRelations);
  }
  m_relations->setText(sentences.join(QStringLiteral("<br>")));
  m_relations->setVisible(!sentences.isEmpty());
}

}  // namespace overlaysim::views
