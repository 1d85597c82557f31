// Programs at devices: eBPF at the tc hooks (net/core/dev.c, net/core/filter.c), Open vSwitch (net/openvswitch).

#include "models/linux/programs.h"

#include <algorithm>

#include "models/host/stack.h"

namespace overlaysim::host {

namespace {

Verdict VerdictOf(kernel::ProgramDrop why) {
  switch (why) {
    case kernel::ProgramDrop::CiliumInvalidSource:
      return Verdict::CiliumInvalidSource;
    case kernel::ProgramDrop::CiliumInvalid:
      return Verdict::CiliumInvalid;
    case kernel::ProgramDrop::CiliumUnknownL3:
      return Verdict::CiliumUnknownL3;
    case kernel::ProgramDrop::CiliumNoTunnelKey:
      return Verdict::CiliumNoTunnelKey;
    case kernel::ProgramDrop::CiliumUnroutable:
      return Verdict::CiliumUnroutable;
    case kernel::ProgramDrop::CiliumUnsupportedL2:
      return Verdict::CiliumUnsupportedL2;
    case kernel::ProgramDrop::CiliumInvalidIdentity:
      return Verdict::CiliumInvalidIdentity;
    case kernel::ProgramDrop::CiliumTtlExceeded:
      return Verdict::CiliumTtlExceeded;
    case kernel::ProgramDrop::OvsNoFlow:
      return Verdict::OvsNoFlow;
    case kernel::ProgramDrop::OvsSpoofed:
      return Verdict::OvsSpoofed;
    case kernel::ProgramDrop::OvsTtlExpired:
      return Verdict::OvsTtlExpired;
  }
  return Verdict::OvsNoFlow;
}

}  // namespace

/// skb_do_redirect(), ovs_vport_send(). What bpf_redirect() hands to a device is in no counter of it.
void Stack::SendOn(wire::FramePtr frame, const kernel::ProgramResult::Output& output) {
  Trace(Stage::Program, Verdict::Redirected, *frame, output.ifindex);
  frame->tunnel = output.tunnel;
  kernel::Link* link = m_ns->GetLink(output.ifindex);
  if (!output.isReceived) {
    if (link && !kernel::HasLinkHeader(link->kind)) {  // __bpf_redirect_no_mac()
      frame->protocol = wire::Ethernet{frame->Data()}.Type();
      frame->Pull(wire::kEthernetHeaderBytes);
    }
    Transmit(output.ifindex, std::move(frame));
  } else if (!link || !link->adminUp)
    Finish(Stage::Receive, link ? Verdict::LinkDown : Verdict::DeviceGone, std::move(frame), output.ifindex);
  else if (link->kind == kernel::LinkKind::Openvswitch)
    m_backlog.Push({this, output.ifindex, std::move(frame)});
  else
    NetifReceive(*link, std::move(frame));
}

bool Stack::RunProgram(kernel::ProgramHook hook, const kernel::Link& link, wire::FramePtr& frame) {
  m_backlog.flows->Abandon();  // what a program looks at is its own affair
  constexpr uint32_t kShown = wire::kEthernetHeaderBytes + wire::kIpv4HeaderBytes;  // what programs change is in there
  std::vector<uint8_t> before;
  if (Tracing(*frame)) before.assign(frame->Data(), frame->Data() + std::min(frame->Size(), kShown));
  const int ifindex = link.ifindex;
  const kernel::ProgramResult result = m_ns->programs->Run(hook, link, *frame);
  const std::span<const uint8_t> after(frame->Data(), before.size());
  if (!std::equal(before.begin(), before.end(), after.begin()))
    Trace(Stage::Program, Verdict::Continue, *frame, ifindex);
  switch (result.action) {
    case kernel::ProgramResult::Action::Pass:
      return true;
    case kernel::ProgramResult::Action::Drop:
      Finish(Stage::Program, VerdictOf(result.why), std::move(frame), ifindex);
      return false;
    case kernel::ProgramResult::Action::Redirect:
      break;
  }
  if (result.outputs.size() > 1) Trace(Stage::Program, Verdict::Flooded, *frame, ifindex);
  for (size_t i = 1; i < result.outputs.size(); ++i) SendOn(Copy(*frame), result.outputs[i]);
  SendOn(std::move(frame), result.outputs.front());
  return false;
}

/// internal_dev_xmit() of net/openvswitch/vport-internal_dev.c: what the host sends enters the switch there.
void Stack::OpenvswitchTransmit(kernel::Link& link, wire::FramePtr frame) {
  ++link.stats.txPackets;
  link.stats.txBytes += frame->Size();
  if (PassesProgram(kernel::ProgramHook::Ingress, link, frame))
    Finish(Stage::Program, Verdict::OvsNoFlow, std::move(frame), link.ifindex);
}

}  // namespace overlaysim::host
