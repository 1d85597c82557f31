#pragma once

#include <QObject>
#include <functional>

#include "gui/document/scenario_edit.h"
#include "gui/views/session.h"

class QMenu;

namespace overlaysim::app {

/// An event that a place can have, before its time is known.
struct PlaceEvent {
  QString words;     ///< "Break the cable node1 – leaf1"
  QString question;  ///< what its value is; "": it has none
  document::EventWish wish;
};

/// What can be done to that place of the plan, in the order of a menu.
std::vector<PlaceEvent> EventsFor(const replay::Topology& plan, const views::Place& place, int64_t atNs);

/// What a click can change in the scenario's text at that place.
struct PlaceEdit {
  enum class Kind : uint8_t { AddNode, AddPod, AddTraffic, Remove, Connect, RemoveLink, RemoveTraffic } kind;
  QString words;
  std::string name;        ///< of the node or pod; one end of the cable or traffic
  std::string other = {};  ///< the other end
  QString group = {};      ///< the menu that it stands in; "": that of the place
  document::TrafficKind traffic = document::TrafficKind::Ping;
};
std::vector<PlaceEdit> EditsFor(const replay::Topology& plan, const views::Place& place);

}  // namespace overlaysim::app
