#include "gui/views/journey/header_bricks.h"

#include <QCoreApplication>
#include <QFontMetricsF>
#include <algorithm>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

QString Tr(const char* text) { return QCoreApplication::translate("HeaderBricks", text); }

QString ToQString(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

/// "ip.hdr_checksum" -> "hdr checksum": which field of the header it is.
QString ShortName(std::string_view filterName) {
  QString name = ToQString(filterName.substr(filterName.find('.') == filterName.npos ? 0 : filterName.find('.') + 1));
  return name.replace(QLatin1Char('_'), QLatin1Char(' '));
}

struct Parsed {
  BrickRow row;
  std::vector<replay::Layer> layers;  ///< of each brick; an empty one for bytes that are not recorded
};

Parsed Parse(std::span<const uint8_t> bytes, replay::LinkLayer first, uint32_t wireBytes,
             std::span<const uint16_t> vxlanPorts) {
  Parsed parsed;
  parsed.row.totalBytes = wireBytes;
  uint32_t end = 0;
  if (bytes.empty()) {
    parsed.row.isRecorded = false;
  } else {
    replay::Dissection dissection = replay::Dissect(bytes, first, wireBytes, vxlanPorts);
    for (replay::Layer& layer : dissection.layers) {
      Brick brick;
      brick.protocol = layer.protocol;
      brick.name = ToQString(layer.name);
      brick.summary = ToQString(layer.summary);
      brick.bytes = layer.length;
      brick.depth = layer.tunnelDepth;
      for (const replay::Field& field : layer.fields) brick.fields << ToQString(field.label);
      end = std::max(end, layer.offset + layer.length);
      // What of the payload is recorded is only its beginning.
      if (&layer == &dissection.layers.back() && layer.protocol == replay::Protocol::Data && wireBytes > layer.offset) {
        brick.bytes = wireBytes - layer.offset;
        end = wireBytes;
      }
      parsed.row.bricks.push_back(std::move(brick));
      parsed.layers.push_back(std::move(layer));
    }
  }
  if (wireBytes > end) {
    Brick rest;
    rest.name = parsed.row.isRecorded ? Tr("Payload") : Tr("Packet");
    rest.summary = parsed.row.isRecorded ? QString() : Tr("headers not recorded");
    rest.bytes = wireBytes - end;
    rest.depth = parsed.row.bricks.empty() ? uint8_t{0} : parsed.row.bricks.back().depth;
    parsed.row.bricks.push_back(std::move(rest));
    parsed.layers.emplace_back();
  }
  return parsed;
}

/// Marks what differs between the same header before and after.
void CompareHeaders(const replay::Layer& before, const replay::Layer& after, Brick& was, Brick& is) {
  QStringList changes;
  const size_t count = std::min(before.fields.size(), after.fields.size());
  for (size_t i = 0; i < count; ++i) {
    const replay::Field &a = before.fields[i], &b = after.fields[i];
    if (a.name != b.name || a.value == b.value) continue;
    const QString change = QStringLiteral("%1 %2 → %3").arg(ShortName(b.name), ToQString(a.value), ToQString(b.value));
    if (!changes.contains(change)) changes << change;
  }
  if (changes.isEmpty() && was.bytes == is.bytes) return;
  if (was.bytes != is.bytes) changes.prepend(QStringLiteral("%1 → %2").arg(BytesText(was.bytes), BytesText(is.bytes)));
  was.change = is.change = Brick::Change::Changed;
  is.changes = changes;
}

/// Pairs equal headers of both rows in order, as many as possible, inner ones first.
std::vector<HeaderPicture::Column> PairUp(const BrickRow& before, const BrickRow& after) {
  const size_t n = before.bricks.size(), m = after.bricks.size();
  const auto alike = [&](size_t i, size_t j) {
    return before.bricks[i].protocol == after.bricks[j].protocol && before.bricks[i].name == after.bricks[j].name;
  };
  // common[i][j]: how many pairs the first i and j bricks have at most. Walking back from the end takes inner pairs
  // first.
  std::vector<std::vector<int>> common(n + 1, std::vector<int>(m + 1, 0));
  for (size_t i = 1; i <= n; ++i)
    for (size_t j = 1; j <= m; ++j)
      common[i][j] =
          std::max({common[i - 1][j], common[i][j - 1], common[i - 1][j - 1] + (alike(i - 1, j - 1) ? 1 : 0)});
  std::vector<HeaderPicture::Column> columns;
  size_t i = n, j = m;
  while (i > 0 || j > 0) {
    if (i > 0 && j > 0 && alike(i - 1, j - 1) && common[i][j] == common[i - 1][j - 1] + 1) {
      columns.push_back({static_cast<int>(--i), static_cast<int>(--j)});
    } else if (j > 0 && (i == 0 || common[i][j - 1] >= common[i - 1][j])) {
      columns.push_back({-1, static_cast<int>(--j)});
    } else {
      columns.push_back({static_cast<int>(--i), -1});
    }
  }
  std::reverse(columns.begin(), columns.end());
  return columns;
}

qreal NotesOf(const BrickRow& row) {
  qreal most = 0;
  for (const Brick& brick : row.bricks)
    most = std::max(most, static_cast<qreal>(std::min<qsizetype>(brick.changes.size(), 3)));
  return most;
}

constexpr qreal kBrickSides = 13;  // between a brick's edges and its text

/// The text in lines of that width, broken at spaces; a word that is longer stands in a line of its own.
QStringList LinesOf(const QString& text, const QFontMetricsF& metrics, qreal width) {
  QStringList lines;
  for (const QString& word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
    const QString longer = lines.isEmpty() ? word : lines.back() + QLatin1Char(' ') + word;
    if (!lines.isEmpty() && metrics.horizontalAdvance(longer) <= width)
      lines.back() = longer;
    else
      lines.append(word);
  }
  return lines;
}

qreal LongestWord(const QString& text, const QFontMetricsF& metrics) {
  qreal longest = 0;
  for (const QString& word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts))
    longest = std::max(longest, metrics.horizontalAdvance(word));
  return longest;
}

QFont Smaller(QFont font) {
  font.setPointSizeF(font.pointSizeF() * 0.88);
  return font;
}

QFont Bold(QFont font) {
  font.setBold(true);
  return font;
}

/// As large as the text fits into `width`, within reason.
QFont Fitting(QFont font, const QString& text, qreal width) {
  constexpr qreal kSmallest = 0.75;
  const qreal needed = QFontMetricsF(font).horizontalAdvance(text);
  if (needed > width) font.setPointSizeF(font.pointSizeF() * std::max(kSmallest, width / needed));
  return font;
}

void PaintBrick(QPainter& painter, const QRectF& rect, const Brick& brick, const Theme& theme, const QFont& font) {
  using Change = Brick::Change;
  const QColor fill = theme.ColourOf(brick.protocol);
  const QColor ink = theme.TextOn(fill);
  painter.save();
  painter.setPen(QPen(theme.border, 1));
  painter.setBrush(fill);
  if (brick.change == Change::Removed) {
    QColor faint = fill;
    faint.setAlphaF(0.45f);
    painter.setBrush(faint);
    painter.setPen(QPen(theme.bad, 1.6, Qt::DashLine));
  } else if (brick.change == Change::Added) {
    painter.setPen(QPen(theme.good, 2.4));
  } else if (brick.change == Change::Changed) {
    painter.setPen(QPen(theme.warning, 2));
  }
  painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 4, 4);
  const QColor text = brick.change == Change::Removed ? theme.text : ink;
  const QRectF inner = rect.adjusted(7, 5, -6, -5);
  const QFont bold = Bold(font), small = Smaller(font);
  const QFontMetricsF boldMetrics(bold), smallMetrics(small);
  const qreal bytesTop = inner.bottom() - smallMetrics.height();
  qreal bytesLeft = inner.left();
  if (brick.change != Change::Same) {
    const QString sign = brick.change == Change::Added     ? QStringLiteral("+")
                         : brick.change == Change::Removed ? QStringLiteral("−")
                                                           : QStringLiteral("≠");
    const qreal side = smallMetrics.height();
    const QRectF badge(inner.left() - 2, bytesTop, side, side);
    painter.setPen(Qt::NoPen);
    painter.setBrush(theme.surface);
    painter.drawEllipse(badge);
    painter.setPen(brick.change == Change::Added     ? theme.good
                   : brick.change == Change::Removed ? theme.bad
                                                     : theme.warning);
    painter.setFont(bold);
    painter.drawText(badge, Qt::AlignCenter, sign);
    bytesLeft = badge.right();
  }
  const QFont name = Fitting(bold, brick.name, inner.width());
  painter.setPen(text);
  painter.setFont(name);
  painter.drawText(QRectF(inner.left(), inner.top(), inner.width(), boldMetrics.height()),
                   Qt::AlignLeft | Qt::AlignVCenter,
                   QFontMetricsF(name).elidedText(brick.name, Qt::ElideRight, inner.width()));
  painter.setFont(small);
  const QRectF summary(inner.left(), inner.top() + boldMetrics.height(), inner.width(),
                       bytesTop - inner.top() - boldMetrics.height());
  const QStringList lines = LinesOf(brick.summary, smallMetrics, summary.width());
  const auto room = std::max<qsizetype>(1, static_cast<qsizetype>((summary.height() + 1) / smallMetrics.height()));
  for (qsizetype line = 0; line < std::min(room, lines.size()); ++line) {
    const QString shown = line + 1 == room ? lines.mid(line).join(QLatin1Char(' ')) : lines[line];
    painter.drawText(QPointF(summary.left(),
                             summary.top() + static_cast<qreal>(line) * smallMetrics.height() + smallMetrics.ascent()),
                     smallMetrics.elidedText(shown, Qt::ElideRight, summary.width()));
  }
  painter.drawText(QRectF(bytesLeft, bytesTop, inner.right() - bytesLeft, smallMetrics.height()),
                   Qt::AlignRight | Qt::AlignVCenter,
                   smallMetrics.elidedText(BytesText(brick.bytes), Qt::ElideRight, inner.right() - bytesLeft));
  painter.restore();
}

void PaintRow(QPainter& painter, const BrickLayout& layout, const BrickRow& row, const std::vector<QRectF>& rects,
              const QString& label, qreal top, const Theme& theme, const QFont& font) {
  const QFontMetricsF metrics(font);
  const QFont small = Smaller(font);
  painter.setPen(theme.mutedText);
  painter.setFont(font);
  const qreal middle = top + layout.brickHeight / 2;
  painter.drawText(QRectF(layout.area.left(), middle - metrics.height(), layout.labelWidth - 8, metrics.height()),
                   Qt::AlignLeft | Qt::AlignVCenter, label);
  painter.setPen(theme.text);
  painter.setFont(Bold(font));
  painter.drawText(QRectF(layout.area.left(), middle, layout.labelWidth - 8, metrics.height()),
                   Qt::AlignLeft | Qt::AlignVCenter, BytesText(row.totalBytes));
  // What a tunnel carries stands in a frame of its own.
  uint8_t deepest = 0;
  for (const Brick& brick : row.bricks) deepest = std::max(deepest, brick.depth);
  for (uint8_t depth = 1; depth <= deepest; ++depth) {
    QRectF box;
    for (size_t i = 0; i < rects.size(); ++i)
      if (row.bricks[i].depth >= depth) box = box.united(rects[i]);
    if (box.isNull()) continue;
    const qreal pad = 2 + 2.0 * (deepest - depth + 1);
    painter.setPen(QPen(theme.tunnel, 1.4));
    painter.setBrush(theme.raised);
    painter.drawRoundedRect(box.adjusted(-pad + 1, -pad, pad, pad), 6, 6);
  }
  for (size_t i = 0; i < rects.size(); ++i) PaintBrick(painter, rects[i], row.bricks[i], theme, font);
  painter.setFont(small);
  const QFontMetricsF smallMetrics(small);
  for (size_t i = 0; i < rects.size(); ++i) {
    const QStringList& changes = row.bricks[i].changes;
    qreal y = rects[i].bottom() + 6;
    for (qsizetype line = 0; line < std::min<qsizetype>(changes.size(), 3); ++line) {
      const QString text = line == 2 && changes.size() > 3 ? Tr("and %1 more").arg(changes.size() - 2) : changes[line];
      const qreal width = std::max(rects[i].width(), layout.area.right() - rects[i].left());
      const QString shown = smallMetrics.elidedText(text, Qt::ElideRight, width);
      const QRectF mark(rects[i].left(), y, smallMetrics.horizontalAdvance(shown) + 8, smallMetrics.height());
      painter.fillRect(mark, theme.change);
      painter.setPen(theme.text);
      painter.drawText(mark.adjusted(4, 0, 0, 0), Qt::AlignLeft | Qt::AlignVCenter, shown);
      y += smallMetrics.height() + 1;
    }
  }
}

}  // namespace

BrickRow BricksOf(std::span<const uint8_t> bytes, replay::LinkLayer first, uint32_t wireBytes,
                  std::span<const uint16_t> vxlanPorts) {
  return Parse(bytes, first, wireBytes, vxlanPorts).row;
}

HeaderPicture PictureOf(const replay::Hop& hop, std::span<const uint16_t> vxlanPorts) {
  Parsed before = Parse(hop.before, hop.beforeLayer, hop.beforeBytes, vxlanPorts);
  Parsed after = Parse(hop.after, hop.afterLayer, hop.afterBytes, vxlanPorts);
  HeaderPicture picture;
  picture.before = std::move(before.row);
  picture.after = std::move(after.row);
  picture.columns = PairUp(picture.before, picture.after);
  picture.isSame = true;
  for (const HeaderPicture::Column& column : picture.columns) {
    if (column.before < 0) {
      picture.after.bricks[static_cast<size_t>(column.after)].change = Brick::Change::Added;
    } else if (column.after < 0) {
      picture.before.bricks[static_cast<size_t>(column.before)].change = Brick::Change::Removed;
    } else {
      const auto b = static_cast<size_t>(column.before), a = static_cast<size_t>(column.after);
      CompareHeaders(before.layers[b], after.layers[a], picture.before.bricks[b], picture.after.bricks[a]);
      if (picture.after.bricks[a].change == Brick::Change::Same) continue;
    }
    picture.isSame = false;
  }
  // A packet that begins here was nothing before; one whose bytes are not known is not said to have changed.
  if (picture.before.totalBytes == 0 || picture.before.isRecorded != picture.after.isRecorded) {
    for (Brick& brick : picture.after.bricks) brick.change = Brick::Change::Same, brick.changes.clear();
    picture.columns.clear();
    for (size_t i = 0; i < picture.after.bricks.size(); ++i) picture.columns.push_back({-1, static_cast<int>(i)});
    picture.isSame = true;
  }
  return picture;
}

QString TextOf(const BrickRow& row) {
  QStringList parts;
  for (const Brick& brick : row.bricks) {
    QString part = brick.name;
    if (!brick.summary.isEmpty()) part += QStringLiteral(" (%1)").arg(brick.summary);
    part += QLatin1Char(' ') + BytesText(brick.bytes);
    if (brick.change == Brick::Change::Added) part += Tr(", put on");
    if (brick.change == Brick::Change::Removed) part += Tr(", taken off");
    if (!brick.changes.isEmpty()) part += Tr(", changed: ") + brick.changes.join(QStringLiteral("; "));
    parts << part;
  }
  return parts.join(QStringLiteral(" | "));
}

QString TextOf(const HeaderPicture& picture) {
  if (picture.isSame) return Tr("headers: ") + TextOf(picture.after);
  return Tr("before: ") + TextOf(picture.before) + QLatin1Char('\n') + Tr("after:  ") + TextOf(picture.after);
}

uint32_t NetworkBytes(const BrickRow& row) {
  const bool hasLink = !row.bricks.empty() && row.bricks.front().protocol == replay::Protocol::Ethernet;
  const uint32_t link = hasLink ? row.bricks.front().bytes : 0;
  return row.totalBytes > link ? row.totalBytes - link : 0;
}

uint32_t TunnelOverhead(const BrickRow& row) {
  uint8_t deepest = 0;
  for (const Brick& brick : row.bricks) deepest = std::max(deepest, brick.depth);
  uint32_t overhead = 0;
  for (size_t i = 0; i < row.bricks.size(); ++i) {
    const Brick& brick = row.bricks[i];
    const bool isLink = brick.protocol == replay::Protocol::Ethernet;
    if (isLink ? i > 0 : brick.depth < deepest) overhead += brick.bytes;
  }
  return overhead;
}

BrickLayout LayBricks(const HeaderPicture& picture, const QRectF& area, const QFont& font) {
  BrickLayout layout;
  layout.area = area;
  const QFontMetricsF metrics(font), bold(Bold(font)), small(Smaller(font));
  layout.labelWidth =
      std::max(metrics.horizontalAdvance(Tr("headers")), bold.horizontalAdvance(QStringLiteral("65,535 B"))) + 14;
  layout.noteHeight = NotesOf(picture.after) * (small.height() + 1) + (NotesOf(picture.after) > 0 ? 8 : 0);
  layout.rowGap = 18;

  const auto brickIn = [&](const HeaderPicture::Column& column) -> const Brick& {
    return column.after >= 0 ? picture.after.bricks[static_cast<size_t>(column.after)]
                             : picture.before.bricks[static_cast<size_t>(column.before)];
  };
  std::vector<qreal> widths, words;  // a brick's name fits, and each word of its summary
  qreal least = 0, wanted = 0, weights = 0;
  for (const HeaderPicture::Column& column : picture.columns) {
    const Brick& brick = brickIn(column);
    widths.push_back(bold.horizontalAdvance(brick.name) + 15 + bold.height());
    words.push_back(std::max(widths.back(), LongestWord(brick.summary, small) + kBrickSides + 1));
    least += widths.back();
    wanted += words.back();
    weights += std::min<qreal>(brick.bytes, 64);
  }
  const qreal gap = 4, boxes = 10;
  const qreal room = area.width() - layout.labelWidth - boxes - gap * static_cast<qreal>(widths.size());
  if (wanted <= room) {
    widths = words;
    least = wanted;
  } else if (least <= room) {
    const qreal share = (room - least) / (wanted - least);
    for (size_t i = 0; i < widths.size(); ++i) widths[i] += share * (words[i] - widths[i]);
    least = room;
  }
  if (least > room && least > 0) {
    for (qreal& width : widths) width = std::max<qreal>(24, width * room / least);
  } else if (weights > 0) {
    const qreal extra = std::min(room - least, 26.0 * 12 * static_cast<qreal>(widths.size()) - least);
    for (size_t i = 0; i < widths.size(); ++i)
      widths[i] += std::max<qreal>(0, extra) * std::min<qreal>(brickIn(picture.columns[i]).bytes, 64) / weights;
  }
  // Where words are cut anyway, more lines of them would only push one row out of sight.
  constexpr qsizetype kFewestLines = 2;
  const qsizetype mostLines = wanted <= room ? 5 : kFewestLines;
  qsizetype lines = kFewestLines;
  for (size_t i = 0; i < widths.size(); ++i)
    lines = std::max(lines, LinesOf(brickIn(picture.columns[i]).summary, small, widths[i] - kBrickSides).size());
  layout.brickHeight = bold.height() + static_cast<qreal>(std::min(lines, mostLines) + 1) * small.height() + 12;
  layout.before.resize(picture.before.bricks.size());
  layout.after.resize(picture.after.bricks.size());
  const qreal first = area.top() + 8;
  const qreal second = picture.isSame ? first : first + layout.brickHeight + layout.rowGap;
  qreal x = area.left() + layout.labelWidth;
  for (size_t i = 0; i < widths.size(); ++i) {
    const HeaderPicture::Column& column = picture.columns[i];
    if (column.before >= 0)
      layout.before[static_cast<size_t>(column.before)] = QRectF(x, first, widths[i], layout.brickHeight);
    if (column.after >= 0)
      layout.after[static_cast<size_t>(column.after)] = QRectF(x, second, widths[i], layout.brickHeight);
    x += widths[i] + gap;
  }
  layout.height = second + layout.brickHeight + 8 + layout.noteHeight - area.top();
  return layout;
}

qreal PictureHeight(const HeaderPicture& picture, qreal width, const QFont& font) {
  return LayBricks(picture, QRectF(0, 0, width, 0), font).height;
}

void PaintPicture(QPainter& painter, const QRectF& area, const HeaderPicture& picture, const Theme& theme,
                  const QFont& font) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  const BrickLayout layout = LayBricks(picture, area, font);
  const qreal first = area.top() + 8;
  if (picture.isSame) {
    PaintRow(painter, layout, picture.after, layout.after, Tr("headers"), first, theme, font);
  } else {
    PaintRow(painter, layout, picture.before, layout.before, Tr("before"), first, theme, font);
    PaintRow(painter, layout, picture.after, layout.after, Tr("after"), first + layout.brickHeight + layout.rowGap,
             theme, font);
  }
  painter.restore();
}

}  // namespace overlaysim::views
