#include "gui/views/format.h"

#include <QApplication>
#include <QFontDatabase>
#include <QLocale>
#include <cmath>

namespace overlaysim::views {
namespace {

QLocale English() { return QLocale(QLocale::English, QLocale::UnitedStates); }

QString Scaled(double value, const char* const* units, size_t count, double step) {
  size_t unit = 0;
  while (unit + 1 < count && std::abs(value) >= step * 0.9995) value /= step, ++unit;
  const double size = std::abs(value);
  const int digits = unit == 0 || size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  QString text = QString::number(value, 'f', digits);
  if (text.contains(QLatin1Char('.'))) {
    while (text.endsWith(QLatin1Char('0'))) text.chop(1);
    if (text.endsWith(QLatin1Char('.'))) text.chop(1);
  }
  return text + QLatin1Char(' ') + QString::fromUtf8(units[unit]);
}

}  // namespace

QString TimeText(int64_t ns) {
  if (ns == 0) return QStringLiteral("0 s");
  static constexpr const char* kUnits[] = {"ns", "µs", "ms", "s"};
  return Scaled(static_cast<double>(ns), kUnits, 4, 1000);
}

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

QString RateText(double bitsPerSecond) {
  static constexpr const char* kUnits[] = {"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  return Scaled(bitsPerSecond, kUnits, 5, 1000);
}

QFont FixedFont() {
  QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
  font.setStyleHint(QFont::Monospace);
  font.setPointSizeF(QApplication::font().pointSizeF());
  return font;
}

}  // namespace overlaysim::views
