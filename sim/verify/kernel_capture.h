#pragma once

#include <vector>

#include "sim/plan/cluster_plan.h"
#include "sim/trace/capture_filter.h"
#include "sim/verify/compare.h"
#include "sim/verify/kernel_lab.h"

namespace overlaysim::verify {

/// Captures at a plan's points with packet sockets, promiscuous as tcpdump is.
class KernelCapture {
 public:
  KernelCapture(KernelLab& lab, EventLoop& loop, const ClusterPlan& plan);
  /// Opens what is not open: devices may be made, or made again, while traffic runs.
  void Open();
  /// Frames before this are forgotten; times are counted from here.
  void Begin(Nanoseconds realTime) { m_begin = realTime; }
  /// Reads what is left.
  void Finish();
  /// By capture point of the plan; none is later than `end`.
  std::vector<std::vector<SeenFrame>> Frames(Nanoseconds end) const;
  uint64_t Lost() const { return m_lost; }  ///< frames for which there was no room

 private:
  struct Point {
    const CapturePoint* point;
    CaptureFilter filter;
    File socket;
    unsigned ifindex = 0;
    std::vector<SeenFrame> frames;
  };
  void Read(Point& point);
  void CountLost(const File& socket);

  KernelLab& m_lab;
  EventLoop& m_loop;
  std::vector<Point> m_points;
  Nanoseconds m_begin;
  uint64_t m_lost = 0;
};

}  // namespace overlaysim::verify
