#include "gui/views/theme.h"

#include <QApplication>
#include <algorithm>
#include <cmath>

namespace overlaysim::views {
namespace {

Theme MakeLight() {
  Theme t;
  t.canvas = QColor(0xf7f8fa);
  t.surface = QColor(0xffffff);
  t.raised = QColor(0xeef1f5);
  t.border = QColor(0xc3cad4);
  t.text = QColor(0x1c2430);
  t.mutedText = QColor(0x5b6675);
  t.accent = QColor(0x0072b2);
  t.selection = QColor(0x005a8c);
  t.link = QColor(0x8793a3);
  t.tunnel = QColor(0xcc79a7);
  t.flow = QColor(0x009e73);
  t.linkDown = QColor(0xb03a2e);
  t.good = QColor(0x00795a);
  t.warning = QColor(0xb86e00);
  t.bad = QColor(0xc0392b);
  t.node = QColor(0xdbe9f6);
  t.pod = QColor(0x56b4e9);
  t.podSilent = QColor(0xb9c6d6);
  t.leaf = QColor(0xe6e0f2);
  t.spine = QColor(0xf3e3d0);
  t.router = QColor(0xf3e3d0);
  t.external = QColor(0xe4e7eb);
  t.change = QColor(0xffe9a8);
  return t;
}

Theme MakeDark() {
  Theme t;
  t.isDark = true;
  t.canvas = QColor(0x14181f);
  t.surface = QColor(0x1b212b);
  t.raised = QColor(0x252d39);
  t.border = QColor(0x465263);
  t.text = QColor(0xe8ecf2);
  t.mutedText = QColor(0xa3afbf);
  t.accent = QColor(0x56b4e9);
  t.selection = QColor(0x8fd0f5);
  t.link = QColor(0x6f7d90);
  t.tunnel = QColor(0xe39ac2);
  t.flow = QColor(0x2fc79a);
  t.linkDown = QColor(0xff7a66);
  t.good = QColor(0x3fcf9f);
  t.warning = QColor(0xf0b44c);
  t.bad = QColor(0xff7a66);
  t.node = QColor(0x24384c);
  t.pod = QColor(0x3d8fc4);
  t.podSilent = QColor(0x47566a);
  t.leaf = QColor(0x37304d);
  t.spine = QColor(0x4a3a28);
  t.router = QColor(0x4a3a28);
  t.external = QColor(0x303844);
  t.change = QColor(0x5c4a12);
  return t;
}

}  // namespace

const Theme& Theme::Light() {
  static const Theme theme = MakeLight();
  return theme;
}

const Theme& Theme::Dark() {
  static const Theme theme = MakeDark();
  return theme;
}

QPalette Theme::Palette() const {
  QPalette p;
  p.setColor(QPalette::Window, raised);
  p.setColor(QPalette::WindowText, text);
  p.setColor(QPalette::Base, surface);
  p.setColor(QPalette::AlternateBase, isDark ? surface.lighter(112) : canvas);
  p.setColor(QPalette::Text, text);
  p.setColor(QPalette::PlaceholderText, mutedText);
  p.setColor(QPalette::Button, raised);
  p.setColor(QPalette::ButtonText, text);
  p.setColor(QPalette::ToolTipBase, surface);
  p.setColor(QPalette::ToolTipText, text);
  p.setColor(QPalette::Highlight, accent);
  p.setColor(QPalette::HighlightedText, TextOn(accent));
  p.setColor(QPalette::Link, accent);
  p.setColor(QPalette::BrightText, bad);
  p.setColor(QPalette::Light, surface);
  p.setColor(QPalette::Midlight, raised);
  p.setColor(QPalette::Mid, border);
  p.setColor(QPalette::Dark, border);
  p.setColor(QPalette::Shadow, isDark ? QColor(Qt::black) : border);
  for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
    p.setColor(QPalette::Disabled, role, mutedText);
  return p;
}

QColor Theme::ColourOf(replay::Role role) const {
  switch (role) {
    case replay::Role::Node:
    case replay::Role::Lab:
      return node;
    case replay::Role::Pod:
      return pod;
    case replay::Role::Leaf:
      return leaf;
    case replay::Role::Spine:
      return spine;
    case replay::Role::Router:
      return router;
    case replay::Role::External:
    case replay::Role::Unknown:
      return external;
  }
  return external;
}

QColor Theme::ColourOf(replay::Protocol protocol) const {
  using P = replay::Protocol;
  const auto shade = [&](int rgb) { return isDark ? QColor(rgb).darker(130) : QColor(rgb); };
  switch (protocol) {
    case P::Ethernet:
      return shade(0x999fa8);
    case P::Arp:
      return shade(0xf0e442);
    case P::Ipv4:
    case P::Ipv6:
      return shade(0x56b4e9);
    case P::Icmp:
    case P::Icmpv6:
    case P::Igmp:
      return shade(0x009e73);
    case P::Udp:
      return shade(0xe69f00);
    case P::Tcp:
      return shade(0x0072b2);
    case P::Vxlan:
    case P::Geneve:
      return shade(0xcc79a7);
    case P::WireGuard:
    case P::Esp:
      return shade(0x8b3a62);
    case P::Data:
      return shade(0xd3d8df);
    case P::Malformed:
      return shade(0xd55e00);
  }
  return shade(0xd3d8df);
}

QColor Theme::TextOn(const QColor& background) const {
  const double luminance = 0.299 * background.redF() + 0.587 * background.greenF() + 0.114 * background.blueF();
  return luminance > 0.5 ? QColor(0x14181f) : QColor(Qt::white);
}

QColor Theme::Heat(double share) const {
  // From the link's grey over yellow to dark red: brightness falls all the way on a light canvas, saturation rises.
  static const QColor kLight[] = {QColor(0x8fb4d0), QColor(0xe0b040), QColor(0xd55e00), QColor(0x8b1a1a)};
  static const QColor kDark[] = {QColor(0x3f6a8a), QColor(0xb8902c), QColor(0xf08030), QColor(0xffd0c0)};
  const QColor* stops = isDark ? kDark : kLight;
  const double at = std::clamp(share, 0.0, 1.0) * 3;
  const int i = std::min(static_cast<int>(at), 2);
  const double f = at - i;
  const auto mix = [f](float a, float b) { return static_cast<float>(a + (b - a) * f); };
  const QColor &a = stops[i], &b = stops[i + 1];
  return QColor::fromRgbF(mix(a.redF(), b.redF()), mix(a.greenF(), b.greenF()), mix(a.blueF(), b.blueF()));
}

ThemeSwitch::ThemeSwitch() : m_theme(&Theme::Light()) {}

ThemeSwitch& ThemeSwitch::Instance() {
  static ThemeSwitch instance;
  return instance;
}

void ThemeSwitch::Use(const Theme& theme) {
  m_theme = &theme;
  QApplication::setPalette(theme.Palette());
  emit Changed();
}

void ThemeSwitch::SetMotionReduced(bool reduced) {
  if (reduced == m_isMotionReduced) return;
  m_isMotionReduced = reduced;
  emit Changed();
}

}  // namespace overlaysim::views
