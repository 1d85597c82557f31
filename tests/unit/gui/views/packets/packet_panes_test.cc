#include <QFile>
#include <QJsonObject>

#include "gui/views/packets/header_diagram.h"
#include "gui/views/packets/hex_view.h"
#include "gui/views/packets/sharkd.h"
#include "support/gui/application.h"

namespace overlaysim::views {
namespace {

class PacketPanes : public test::SessionTest {
 protected:
  /// The bytes of the tunnelled packet.
  const replay::Hop& Tunnelled() {
    Open();
    FollowFirst();
    return m_session.Journey()->hops[static_cast<size_t>(StepAt(Stage::Encapsulate))];
  }
};

TEST_F(PacketPanes, HexIsWrittenAsXxdDoes) {
  HexView view;
  view.Show({0x45, 0x00, 0x41, 0x7f}, 60);
  const QString line =
      QStringLiteral("00000000: ") + QStringLiteral("45 00 41 7f").leftJustified(16 * 3) + QStringLiteral(" E.A.\n");
  EXPECT_EQ(view.Text().toStdString(), line.toStdString());
}

TEST_F(PacketPanes, ArrowsWalkOverTheBytesAndStayInside) {
  HexView view;
  view.resize(700, 200);
  view.show();
  view.Show(std::vector<uint8_t>(20, 0), 20);
  QSignalSpy chosen(&view, &HexView::ByteChosen);
  QTest::keyClick(&view, Qt::Key_Right);
  QTest::keyClick(&view, Qt::Key_Down);
  QTest::keyClick(&view, Qt::Key_Down);
  ASSERT_EQ(chosen.count(), 3);
  EXPECT_EQ(chosen.at(0).at(0).toUInt(), 1u);
  EXPECT_EQ(chosen.at(1).at(0).toUInt(), 17u);
  EXPECT_EQ(chosen.at(2).at(0).toUInt(), 19u);
}

TEST_F(PacketPanes, PointingFindsTheByteInBothColumns) {
  HexView view;
  view.resize(900, 200);
  view.show();
  view.Show(std::vector<uint8_t>(64, 0x41), 64);
  std::set<int> found;
  for (int x = 0; x < 900; ++x) found.insert(view.ByteAt({x, 12}));
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(found.contains(i)) << i;
  EXPECT_EQ(view.ByteAt({3, 12}), -1);
  EXPECT_EQ(view.ByteAt({100, 4000}), -1);
}

TEST_F(PacketPanes, DiagramIsSavedAsPictureAndAsSvg) {
  const replay::Hop& hop = Tunnelled();
  HeaderDiagram diagram;
  diagram.Show(replay::Dissect(hop.after, hop.afterLayer, hop.afterBytes, m_session.Run()->VxlanPorts()));
  const test::TemporaryDirectory directory;
  for (const char* name : {"headers.svg", "headers.png"}) {
    const QString path = QString::fromStdString((directory / name).string());
    EXPECT_EQ(diagram.Save(path), QString());
    EXPECT_GT(QFile(path).size(), 1000);
  }
  EXPECT_FALSE(diagram.Save(QStringLiteral("/nonexistent/headers.svg")).isEmpty());
}

TEST_F(PacketPanes, SharkdTakesTheRunsVxlanApart) {
  if (Sharkd::Program().isEmpty()) GTEST_SKIP() << "sharkd is not installed";
  const replay::Hop& hop = Tunnelled();
  const auto ports = m_session.Run()->VxlanPorts();
  Sharkd sharkd({ports.begin(), ports.end()});
  QSignalSpy dissected(&sharkd, &Sharkd::Dissected), failed(&sharkd, &Sharkd::Failed);
  sharkd.Dissect(hop.after, hop.afterLayer, hop.afterBytes);
  ASSERT_TRUE(dissected.wait(20000)) << (failed.isEmpty() ? "no answer" : failed.at(0).at(0).toString().toStdString());
  QStringList protocols;
  for (const QJsonValue& layer : dissected.at(0).at(0).toJsonArray())
    protocols << layer.toObject().value(QLatin1String("f")).toString();
  EXPECT_TRUE(protocols.contains(QStringLiteral("vxlan"))) << protocols.join(QLatin1Char(' ')).toStdString();
  EXPECT_TRUE(protocols.contains(QStringLiteral("icmp")));
}

}  // namespace
}  // namespace overlaysim::views
