#include "gui/views/journey/journey_view.h"

#include <QCheckBox>
#include <QClipboard>
#include <QFileDialog>
#include <QFocusEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QShortcut>
#include <QSplitter>
#include <QStackedWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include "gui/views/journey/hop_list.h"
#include "gui/views/journey/journey_html.h"
#include "gui/views/journey/journey_text.h"
#include "gui/views/journey/step_detail.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

JourneyView::JourneyView(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setAccessibleName(tr("Follow this packet"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(0);

  auto* bar = new QWidget(this);
  auto* head = new QVBoxLayout(bar);
  head->setContentsMargins(12, 8, 12, 6);
  head->setSpacing(4);
  m_title = new QLabel(bar);
  m_title->setTextFormat(Qt::PlainText);
  m_title->setWordWrap(true);
  QFont bold = m_title->font();
  bold.setBold(true);
  m_title->setFont(bold);
  m_outcome = new QLabel(bar);
  m_outcome->setTextFormat(Qt::PlainText);
  m_outcome->setWordWrap(true);
  head->addWidget(m_title);
  head->addWidget(m_outcome);

  auto* buttons = new QHBoxLayout;
  buttons->setSpacing(4);
  const auto button = [&](const QString& sign, const QString& name, const QString& keys, auto slot) {
    auto* made = new QToolButton(bar);
    made->setText(sign);
    made->setToolTip(keys.isEmpty() ? name : tr("%1 (%2)").arg(name, keys));
    made->setAccessibleName(name);
    made->setAutoRaise(true);
    connect(made, &QToolButton::clicked, this, slot);
    buttons->addWidget(made);
    return made;
  };
  m_first = button(QStringLiteral("|◀"), tr("First step"), tr("Home"), &JourneyView::FirstStep);
  m_back = button(QStringLiteral("◀ Back"), tr("Step back"), tr("Left or ,"), &JourneyView::StepBack);
  m_forward = button(QStringLiteral("Next ▶"), tr("Step forward"), tr("Right or ."), &JourneyView::StepForward);
  m_last = button(QStringLiteral("▶|"), tr("Last step"), tr("End"), &JourneyView::LastStep);
  buttons->addSpacing(8);
  m_everyStep = new QCheckBox(tr("Every step"), bar);
  m_everyStep->setToolTip(tr("Also steps at which nothing was decided or changed"));
  buttons->addWidget(m_everyStep);
  buttons->addStretch(1);
  m_copy = button(tr("Copy"), tr("Copy this step as text"), {}, &JourneyView::CopyStep);
  auto* copies = new QMenu(m_copy);
  copies->addAction(tr("This step"), this, &JourneyView::CopyStep);
  copies->addAction(tr("The whole journey"), this, &JourneyView::CopyJourney);
  m_copy->setMenu(copies);
  m_copy->setPopupMode(QToolButton::MenuButtonPopup);
  m_save = button(tr("HTML…"), tr("Save the journey as a page of its own"), {}, &JourneyView::SaveHtml);
  head->addLayout(buttons);
  column->addWidget(bar);

  m_stack = new QStackedWidget(this);
  m_empty = new QLabel(m_stack);
  m_empty->setAlignment(Qt::AlignCenter);
  m_empty->setWordWrap(true);
  m_empty->setMargin(24);
  m_empty->setForegroundRole(QPalette::PlaceholderText);
  m_splitter = new QSplitter(Qt::Horizontal, m_stack);
  m_list = new HopList(session, m_splitter);
  m_detail = new StepDetail(session, m_splitter);
  m_splitter->addWidget(m_list);
  m_splitter->addWidget(m_detail);
  m_splitter->setStretchFactor(0, 0);
  m_splitter->setStretchFactor(1, 1);
  m_splitter->setSizes({330, 700});
  m_splitter->setChildrenCollapsible(false);
  m_list->setMinimumWidth(180);
  m_stack->addWidget(m_empty);
  m_stack->addWidget(m_splitter);
  column->addWidget(m_stack, 1);

  const auto key = [this](const QKeySequence& keys, auto slot) {
    connect(new QShortcut(keys, this, nullptr, nullptr, Qt::WidgetWithChildrenShortcut), &QShortcut::activated, this,
            slot);
  };
  key(Qt::Key_Right, &JourneyView::StepForward);
  key(Qt::Key_Period, &JourneyView::StepForward);
  key(Qt::Key_Left, &JourneyView::StepBack);
  key(Qt::Key_Comma, &JourneyView::StepBack);
  key(Qt::Key_Home, &JourneyView::FirstStep);
  key(Qt::Key_End, &JourneyView::LastStep);
  connect(m_everyStep, &QCheckBox::toggled, m_list, &HopList::ShowEveryStep);
  connect(m_everyStep, &QCheckBox::toggled, this, &JourneyView::Refresh);
  connect(&session, &Session::JourneyChanged, this, &JourneyView::Refresh);
  connect(&session, &Session::StepChanged, this, &JourneyView::Refresh);
  connect(&session, &Session::RunChanged, this, &JourneyView::Refresh);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, &JourneyView::Refresh);
  Refresh();
}

void JourneyView::focusInEvent(QFocusEvent* event) { m_list->setFocus(event->reason()); }

void JourneyView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  constexpr int kRoomForBoth = 720;  // the list of steps beside the current one; else above it
  const Qt::Orientation orientation = width() < kRoomForBoth ? Qt::Vertical : Qt::Horizontal;
  if (m_splitter->orientation() == orientation) return;
  m_splitter->setOrientation(orientation);
  m_splitter->setSizes(orientation == Qt::Vertical ? QList<int>{200, 360} : QList<int>{330, 700});
}

bool JourneyView::ShowsEveryStep() const { return m_everyStep->isChecked(); }

void JourneyView::ShowEveryStep(bool everyStep) { m_everyStep->setChecked(everyStep); }

void JourneyView::GoTo(int step) {
  if (step >= 0) m_session.SetStep(step);
}

void JourneyView::StepForward() { GoTo(m_list->Neighbour(1)); }
void JourneyView::StepBack() { GoTo(m_list->Neighbour(-1)); }
void JourneyView::FirstStep() { GoTo(m_list->FirstStep()); }
void JourneyView::LastStep() { GoTo(m_list->LastStep()); }

void JourneyView::CopyStep() {
  const replay::Hop* hop = m_session.CurrentHop();
  if (!hop) return;
  QGuiApplication::clipboard()->setText(
      TextOf(*m_session.Run(), *hop, m_session.Step() + 1, static_cast<int>(m_session.Journey()->hops.size())));
}

void JourneyView::CopyJourney() {
  if (const replay::Journey* journey = m_session.Journey())
    QGuiApplication::clipboard()->setText(TextOf(*m_session.Run(), *journey, ShowsEveryStep()));
}

void JourneyView::SaveHtml() {
  const replay::Journey* journey = m_session.Journey();
  if (!journey) return;
  const QString path = QFileDialog::getSaveFileName(this, tr("Save the journey"), QStringLiteral("journey.html"),
                                                    tr("Web pages (*.html)"));
  if (path.isEmpty()) return;
  const QString error = ExportJourneyHtml(*m_session.Run(), *journey, path);
  if (!error.isEmpty()) QMessageBox::warning(this, tr("Not saved"), error);
}

void JourneyView::Refresh() {
  const replay::Journey* journey = m_session.Journey();
  m_stack->setCurrentIndex(journey ? 1 : 0);
  m_empty->setText(m_session.Run()
                       ? tr("No packet is followed.\n\nChoose one in the packet list and press Enter, or search "
                            "for a flow with Ctrl+K.")
                       : tr("No run is open."));
  m_title->setText(journey ? QString::fromStdString(journey->title) : tr("Follow this packet"));
  m_outcome->setVisible(journey != nullptr);
  for (QToolButton* button : {m_copy, m_save}) button->setEnabled(journey != nullptr);
  m_back->setEnabled(journey && m_list->Neighbour(-1) >= 0);
  m_first->setEnabled(m_back->isEnabled());
  m_forward->setEnabled(journey && m_list->Neighbour(1) >= 0);
  m_last->setEnabled(m_forward->isEnabled());
  if (!journey) return;
  const Theme& theme = CurrentTheme();
  m_outcome->setText((journey->isDropped ? QStringLiteral("✗ ") : QStringLiteral("✓ ")) +
                     QString::fromStdString(journey->outcome));
  QPalette palette = m_outcome->palette();
  palette.setColor(QPalette::WindowText, journey->isDropped ? theme.bad : theme.good);
  m_outcome->setPalette(palette);
}

}  // namespace overlaysim::views
