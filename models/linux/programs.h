#pragma once

#include <cstdint>
#include <vector>

#include "models/linux/link.h"
#include "models/wire/frame.h"

namespace overlaysim::kernel {

/// Where a program meets a frame: behind the taps of a device that has received it, before those of a device that is to
/// send it (sch_handle_ingress(), sch_handle_egress() of net/core/dev.c).
enum class ProgramHook : uint8_t { Ingress, Egress };

enum class ProgramDrop : uint8_t {
  CiliumInvalidSource,
  CiliumInvalid,
  CiliumUnknownL3,
  CiliumNoTunnelKey,
  CiliumUnroutable,
  CiliumUnsupportedL2,
  CiliumInvalidIdentity,
  CiliumTtlExceeded,
  OvsNoFlow,
  OvsSpoofed,
  OvsTtlExpired,
};

/// What a program makes of a frame.
struct ProgramResult {
  enum class Action : uint8_t { Pass, Drop, Redirect } action = Action::Pass;
  ProgramDrop why{};  ///< Drop
  /// Redirect: sent out of that device, or taken for received by it. The first gets the frame, the others copies.
  struct Output {
    int ifindex = 0;
    bool isReceived = false;  ///< BPF_F_INGRESS, an internal port of Open vSwitch
    wire::TunnelKey tunnel;   ///< of an external tunnel device
  };
  std::vector<Output> outputs;

  static ProgramResult Drops(ProgramDrop why) { return {.action = Action::Drop, .why = why}; }
  static ProgramResult Sends(int ifindex, const wire::TunnelKey& tunnel = {}) {
    return {.action = Action::Redirect, .outputs = {{.ifindex = ifindex, .tunnel = tunnel}}};
  }
  static ProgramResult Hands(int ifindex) {
    return {.action = Action::Redirect, .outputs = {{.ifindex = ifindex, .isReceived = true}}};
  }
};

/// A datapath of its own at the devices of a namespace: eBPF programs, or the flow tables of Open vSwitch.
class Programs {
 public:
  virtual ~Programs() = default;
  /// Judges a frame, which may be changed: its Ethernet header is at Data(). Pass where nothing is attached.
  virtual ProgramResult Run(ProgramHook hook, const Link& link, wire::Frame& frame) const = 0;
};

}  // namespace overlaysim::kernel
