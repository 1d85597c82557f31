#include "gui/views/timeline/time_entry.h"

#include "sim/base/units.h"

namespace overlaysim::views {

std::optional<int64_t> ParseTime(const QString& text) {
  QString plain = text.toLower();
  plain.replace(QChar(0xb5), QLatin1Char('u'))
      .replace(QChar(0x3bc), QLatin1Char('u'));  // both of Unicode's micro signs
  plain.removeIf([](QChar c) { return c.isSpace(); });
  const auto time = Nanoseconds::Parse(plain.toStdString());
  return time && time->count >= 0 ? std::optional(time->count) : std::nullopt;
}

}  // namespace overlaysim::views
