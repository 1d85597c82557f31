#include "gui/views/format.h"

#include <QApplication>
#include <QCoreApplication>
#include <QFontDatabase>
#include <QLocale>

#include "gui/replay/text.h"

namespace overlaysim::views {
namespace {

QLocale English() { return QLocale(QLocale::English, QLocale::UnitedStates); }

}  // namespace

QString TimeText(int64_t ns) { return QString::fromStdString(replay::DurationText(ns)); }

QString ExactTimeText(int64_t ns) {
  const bool isNegative = ns < 0;
  const uint64_t size = isNegative ? 0 - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  const QString fraction = QStringLiteral("%1").arg(size % 1000000000, 9, 10, QLatin1Char('0'));
  return QStringLiteral("%1%2.%3 %4 %5 s")
      .arg(isNegative ? QStringLiteral("−") : QString())
      .arg(size / 1000000000)
      .arg(fraction.left(3), fraction.mid(3, 3), fraction.right(3));
}

QString CountText(uint64_t count) { return English().toString(static_cast<qulonglong>(count)); }

QString BytesText(uint64_t bytes) { return CountText(bytes) + QStringLiteral(" B"); }

QString RateText(uint64_t bitsPerSecond) { return QString::fromStdString(replay::RateText(bitsPerSecond)); }

QString RoleText(replay::Role role) {
  using replay::Role;
  const auto tr = [](const char* text) { return QCoreApplication::translate("Format", text); };
  switch (role) {
    case Role::Node:
      return tr("node");
    case Role::Pod:
      return tr("pod");
    case Role::Leaf:
      return tr("leaf switch");
    case Role::Spine:
      return tr("spine switch");
    case Role::Router:
      return tr("router");
    case Role::External:
      return tr("host outside the cluster");
    case Role::Lab:
    case Role::Unknown:
      return tr("namespace");
  }
  return {};
}

QFont FixedFont() {
  QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
  font.setStyleHint(QFont::Monospace);
  font.setPointSizeF(QApplication::font().pointSizeF());
  return font;
}

}  // namespace overlaysim::views
