#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "sim/plan/cni/calico.h"
#include "sim/plan/cni/selector.h"
#include "sim/plan/ipv6.h"

namespace overlaysim::plan {
namespace {

class BlockAllocator {
 public:
  BlockAllocator(const Context& context, const Profile& profile, Cluster& cluster)
      : m_context(context), m_pools(profile.pools), m_cluster(cluster), m_next(profile.pools.size(), 0) {
    std::string error;
    for (const Pool& pool : m_pools)
      m_selectors.push_back(Selector::Parse(pool.nodeSelector, error).value_or(Selector()));
  }

  void Run(const std::vector<Tunnel>& tunnels) {
    GiveHostNetworkAddresses(m_cluster);
    TakeImportedBlocks();
    TakeGivenAddresses();
    for (size_t n = 0; n < m_cluster.nodes.size(); ++n)
      for (const Tunnel& tunnel : tunnels) AssignTunnelAddress(n, tunnel);
    for (size_t n = 0; n < m_cluster.nodes.size(); ++n) AssignPods(n);
    for (NodeRow& node : m_cluster.nodes)
      std::stable_sort(node.ranges.begin(), node.ranges.end(),
                       [](const PodRange& a, const PodRange& b) { return a.cidr < b.cidr; });
  }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);
  struct Block {
    size_t node;
    uint64_t next;  ///< offset of the lowest address that may be free
  };

  size_t PoolOf(Ipv4Address ip) const {
    for (size_t p = 0; p < m_pools.size(); ++p)
      if (m_pools[p].cidr.Contains(ip)) return p;
    return kNone;
  }
  Ipv4Prefix BlockAround(Ipv4Address ip, size_t pool) const {
    return Ipv4Prefix{ip, m_pools[pool].blockSize}.Canonical();
  }
  void Claim(const Ipv4Prefix& cidr, size_t pool, size_t node) {
    m_blocks.emplace(cidr, Block{node, 0});
    m_cluster.nodes[node].ranges.push_back({.cidr = cidr, .pool = static_cast<uint32_t>(pool)});
  }
  /// The address is this node's: its block becomes the node's own, or it is borrowed from the block's owner.
  void Take(Ipv4Address ip, size_t pool, size_t node) {
    m_taken.insert(ip.value);
    const Ipv4Prefix cidr = BlockAround(ip, pool);
    auto block = m_blocks.find(cidr);
    if (block == m_blocks.end())
      Claim(cidr, pool, node);
    else if (block->second.node != node)
      m_cluster.nodes[node].ranges.push_back(
          {.cidr = {ip, 32}, .pool = static_cast<uint32_t>(pool), .isBorrowed = true});
  }

  /// What BlockAffinity and IPAMBlock objects say.
  void TakeImportedBlocks() {
    if (!m_context.imported || !m_context.imported->calico) return;
    for (const import::CalicoBlock& block : m_context.imported->calico->blocks) {
      const Where where{.origin = block.origin};
      const std::string cidr = block.cidr.ToString();
      const size_t pool = PoolOf(block.cidr.address);
      const NodeId node = m_cluster.FindNode(block.node);
      if (pool == kNone)
        m_context.Note(where, "block {} is left out: no pool has it", cidr);
      else if (block.cidr.length != m_pools[pool].blockSize)
        m_context.Note(where, "block {} is left out: its pool has blocks of /{}", cidr, m_pools[pool].blockSize);
      else if (!node)
        m_context.Note(where, "block {} is left out: there is no node \"{}\"", cidr, block.node);
      else
        Claim(block.cidr, pool, node.value);
    }
  }

  /// Addresses that the author or the cluster gives decide first which block is whose.
  void TakeGivenAddresses() {
    PodTable& pods = m_cluster.pods;
    std::unordered_map<uint32_t, PodId> owners;
    for (size_t n = 0; n < m_cluster.nodes.size(); ++n)
      for (size_t i = 0; i < pods.CountOn(NodeId(n)); ++i) {
        const PodId pod = pods.OnNode(NodeId(n), i);
        const Ipv4Address ip = pods.rows[pod.value].ip;
        if (ip.IsZero()) continue;
        const scenario::Pod& written = *pods.groups[pods.GroupOf(pod)].written;
        const Where where{.place = written.address ? written.address->place : written.place};
        const size_t pool = PoolOf(ip);
        if (pool == kNone)
          m_context.Error(where, "pod \"{}\" has the address {}, which is in no pool", pods.NameOf(pod), ip.ToString());
        else if (auto [it, isNew] = owners.emplace(ip.value, pod); !isNew)
          m_context.Error(where, "pods \"{}\" and \"{}\" have the same address {}", pods.NameOf(it->second),
                          pods.NameOf(pod), ip.ToString());
        else
          Take(ip, pool, n);
      }
  }

  /// Out of a pool that uses the tunnel, for wireguard any; a node without such a pool has no address there.
  void AssignTunnelAddress(size_t n, const Tunnel& tunnel) {
    if (tunnel.isV6) return m_cluster.nodes[n].tunnelAddresses.push_back({});
    const auto ip = Assign(n, [&](const Pool& pool) {
      if (tunnel.kind == kernel::LinkKind::Wireguard) return true;
      return (tunnel.kind == kernel::LinkKind::Vxlan ? pool.vxlanMode : pool.ipipMode) != EncapMode::Never;
    });
    m_cluster.nodes[n].tunnelAddresses.push_back(ip.value_or(Ipv4Address{}));
  }

  void AssignPods(size_t n) {
    PodTable& pods = m_cluster.pods;
    const size_t count = pods.CountOn(NodeId(n));
    for (size_t i = 0; i < count; ++i) {
      PodRow& row = pods.rows[pods.OnNode(NodeId(n), i).value];
      if (!row.ip.IsZero()) continue;
      auto ip = Assign(n, [](const Pool&) { return true; });
      if (!ip) {
        m_context.Error(m_cluster.nodes[n].where, "no pool has an address left for the {} pods on node \"{}\"", count,
                        m_cluster.nodes[n].name);
        return;
      }
      row.ip = *ip;
    }
  }

  /// AutoAssign(): own blocks, a new block, another's block. Pools in their order.
  template <typename Predicate>
  std::optional<Ipv4Address> Assign(size_t n, Predicate&& isWanted) {
    std::vector<size_t> pools;
    for (size_t p = 0; p < m_pools.size(); ++p)
      if (!m_pools[p].isDisabled && isWanted(m_pools[p]) && m_selectors[p].Matches(m_cluster.nodes[n].labels))
        pools.push_back(p);
    for (const PodRange& range : m_cluster.nodes[n].ranges)
      if (!range.isBorrowed && std::find(pools.begin(), pools.end(), range.pool) != pools.end())
        if (auto ip = TakeFrom(*m_blocks.find(range.cidr))) return ip;
    for (size_t p : pools)
      if (auto cidr = FreeBlock(p)) {
        Claim(*cidr, p, n);
        return TakeFrom(*m_blocks.find(*cidr));
      }
    for (size_t p : pools)
      for (auto block = m_blocks.lower_bound({m_pools[p].cidr.address, 0});
           block != m_blocks.end() && m_pools[p].cidr.Contains(block->first); ++block)
        if (auto ip = TakeFrom(*block)) {
          Take(*ip, p, n);
          return ip;
        }
    return std::nullopt;
  }

  std::optional<Ipv4Address> TakeFrom(std::pair<const Ipv4Prefix, Block>& block) {
    for (uint64_t& next = block.second.next; next < block.first.Size(); ++next) {
      const Ipv4Address ip{static_cast<uint32_t>(block.first.address.value + next)};
      if (m_taken.insert(ip.value).second) return ip;
    }
    return std::nullopt;
  }

  /// The lowest block of the pool that nobody has; Calico begins at a place made from the node's name.
  std::optional<Ipv4Prefix> FreeBlock(size_t pool) {
    const uint64_t size = uint64_t{1} << (32 - m_pools[pool].blockSize);
    for (uint64_t& next = m_next[pool]; next < m_pools[pool].cidr.Size(); next += size) {
      const Ipv4Prefix cidr{{static_cast<uint32_t>(m_pools[pool].cidr.address.value + next)}, m_pools[pool].blockSize};
      if (!m_blocks.contains(cidr)) return cidr;
    }
    return std::nullopt;
  }

  const Context& m_context;
  const std::vector<Pool>& m_pools;
  Cluster& m_cluster;
  std::vector<uint64_t> m_next;  ///< by pool: offset below which all blocks are somebody's
  std::vector<Selector> m_selectors;
  std::map<Ipv4Prefix, Block> m_blocks;
  std::unordered_set<uint32_t> m_taken;
};

/// One block for each node that needs an IPv6 address, the lowest that nobody has; its first address is the tunnel
/// device's.
void AssignIpv6Blocks(const Context& context, const Profile& profile, Cluster& cluster) {
  const uint8_t length = profile.podCidr6Length;
  const bool hasTunnel = profile.FindTunnel(kernel::LinkKind::Vxlan, true) != nullptr;
  const uint64_t room = uint64_t{1} << (Ipv6Address::kBits - length);
  cluster.firstPod6 = hasTunnel ? 1 : 0;
  uint64_t next = 0;
  for (size_t n = 0; n < cluster.nodes.size(); ++n) {
    NodeRow& node = cluster.nodes[n];
    const uint64_t count = cluster.firstPod6 + cluster.pods.CountOn(NodeId(n));
    if (count == 0) continue;
    if (count > room)
      return context.Error(node.where,
                           "node \"{}\" needs {} IPv6 addresses, and a block of /{} has {}: several blocks of a node "
                           "are not supported yet, but a smaller blockSizeIPv6 is",
                           node.name, count, length, room);
    if (const int bits = length - profile.network6.length; bits < 32 && next == uint64_t{1} << bits)
      return context.Error(node.where, "pool {} has no block left for node \"{}\"", profile.network6.ToString(),
                           node.name);
    node.podCidr6 = NthPart(profile.network6, length, next++);
  }
}

}  // namespace

void AssignFromPools(const Context& context, const Profile& profile, Cluster& cluster) {
  BlockAllocator(context, profile, cluster).Run(profile.tunnels);
  if (profile.pool6) AssignIpv6Blocks(context, profile, cluster);
}

}  // namespace overlaysim::plan
