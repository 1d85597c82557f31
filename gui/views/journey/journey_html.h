#pragma once

#include <QString>

#include "gui/replay/journey.h"
#include "gui/replay/run.h"

namespace overlaysim::views {

/// The journey as one HTML page that needs nothing else: steps, bricks, tables, keys, light and dark. Everything that
/// comes from the run is escaped.
QString JourneyHtml(replay::Run& run, const replay::Journey& journey);
/// "" or a sentence that says why the file could not be written.
QString ExportJourneyHtml(replay::Run& run, const replay::Journey& journey, const QString& path);

}  // namespace overlaysim::views
