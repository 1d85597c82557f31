#pragma once

#include <QFont>
#include <QPainter>
#include <QRectF>
#include <QString>
#include <QStringList>
#include <span>
#include <vector>

#include "gui/replay/dissector.h"
#include "gui/replay/journey.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

/// One header of a packet as a brick.
struct Brick {
  enum class Change : uint8_t { Same, Added, Removed, Changed };
  replay::Protocol protocol = replay::Protocol::Data;
  QString name, summary;
  uint32_t bytes = 0;
  uint8_t depth = 0;  ///< tunnel headers before it
  Change change = Change::Same;
  QStringList changes;  ///< "ttl 64 → 63"
  QStringList fields;   ///< "Time to live: 64", for the tool tip
};

/// The bricks of one moment, outermost first; the payload is the last.
struct BrickRow {
  std::vector<Brick> bricks;
  uint32_t totalBytes = 0;
  bool isRecorded = true;  ///< false: the trace does not have its header bytes
};

/// Headers before and after a step. A column holds the same header before and after,
/// so that what is put on or taken off leaves a gap in the other row.
struct HeaderPicture {
  struct Column {
    int before = -1, after = -1;  ///< indices of bricks; -1: not there
  };
  BrickRow before, after;
  std::vector<Column> columns;
  bool isSame = false;  ///< nothing changed: `after` says it all
};

BrickRow BricksOf(std::span<const uint8_t> bytes, replay::LinkLayer first, uint32_t wireBytes,
                  std::span<const uint16_t> vxlanPorts);
HeaderPicture PictureOf(const replay::Hop& hop, std::span<const uint16_t> vxlanPorts);
/// "Ethernet 14 B | IPv4 20 B (changed: ttl 64 → 63) | ..."
QString TextOf(const BrickRow& row);
QString TextOf(const HeaderPicture& picture);

/// Bytes of a packet that count against a device's MTU: without its outermost Ethernet header.
uint32_t NetworkBytes(const BrickRow& row);
/// Bytes that tunnels cost inside the MTU: outer headers without the outermost Ethernet, and inner Ethernet headers.
uint32_t TunnelOverhead(const BrickRow& row);

/// Where bricks stand when they are painted: one rectangle for each brick. Shared by painting and hit tests.
struct BrickLayout {
  QRectF area;
  qreal labelWidth = 0, brickHeight = 0, rowGap = 0, noteHeight = 0;
  std::vector<QRectF> before, after;  ///< by brick
  qreal height = 0;
};
BrickLayout LayBricks(const HeaderPicture& picture, const QRectF& area, const QFont& font);
qreal PictureHeight(const HeaderPicture& picture, qreal width, const QFont& font);
void PaintPicture(QPainter& painter, const QRectF& area, const HeaderPicture& picture, const Theme& theme,
                  const QFont& font);

}  // namespace overlaysim::views
