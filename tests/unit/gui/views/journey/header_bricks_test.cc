#include "gui/views/journey/header_bricks.h"

#include <gtest/gtest.h>

#include <QImage>

#include "gui/views/journey/mtu_bar.h"
#include "support/gui/application.h"

namespace overlaysim::views {
namespace {

class HeaderBricks : public test::SessionTest {
 protected:
  HeaderPicture Picture(Stage stage) {
    Open();
    FollowFirst();
    const int step = StepAt(stage);
    EXPECT_GE(step, 0);
    m_hop = m_session.Journey()->hops[static_cast<size_t>(step)];
    return PictureOf(m_hop, m_session.Run()->VxlanPorts());
  }
  replay::Hop m_hop;
};

TEST_F(HeaderBricks, EncapsulationPutsOuterHeadersBeforeTheSameInnerOnes) {
  const HeaderPicture picture = Picture(Stage::Encapsulate);
  ASSERT_FALSE(picture.isSame);
  QStringList added;
  for (const Brick& brick : picture.after.bricks)
    if (brick.change == Brick::Change::Added) added << brick.name;
  EXPECT_EQ(added, (QStringList{QStringLiteral("IPv4"), QStringLiteral("UDP"), QStringLiteral("VXLAN")}));
  for (const Brick& brick : picture.before.bricks) EXPECT_EQ(brick.change, Brick::Change::Same);
  // The first columns are empty before; the last one is the payload in both rows.
  EXPECT_EQ(picture.columns.front().before, -1);
  EXPECT_GE(picture.columns.back().before, 0);
  EXPECT_GE(picture.columns.back().after, 0);
  EXPECT_EQ(TunnelOverhead(picture.after), 50u);  // IPv4 20, UDP 8, VXLAN 8, inner Ethernet 14
  EXPECT_EQ(TunnelOverhead(picture.before), 0u);
}

TEST_F(HeaderBricks, DecapsulationTakesThemOff) {
  const HeaderPicture picture = Picture(Stage::Decapsulate);
  int removed = 0;
  for (const Brick& brick : picture.before.bricks) removed += brick.change == Brick::Change::Removed ? 1 : 0;
  EXPECT_EQ(removed, 3);
  EXPECT_NE(TextOf(picture).indexOf(QStringLiteral("taken off")), -1);
}

TEST_F(HeaderBricks, ForwardingSaysWhichFieldChanged) {
  const HeaderPicture picture = Picture(Stage::Forward);
  ASSERT_FALSE(picture.isSame);
  QStringList changes;
  for (const Brick& brick : picture.after.bricks) changes << brick.changes;
  EXPECT_TRUE(changes.contains(QStringLiteral("ttl 64 → 63"))) << changes.join(QStringLiteral(", ")).toStdString();
}

TEST_F(HeaderBricks, TunnelDeviceCountsWhatGoesIntoIt) {
  const HeaderPicture picture = Picture(Stage::Encapsulate);
  ASSERT_NE(m_hop.mtu, 0u);
  const MtuBudget budget = MtuBudget::Of(m_hop, picture);
  EXPECT_EQ(budget.overhead, 0u);
  EXPECT_EQ(budget.carried, NetworkBytes(picture.before));
  EXPECT_EQ(budget.beneath, 50u);
  EXPECT_EQ(budget.carried + budget.left, m_hop.mtu);
}

TEST_F(HeaderBricks, WithoutRecordedBytesSaysSo) {
  replay::Hop hop;
  hop.beforeBytes = hop.afterBytes = 84;
  const HeaderPicture picture = PictureOf(hop, {});
  ASSERT_EQ(picture.after.bricks.size(), 1u);
  EXPECT_TRUE(picture.isSame);
  EXPECT_FALSE(picture.after.isRecorded);
  EXPECT_EQ(picture.after.bricks[0].bytes, 84u);
  EXPECT_TRUE(picture.after.bricks[0].summary.contains(QStringLiteral("not recorded")));
}

TEST_F(HeaderBricks, EveryBrickHasItsPlaceInsideTheArea) {
  const HeaderPicture picture = Picture(Stage::Encapsulate);
  for (const qreal width : {320.0, 700.0, 2000.0}) {
    const BrickLayout layout = LayBricks(picture, QRectF(0, 0, width, 200), QFont());
    ASSERT_EQ(layout.after.size(), picture.after.bricks.size());
    for (size_t i = 0; i < layout.after.size(); ++i) {
      EXPECT_GT(layout.after[i].width(), 10);
      EXPECT_LE(layout.after[i].bottom(), layout.height);
      if (i > 0) {
        EXPECT_GE(layout.after[i].left(), layout.after[i - 1].right());
      }
    }
    if (width >= 700) {
      EXPECT_LE(layout.after.back().right(), width);
    }
  }
}

TEST_F(HeaderBricks, PaintsSomething) {
  const HeaderPicture picture = Picture(Stage::Encapsulate);
  QImage image(700, 220, QImage::Format_ARGB32_Premultiplied);
  image.fill(Qt::white);
  QPainter painter(&image);
  PaintPicture(painter, QRectF(0, 0, 700, 220), picture, Theme::Light(), QFont());
  painter.end();
  QImage empty(700, 220, QImage::Format_ARGB32_Premultiplied);
  empty.fill(Qt::white);
  EXPECT_NE(image, empty);
}

}  // namespace
}  // namespace overlaysim::views
