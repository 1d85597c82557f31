#pragma once

#include <QString>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gui/layout/canvas_store.h"
#include "gui/layout/cluster_layout.h"
#include "gui/layout/node_layout.h"
#include "gui/replay/journey.h"
#include "gui/views/session.h"

namespace overlaysim::views {

/// What the edges of the canvas stand for.
enum class Lens : uint8_t { Underlay, Overlay, Flows };
/// What colours and widens the links.
enum class Heat : uint8_t { None, Utilisation, Drops, Queue };

/// A line between two places: a tunnel or flows.
struct Edge {
  uint32_t from = 0, to = 0;         ///< namespaces
  uint32_t count = 1;                ///< how many flows it stands for
  std::optional<uint32_t> vni = {};  ///< of a tunnel that has one
  uint64_t packets = 0;              ///< that the trace has seen on it; 0: none, or there is no trace
  bool operator==(const Edge&) const = default;
};

/// One step's part of the followed packet's way, in canvas units: from where the packet was to where it is now.
struct Leg {
  std::vector<layout::Point> points;
  uint32_t from = layout::kNone, to = layout::kNone;  ///< namespaces
  uint32_t cable = layout::kNone;                     ///< along which it goes
  int64_t beginNs = 0, endNs = 0;
  layout::Point At(double share) const;
};

/// Everything that a picture of the canvas depends on, except from where it is looked at.
class CanvasState {
 public:
  /// null: nothing is shown. Forgets all that belonged to another run.
  void SetTopology(const replay::Topology* topology, layout::CanvasChoices choices);
  const replay::Topology* Topology() const { return m_topology; }
  const layout::ClusterLayout& Layout() const { return m_layout; }

  // --- what is shown
  Lens lens = Lens::Underlay;
  Heat heat = Heat::Utilisation;
  int64_t timeNs = 0;
  Place selected, hovered;
  bool isFocused = false;
  std::shared_ptr<const RunFacts> facts;  ///< null: nothing is known. Set by SetFacts()
  void SetFacts(std::shared_ptr<const RunFacts> known);
  std::vector<uint16_t> vxlanPorts;  ///< of the run, for the packet's bricks

  // --- what is not shown
  /// By Kubernetes namespace, label, rack and VNI. A pod is hidden with its namespace or one of its labels, a node with
  /// one of its labels, a rack with all its nodes. Pods that are collapsed are one box in each node, a collapsed rack
  /// is its switch alone.
  const layout::Shown& GetShown() const { return m_shown; }
  void SetShown(layout::Shown shown);
  bool IsRackCollapsed(uint32_t head) const { return head < m_isCollapsed.size() && m_isCollapsed[head]; }
  void SetRackCollapsed(uint32_t head, bool collapsed);
  void CollapseAll(bool collapsed);
  size_t HiddenPods() const { return m_hiddenPods; }  ///< that GetShown() hides, with those of hidden nodes
  size_t HiddenNodes() const { return m_hiddenNodes; }
  /// Shows only what the selection has to do with: itself, its cables and their other ends up to the racks' switches,
  /// its flows' other ends; and the followed packet's places. Off shows all again.
  void SetOnlyRelated(bool only);
  bool OnlyRelated() const { return m_onlyRelated; }
  bool IsPodShown(uint32_t pod) const { return pod >= m_isPodHidden.size() || !m_isPodHidden[pod]; }
  /// What the node's inside has cells for.
  std::vector<layout::PodCell> Cells(uint32_t node) const;
  size_t CellCount(uint32_t node) const;
  const std::map<uint32_t, size_t>& Vnis() const {
    return m_vnis;
  }  ///< of the plan and the trace, with how many tunnels

  // --- moved by hand
  const layout::Positions& Moved() const { return m_moved; }
  void MoveSite(uint32_t site, layout::Point to);
  void ForgetPositions();

  // --- questions
  bool IsCableUp(uint32_t cable) const;
  uint32_t MtuOf(uint32_t netns, const replay::Device& device) const;  ///< at the time
  /// Both directions' samples at the time; null: silent.
  const replay::LinkSample* Sample(uint32_t cable, replay::Activity::Direction direction) const;
  double Utilisation(uint32_t cable) const;  ///< the busier direction's
  /// 0 to 1 on the chosen heat's scale; -1: nothing to say.
  double HeatOf(uint32_t cable) const;
  /// What 1 on that scale stands for: "100 %", "12 drops".
  double HeatScaleEnd() const;

  const layout::NodeInside& Inside(uint32_t site) const;  ///< made when first asked for
  /// The box of a place; of a pod its own, of a device its own; nullopt when it is hidden.
  std::optional<layout::Box> BoxOf(const Place& place) const;
  std::optional<layout::Box> BoxOfNetns(uint32_t netns) const;
  /// What is there; `deep`: pods and devices can be told apart at that zoom.
  Place PlaceAt(layout::Point p, bool deep, double tolerance) const;

  // --- edges of the lenses
  const std::vector<Edge>& Tunnels() const { return m_tunnels; }
  const std::vector<Edge>& Flows() const { return m_flows; }
  const std::vector<Edge>& FlowsBetweenSites() const { return m_siteFlows; }
  void SetTunnelsOfSelection(std::vector<Edge> tunnels) { m_selectedTunnels = std::move(tunnels); }
  const std::vector<Edge>& TunnelsOfSelection() const { return m_selectedTunnels; }

  // --- the followed packet
  void SetJourney(const replay::Journey* journey);
  const replay::Journey* Journey() const { return m_journey; }
  const std::vector<Leg>& Legs() const { return m_legs; }
  int step = -1;
  double stepShare = 1;    ///< how much of the current leg it has gone, while it is animated
  double pulse = -1;       ///< 0 to 1 while the current place pulses
  bool isPlaying = false;  ///< then traffic moves along the cables
  double phase = 0;        ///< of that movement, in periods
  std::optional<layout::Point> PacketAt() const;
  /// Number of the journey's leg that is under way at the time; -1.
  int LegAt(int64_t time) const;
  bool IsOnPath(uint32_t cable) const { return cable < m_isCableOnPath.size() && m_isCableOnPath[cable]; }

 private:
  void Relayout();
  void FindHidden();
  void FindEdges();
  void FindTunnels();
  void FindFlowsBetweenSites();
  uint32_t GroupOf(uint32_t pod) const;  ///< index in m_groups; kNone: it is shown by itself
  void FindLegs();
  layout::Box DeviceOrNetnsBox(uint32_t netns, uint32_t ifindex) const;
  /// On to a device, along straight lines as the wiring has them.
  void GoTo(std::vector<layout::Point>& way, uint32_t netns, uint32_t ifindex) const;
  static void Bend(std::vector<layout::Point>& way, layout::Point to, bool verticalLast);

  const replay::Topology* m_topology = nullptr;
  layout::ClusterLayout m_layout;
  layout::Positions m_moved;
  layout::Shown m_shown;
  std::vector<bool> m_isCollapsed;
  std::vector<bool> m_isUnrelated;   ///< while only what is related is shown
  std::vector<bool> m_isSiteHidden;  ///< by m_shown; empty: none
  std::vector<bool> m_isPodHidden;   ///< likewise
  size_t m_hiddenPods = 0, m_hiddenNodes = 0;
  std::vector<std::string> m_groups;                                  ///< names of what is collapsed: "shop", "app=web"
  std::unordered_map<std::string_view, uint32_t> m_groupOfNamespace;  ///< views of m_groups
  std::unordered_map<uint32_t, uint32_t> m_groupOfLabel;
  std::map<uint32_t, size_t> m_vnis;
  bool m_onlyRelated = false;
  std::vector<Edge> m_tunnels, m_flows, m_siteFlows, m_selectedTunnels;
  const replay::Journey* m_journey = nullptr;
  std::vector<Leg> m_legs;  ///< one for each hop
  std::vector<bool> m_isCableOnPath;
  mutable std::unordered_map<uint32_t, layout::NodeInside> m_inside;  ///< by site
};

}  // namespace overlaysim::views
