#include "models/host/network.h"

#include <utility>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/wire/headers.h"
#include "sim/base/check.h"

namespace overlaysim::host {
namespace {

constexpr int kSoftirqBudget = 300;  // net.core.netdev_budget
constexpr Nanoseconds kSoftirqPause = Microseconds(10);

}  // namespace

Backlog::Guard::~Guard() {
  if (m_backlog.m_depth == 1) {
    m_backlog.Serve();
    m_backlog.m_served = 0;
    m_backlog.flows->EndWatch();
  }
  --m_backlog.m_depth;
}

void Backlog::Push(Item item) {
  if (item.arrival == 0) item.arrival = ++item.stack->Net().arrivals;
  if (!m_items.empty()) flows->Abandon();  // of two packets it is not known which has done what
  m_items.push_back(std::move(item));
}

void Backlog::Serve() {
  if (m_items.empty()) return;
  flows->Settle();
  flows->Resume();
  for (; !m_items.empty(); ++m_served) {
    if (m_served >= kSoftirqBudget) {
      flows->Abandon();
      if (!m_continuing) {
        m_continuing = true;
        engine::Schedule(kSoftirqPause, {owner, 0, 0}, [this] {
          m_continuing = false;
          Guard guard(*this);
        });
      }
      return;
    }
    Item item = std::move(m_items.front());
    m_items.pop_front();
    Network& network = item.stack->Net();
    network.servedArrival = item.arrival;
    if (item.counted)
      item.stack->Reinject(item.ifindex, std::move(item.frame));
    else
      item.stack->Receive(item.ifindex, std::move(item.frame));
    network.servedArrival = 0;
  }
}

void Backlog::EndRun() {
  for (Item& item : m_items)
    item.stack->Refuse(Stage::RunEnd, Verdict::Unfinished, std::move(item.frame), item.ifindex);
  m_items.clear();
}

Network::Network(const Source& source, uint64_t s)
    : seed(s), m_source(source), m_stacks(source.Count()), m_cableAt(source.Count()), m_unheard(source.Count()) {}
Network::~Network() = default;

Stack* Network::FindMade(NetnsId id) const {
  if (id.value >= m_stacks.Size()) return nullptr;
  const auto* stack = m_stacks.Find(id.value);
  return stack ? stack->get() : nullptr;
}

Stack& Network::Get(NetnsId id) {
  OVERLAYSIM_CHECK(id.value < m_stacks.Size(), "no namespace {}", id.value);
  auto& slot = m_stacks[id.value];
  if (!slot) {
    slot = std::make_unique<Stack>(*this, m_source.Make(id), KernelBacklog(m_source.KernelOf(id), id));
    const Unheard* heard = id.value < m_unheard.Size() ? m_unheard.Find(id.value) : nullptr;
    if (heard && heard->frames > 0) {
      const Unheard unheard = std::exchange(m_unheard[id.value], {});
      kernel::LinkStats& stats = slot->Ns().GetLink(unheard.ifindex)->stats;
      stats.rxPackets += unheard.frames;
      stats.rxBytes += unheard.bytes;
    }
    if (onMade) onMade(*slot);
  }
  return *slot;
}

std::optional<ArpQuestion> ArpQuestion::In(const wire::Frame& frame) {
  auto* p = const_cast<uint8_t*>(frame.Data());
  if (frame.LinearBytes() < wire::kEthernetHeaderBytes + wire::kArpBytes || !wire::GetMac(p).IsBroadcast() ||
      wire::Ethernet{p}.Type() != wire::kEtherTypeArp)
    return std::nullopt;
  const wire::Arp arp{p + wire::kEthernetHeaderBytes};
  const ArpQuestion question{arp.SenderIp(), arp.TargetIp(), arp.SenderMac(), frame.Size()};
  if (!arp.IsIpv4OverEthernet() || arp.Operation() != wire::kArpRequest || question.sender.IsZero() ||
      question.sender == question.target || question.target.IsMulticast() || question.target.IsLoopback())
    return std::nullopt;
  return question;
}

bool Network::CountUnheard(NetnsId id, int ifindex, const ArpQuestion& question) {
  if (Stack* stack = FindMade(id)) return stack->ArpCountUnheard(ifindex, question);
  // ArpReceive() of a host that has no neighbours and does not forward, asked for another's address
  if (id.value >= m_unheard.Size()) return false;  // made while running
  Unheard& unheard = m_unheard[id.value];
  if (!unheard.isKnown) unheard.address = m_source.LoneAddress(id);
  unheard.isKnown = true;
  const Ipv4Address own = unheard.address;
  if (own.IsZero() || question.sender == own || question.target == own) return false;
  if (UINT32_MAX - unheard.bytes < question.frameBytes) return false;
  ++unheard.frames;
  unheard.bytes += question.frameBytes;
  unheard.ifindex = ifindex;
  return true;
}

Stack& Network::Adopt(std::unique_ptr<kernel::Namespace> ns, uint32_t kernel) {
  OVERLAYSIM_CHECK(ns->Id().value == m_stacks.Size(), "namespace {} is not the next one", ns->Name());
  Backlog& backlog = KernelBacklog(kernel, ns->Id());
  const NetnsId id = ns->Id();
  m_stacks.Resize(m_stacks.Size() + 1);
  m_cableAt.Resize(m_stacks.Size());
  auto& stack = m_stacks[id.value];
  stack = std::make_unique<Stack>(*this, std::move(ns), backlog);
  if (onMade) onMade(*stack);
  return *stack;
}

void Network::SettleFlows() {
  for (const auto& kernel : m_kernels)
    if (kernel) kernel->flows->Settle();
}

uint64_t Network::RepeatedPackets() const {
  uint64_t packets = 0;
  for (const auto& kernel : m_kernels)
    if (kernel) packets += kernel->flows->RepeatedPackets();
  return packets;
}

void Network::ForgetFlows() {
  for (const auto& kernel : m_kernels)
    if (kernel) kernel->flows->Invalidate();
}

void Network::EndRun() {
  SettleFlows();
  constexpr uint64_t kKernels = uint64_t{1} << 40, kNamespaces = uint64_t{2} << 40;  // behind all cables
  for (const auto& cable : m_cables) cable->EndRun();
  for (size_t i = 0; i < m_kernels.size(); ++i) {
    endedPart = kKernels + i;
    if (m_kernels[i]) m_kernels[i]->EndRun();
  }
  for (size_t i = 0; i < m_stacks.Size(); ++i) {
    endedPart = kNamespaces + i;
    if (Stack* stack = FindMade(NetnsId(i))) stack->EndRun();
  }
}

Backlog& Network::KernelBacklog(uint32_t kernel, NetnsId owner) {
  if (m_kernels.size() <= kernel) m_kernels.resize(kernel + 1);
  auto& slot = m_kernels[kernel];
  if (!slot) {
    slot = std::make_unique<Backlog>();
    slot->owner = owner;
  }
  return *slot;
}

Cable& Network::AddCable(const CableSettings& settings, CableEnd a, CableEnd b) {
  m_cables.push_back(std::make_unique<Cable>(*this, CableId(m_cables.size()), settings, a, b));
  Cable* cable = m_cables.back().get();
  m_cableAt[a.netns.value].push_back({a.ifindex, {cable, 0}});
  m_cableAt[b.netns.value].push_back({b.ifindex, {cable, 1}});
  return *cable;
}

Network::CableAt Network::FindCable(NetnsId netns, int ifindex) const {
  const auto* cables = m_cableAt.Find(netns.value);
  if (!cables) return {};
  for (const auto& [at, cable] : *cables)
    if (at == ifindex) return cable;
  return {};
}

}  // namespace overlaysim::host
