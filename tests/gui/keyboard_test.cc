// Everything by keyboard, and every control with a name for a screen reader.

#include <QAbstractButton>
#include <QAbstractScrollArea>
#include <QComboBox>
#include <QDockWidget>
#include <QListView>
#include <QMenu>
#include <QMenuBar>
#include <QScrollBar>
#include <QTabBar>
#include <algorithm>
#include <map>
#include <set>

#include "gui/app/event_dialog.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/inspect/command_palette.h"
#include "gui/views/journey/packet_chooser.h"
#include "gui/views/packets/filter_dialog.h"
#include "gui/views/packets/filter_store.h"
#include "gui/views/packets/packets_view.h"
#include "window_fixture.h"

namespace overlaysim::app {
namespace {

/// A control that a person works with, not a part of one (the line of a combo box) nor one that Qt makes.
bool IsControl(const QWidget& widget) {
  if (widget.focusPolicy() == Qt::NoFocus || widget.isWindow()) return false;
  if (widget.objectName().startsWith(QLatin1String("qt_")) || qobject_cast<const QScrollBar*>(&widget)) return false;
  const QWidget* parent = widget.parentWidget();
  return !qobject_cast<const QAbstractScrollArea*>(parent) && !qobject_cast<const QComboBox*>(parent) &&
         !(parent && parent->inherits("QComboBoxPrivateContainer")) && !widget.inherits("QHeaderView") &&
         !widget.inherits("QTableCornerButton") && !qobject_cast<const QTabBar*>(&widget);
}

/// What a screen reader says of it.
QString NameOf(const QWidget& widget) {
  if (!widget.accessibleName().isEmpty()) return widget.accessibleName();
  if (const auto* button = qobject_cast<const QAbstractButton*>(&widget)) return button->text();
  if (const auto* label = qobject_cast<const QLabel*>(&widget)) return label->text();
  for (const QLabel* label : widget.window()->findChildren<QLabel*>())
    if (label->buddy() == &widget) return label->text();
  return {};
}

/// The way to a widget, for messages.
std::string PathOf(const QWidget* widget) {
  std::string path;
  for (; widget; widget = widget->parentWidget())
    path += std::string(widget->metaObject()->className()) + "(" + widget->objectName().toStdString() + ") < ";
  return path;
}

std::string NamelessControls(const QWidget& root) {
  std::string nameless;
  for (const QWidget* widget : root.findChildren<QWidget*>())
    if (IsControl(*widget) && NameOf(*widget).trimmed().isEmpty()) nameless += PathOf(widget) + "\n";
  return nameless;
}

/// Visible, enabled controls of the window that Tab does not come to.
std::string ControlsTabMisses(QWidget& root) {
  root.activateWindow();
  QApplication::setActiveWindow(&root);
  std::set<const QWidget*> reached;
  const qsizetype most = 4 * root.findChildren<QWidget*>().size();
  QWidget* first = nullptr;
  for (qsizetype i = 0; i < most; ++i) {
    QWidget* now = root.focusWidget();
    QTest::keyClick(now ? now : &root, Qt::Key_Tab);
    now = root.focusWidget();
    if (!now || (now == first && i > 3)) break;
    if (!first) first = now;
    for (const QWidget* of = now; of; of = of->parentWidget()) reached.insert(of);
  }
  std::string missed;
  for (const QWidget* widget : root.findChildren<QWidget*>()) {
    if (!IsControl(*widget) || !(widget->focusPolicy() & Qt::TabFocus)) continue;
    if (!widget->isVisibleTo(&root) || !widget->isEnabled() || widget->visibleRegion().isEmpty()) continue;
    const QWidget* proxy = widget->focusProxy() ? widget->focusProxy() : widget;
    if (reached.count(proxy) == 0) missed += PathOf(widget) + "\n";
  }
  return missed;
}

void AllActions(const QMenu& menu, std::vector<QAction*>& out) {
  for (QAction* action : menu.actions()) {
    if (action->menu())
      AllActions(*action->menu(), out);
    else if (!action->isSeparator())
      out.push_back(action);
  }
}

QChar Mnemonic(const QString& text) {
  for (qsizetype i = 0; i + 1 < text.size(); ++i)
    if (text[i] == u'&') {
      if (text[i + 1] != u'&') return text[i + 1].toLower();
      ++i;
    }
  return {};
}

class Keyboard : public Window {
 protected:
  std::vector<QAction*> Actions() const {
    std::vector<QAction*> actions;
    for (QAction* top : window.menuBar()->actions()) AllActions(*top->menu(), actions);
    return actions;
  }
};

TEST_F(Keyboard, EveryControlHasAName) {
  OpenTutorial("two-nodes.json");
  for (const QString& view : window.ViewNames()) window.ShowView(view);
  window.Canvas().SetListShown(true);
  QApplication::processEvents();
  EXPECT_EQ(NamelessControls(window), "");
}

TEST_F(Keyboard, EveryControlOfADialogHasAName) {
  OpenTutorial("two-nodes.json");
  views::PacketChooser chooser(*window.GetSession().Run(), &window);
  EXPECT_EQ(NamelessControls(chooser), "");
  views::FilterDialog filters(*window.findChild<views::PacketsView*>()->Filters(), &window);
  EXPECT_EQ(NamelessControls(filters), "");
  const auto events = EventsFor(window.GetSession().Run()->Plan(), {.kind = views::Place::Kind::Cable}, 0);
  for (const PlaceEvent& event : events) {
    EventDialog dialog(event.wish, event.words, event.question, &window);
    EXPECT_EQ(NamelessControls(dialog), "");
  }
  EXPECT_EQ(NamelessControls(*window.findChild<views::CommandPalette*>()), "");
}

TEST_F(Keyboard, TabComesToEveryControl) {
  OpenTutorial("two-nodes.json");
  for (const QString& view : window.ViewNames()) {
    window.ShowView(view);
    QApplication::processEvents();
    EXPECT_EQ(ControlsTabMisses(window), "") << view.toStdString();
  }
}

TEST_F(Keyboard, NoShortcutMeansTwoThings) {
  std::map<QString, QString> taken;
  for (const QAction* action : Actions())
    for (const QKeySequence& key : action->shortcuts()) {
      const auto [at, isNew] = taken.emplace(key.toString(), action->text());
      EXPECT_TRUE(isNew) << key.toString().toStdString() << ": " << at->second.toStdString() << " and "
                         << action->text().toStdString();
    }
}

TEST_F(Keyboard, EveryEntryOfAMenuHasItsKey) {
  std::vector<const QMenu*> menus;
  for (const QAction* top : window.menuBar()->actions()) menus.push_back(top->menu());
  for (size_t i = 0; i < menus.size(); ++i) {
    std::set<QChar> taken;
    for (const QAction* action : menus[i]->actions()) {
      if (action->isSeparator()) continue;
      if (action->menu()) menus.push_back(action->menu());
      const QChar key = Mnemonic(action->text());
      EXPECT_TRUE(!key.isNull() || !action->shortcut().isEmpty()) << action->text().toStdString();
      if (!key.isNull()) {
        EXPECT_TRUE(taken.insert(key).second)
            << menus[i]->title().toStdString() << ": " << action->text().toStdString();
      }
    }
  }
}

TEST_F(Keyboard, ThePaletteFindsEveryAction) {
  auto* palette = window.findChild<views::CommandPalette*>();
  palette->Open();
  for (const QAction* action : Actions()) {
    const QString words = action->text().remove(u'&').remove(u'…');
    if (words == QLatin1String("Go to")) continue;  // the palette itself
    palette->Search(words);
    const QAbstractItemModel& found = *palette->findChild<QListView*>()->model();
    EXPECT_FALSE(found.match(found.index(0, 0), Qt::DisplayRole, words, 1, Qt::MatchEndsWith).isEmpty())
        << words.toStdString();
  }
}

}  // namespace
}  // namespace overlaysim::app
