#pragma once

#include <QColor>
#include <QObject>
#include <QPalette>

#include "gui/replay/dissector.h"
#include "gui/replay/topology.h"

namespace overlaysim::views {

/// Every colour of the viewer, by what it means: canvas, charts, exported pictures and the widgets' palette take theirs
/// from here. Meaning is never carried by colour alone (width, dashes, signs, words go with it). The series is Okabe
/// and Ito's, which people with any of the usual colour blindnesses can tell apart.
struct Theme {
  bool isDark = false;
  QColor canvas, surface, raised, border, text, mutedText, accent, selection;
  QColor link, tunnel, flow, linkDown;  ///< cables, overlay tunnels, flows
  QColor good, warning, bad;            ///< delivered; late or full; dropped or failed
  QColor node, pod, podSilent, leaf, spine, router, external;
  QColor change;  ///< bytes or lines that differ from before

  static const Theme& Light();
  static const Theme& Dark();
  QPalette Palette() const;
  QColor ColourOf(replay::Role role) const;
  QColor ColourOf(replay::Protocol protocol) const;  ///< of a header's brick
  QColor TextOn(const QColor& background) const;     ///< black or white, whichever reads better
  QColor Heat(double share) const;                   ///< 0 to 1: from cold to hot, ordered in brightness too
};

/// The theme in use, and word of its change.
class ThemeSwitch : public QObject {
  Q_OBJECT
 public:
  static ThemeSwitch& Instance();
  const Theme& Current() const { return *m_theme; }
  void Use(const Theme& theme);  ///< also sets the application's palette
  /// For people whom movement disturbs: things change at once then, and nothing moves by itself.
  bool IsMotionReduced() const { return m_isMotionReduced; }
  void SetMotionReduced(bool reduced);

 signals:
  void Changed();

 private:
  ThemeSwitch();
  const Theme* m_theme;
  bool m_isMotionReduced = false;
};

inline const Theme& CurrentTheme() { return ThemeSwitch::Instance().Current(); }

}  // namespace overlaysim::views
