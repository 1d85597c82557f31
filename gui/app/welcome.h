#pragma once

#include <QString>

namespace overlaysim::app {

/// The scenario of a first start: two nodes, one tunnel, one ping.
QString WelcomeScenario();

}  // namespace overlaysim::app
