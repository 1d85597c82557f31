#include "gui/app/welcome.h"

namespace overlaysim::app {

QString WelcomeScenario() {
  return QStringLiteral(R"({
  "format": 1,
  "description": "Two nodes, one tunnel",
  "cluster": {
    "nodes": ["node1", "node2"],
    "cni": { "type": "flannel" },
    "pods": [
      { "name": "pod-a", "node": "node1" },
      { "name": "pod-b", "node": "node2" }
    ]
  },
  "traffic": [
    { "type": "ping", "from": "pod-a", "to": "pod-b", "count": 3 }
  ]
}
)");
}

}  // namespace overlaysim::app
