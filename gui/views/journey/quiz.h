#pragma once

#include <QString>
#include <QStringList>
#include <vector>

#include "gui/replay/journey.h"
#include "gui/replay/run.h"

namespace overlaysim::views {

/// A question about the next step of a packet, with answers of which one is right.
struct Question {
  enum class Kind : uint8_t { NextPlace, DecidingLine, Size, OuterDestination };
  Kind kind = Kind::NextPlace;
  int step = 0;      ///< index of the hop that it asks for
  int lastSeen = 0;  ///< index of the last hop that a reader may have seen
  QString text;
  QStringList answers;
  int right = 0;
  QString explanation;
};

/// Questions for the key steps of a journey, in its order. Wrong answers come from the same tables and places; the same
/// journey always gives the same questions.
std::vector<Question> AskAbout(replay::Run& run, const replay::Journey& journey);

}  // namespace overlaysim::views
