#include "models/host/audit.h"

#include <fmt/format.h>

#include <map>
#include <numeric>

#include "models/host/stack.h"

namespace overlaysim::host {
namespace {

/// What a kernel's namespaces have had of packets.
struct KernelAccount {
  std::string name;  ///< of its first namespace
  uint64_t made = 0, cameIn = 0, ended = 0, wentOut = 0;
};

class Audit {
 public:
  explicit Audit(const Network& network) : m_network(network) {
    for (size_t i = 0; i < network.Count(); ++i)
      if (Stack* stack = network.FindMade(NetnsId(i))) m_stacks.push_back(stack);
  }

  std::vector<std::string> Run() {
    CheckAll();
    CheckKernels();
    for (const auto& cable : m_network.Cables())
      for (int side = 0; side < 2; ++side) CheckCable(*cable, side);
    for (Stack* stack : m_stacks)
      for (const kernel::Link* link : stack->Ns().Links()) CheckLink(*stack, *link);
    return std::move(m_broken);
  }

 private:
  void CheckAll() {
    uint64_t made = 0, ended = 0, left = 0;
    for (const Stack* stack : m_stacks) {
      made += stack->MadePackets();
      ended += stack->EndedPackets();
    }
    for (const auto& cable : m_network.Cables())
      for (int side = 0; side < 2; ++side) {
        if (cable->IsElsewhere(side)) made += cable->GetDirection(side).frames;
        if (cable->IsElsewhere(1 - side)) left += cable->GetDirection(side).frames;
      }
    const uint64_t counted = std::accumulate(m_network.verdicts.begin(), m_network.verdicts.end(), uint64_t{0});
    if (made != ended + left) Broken("in all, {} packets were made and {} have ended", made, ended + left);
    if (counted != ended) Broken("in all, {} packets have ended and {} were counted by verdict", ended, counted);
  }

  void CheckKernels() {
    std::vector<KernelAccount> accounts;
    std::map<const Backlog*, size_t> accountOf;
    auto at = [&](Stack& stack) -> KernelAccount& {
      const auto [it, isNew] = accountOf.try_emplace(&stack.KernelBacklog(), accounts.size());
      if (isNew) accounts.push_back({.name = NameOf(stack)});
      return accounts[it->second];
    };
    for (Stack* stack : m_stacks) {
      KernelAccount& account = at(*stack);
      account.made += stack->MadePackets();
      account.ended += stack->EndedPackets();
    }
    for (const auto& cable : m_network.Cables()) {
      for (int side = 0; side < 2; ++side) {
        const uint64_t frames = cable->GetDirection(side).frames;
        if (frames == 0) continue;
        if (Stack* from = m_network.FindMade(cable->End(side).netns)) at(*from).wentOut += frames;
        if (Stack* to = m_network.FindMade(cable->End(1 - side).netns)) at(*to).cameIn += frames;
      }
    }
    for (const KernelAccount& a : accounts)
      if (a.made + a.cameIn != a.ended + a.wentOut)
        Broken("in the kernel of {}, {} packets were made, {} came in, {} ended and {} went out", a.name, a.made,
               a.cameIn, a.ended, a.wentOut);
  }

  void CheckCable(const Cable& cable, int side) {
    const CableEnd &from = cable.End(side), &to = cable.End(1 - side);
    const uint64_t frames = cable.GetDirection(side).frames;
    const Stack *sender = m_network.FindMade(from.netns), *receiver = m_network.FindMade(to.netns);
    const kernel::Link* fromLink = sender ? sender->Ns().GetLink(from.ifindex) : nullptr;
    const kernel::Link* toLink = receiver ? receiver->Ns().GetLink(to.ifindex) : nullptr;
    if (fromLink && fromLink->stats.txPackets != frames)
      Broken("{} has sent {} frames, and {} went onto its cable", NameOf(*sender, *fromLink), fromLink->stats.txPackets,
             frames);
    if (toLink) CheckReceived(frames, *receiver, *toLink);
  }

  void CheckLink(const Stack& stack, const kernel::Link& link) {
    if (link.kind == kernel::LinkKind::Loopback) CheckReceived(link.stats.txPackets, stack, link);
    if (link.kind != kernel::LinkKind::Veth) return;
    const Stack* there = link.peerNetns.IsNone() ? nullptr : m_network.FindMade(link.peerNetns);
    const kernel::Link* peer = there ? there->Ns().GetLink(link.peerIfindex) : nullptr;
    if (peer) CheckReceived(link.stats.txPackets, *there, *peer);
  }

  void CheckReceived(uint64_t sent, const Stack& stack, const kernel::Link& link) {
    const uint64_t received = link.stats.rxPackets, refused = stack.RefusedFrames(link.ifindex);
    if (sent != received + refused)
      Broken("{} frames were sent to {}, which has received {} and refused {}", sent, NameOf(stack, link), received,
             refused);
  }

  std::string NameOf(const Stack& stack) const { return m_network.NameOf(stack.Id()); }
  std::string NameOf(const Stack& stack, const kernel::Link& link) const { return NameOf(stack) + "/" + link.name; }
  template <class... Args>
  void Broken(fmt::format_string<Args...> text, Args&&... args) {
    m_broken.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  const Network& m_network;
  std::vector<Stack*> m_stacks;
  std::vector<std::string> m_broken;
};

}  // namespace

std::vector<std::string> FindUnaccounted(const Network& network) { return Audit(network).Run(); }

}  // namespace overlaysim::host
