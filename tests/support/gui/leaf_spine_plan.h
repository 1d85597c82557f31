#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

namespace overlaysim::test {

struct LeafSpineShape {
  size_t racks = 1, nodesPerRack = 1, podsPerNode = 1, spines = 1;
};

inline std::string DeviceJson(size_t ifindex, const std::string& name, size_t mtu, const std::string& more = {}) {
  return fmt::format(R"({{"ifindex":{},"name":"{}","mac":"02:00:00:00:00:{:02x}","mtu":{}{}}})", ifindex, name,
                     ifindex & 0xff, mtu, more);
}

inline std::string CableJson(const std::string& name, size_t a, size_t aIndex, size_t b, size_t bIndex) {
  return fmt::format(R"({{"name":"{}","a":{{"netns":{},"ifindex":{}}},"b":{{"netns":{},"ifindex":{}}},)"
                     R"("bitsPerSecond":10000000000,"delayNs":1000,"queueBytes":100000,"up":true}})",
                     name, a, aIndex, b, bIndex);
}

inline std::string PlanJson(const std::vector<std::string>& namespaces, const std::vector<std::string>& cables,
                            const std::string& workloads) {
  return fmt::format(R"({{"name":"drawn","description":"A cluster to draw","understood":"flannel vxlan, VNI 1",)"
                     R"("cni":"flannel vxlan","seed":1,"namespaces":[{}],"cables":[{}],"workloads":[{}],)"
                     R"("events":[{{"atNs":500,"text":"a link fails"}}],"expectations":[]}})",
                     fmt::join(namespaces, ","), fmt::join(cables, ","), workloads);
}

/// plan.json of a flannel cluster: spine1.., leaf1.., node1.., shop/web1.. (each node's pods one after the other); a
/// node has eth0, cni0, flannel.1 and a veth for each pod, and one flow leads from the first pod to the last.
inline std::string LeafSpinePlan(const LeafSpineShape& shape) {
  const size_t leaves = shape.spines, nodes = leaves + shape.racks, nodeCount = shape.racks * shape.nodesPerRack;
  const size_t pods = nodes + nodeCount;
  std::vector<std::string> namespaces, cables;
  const auto add = [&](size_t id, const std::string& name, const char* role, size_t kernel,
                       const std::string& devices) {
    namespaces.push_back(fmt::format(R"({{"id":{},"name":"{}","role":"{}","kernel":{},"devices":[{}]}})", id, name,
                                     role, kernel, devices));
  };
  for (size_t s = 0; s < shape.spines; ++s) {
    std::string devices = DeviceJson(1, "lo", 65536);
    for (size_t r = 0; r < shape.racks; ++r) devices += "," + DeviceJson(2 + r, fmt::format("swp{}", r + 1), 1500);
    add(s, fmt::format("spine{}", s + 1), "spine", s, devices);
  }
  for (size_t r = 0; r < shape.racks; ++r) {
    std::string devices = DeviceJson(1, "lo", 65536) + "," + DeviceJson(2, "br0", 1500);
    for (size_t n = 0; n < shape.nodesPerRack; ++n)
      devices += "," + DeviceJson(3 + n, fmt::format("swp{}", n + 1), 1500, R"(,"master":"br0")");
    for (size_t s = 0; s < shape.spines; ++s) {
      const size_t port = 3 + shape.nodesPerRack + s;
      devices += "," + DeviceJson(port, fmt::format("swp{}", port - 2), 1500);
      cables.push_back(CableJson(fmt::format("leaf{}-spine{}", r + 1, s + 1), leaves + r, port, s, 2 + r));
    }
    add(leaves + r, fmt::format("leaf{}", r + 1), "leaf", leaves + r, devices);
  }
  for (size_t n = 0; n < nodeCount; ++n) {
    std::string devices =
        DeviceJson(1, "lo", 65536) + "," +
        DeviceJson(2, "eth0", 1500, fmt::format(R"(,"addresses":["172.16.{}.{}/24"])", n / 250 + 1, n % 250 + 1)) +
        "," + DeviceJson(3, "cni0", 1450, fmt::format(R"(,"addresses":["10.{}.{}.1/24"])", 128 + n / 250, n % 250)) +
        "," +
        DeviceJson(4, "flannel.1", 1450, fmt::format(R"(,"addresses":["10.{}.{}.0/32"])", 128 + n / 250, n % 250));
    for (size_t p = 0; p < shape.podsPerNode; ++p)
      devices += "," + DeviceJson(5 + p, fmt::format("veth{:04x}{:04x}", n, p), 1450, R"(,"master":"cni0")");
    add(nodes + n, fmt::format("node{}", n + 1), "node", nodes + n, devices);
    cables.push_back(CableJson(fmt::format("node{}-leaf{}", n + 1, n / shape.nodesPerRack + 1), nodes + n, 2,
                               leaves + n / shape.nodesPerRack, 3 + n % shape.nodesPerRack));
  }
  for (size_t n = 0; n < nodeCount; ++n)
    for (size_t p = 0; p < shape.podsPerNode; ++p)
      add(pods + n * shape.podsPerNode + p, fmt::format("shop/web{}", n * shape.podsPerNode + p + 1), "pod", nodes + n,
          DeviceJson(1, "lo", 65536) + "," +
              DeviceJson(2, "eth0", 1450,
                         fmt::format(R"(,"addresses":["10.{}.{}.{}/24"])", 128 + n / 250, n % 250, p + 2)));
  std::string workload;
  if (namespaces.size() > pods + 1)
    workload = fmt::format(R"({{"id":0,"name":"ping","kind":"ping","from":{},"startNs":0,"to":{}}})", pods,
                           namespaces.size() - 1);
  return PlanJson(namespaces, cables, workload);
}

}  // namespace overlaysim::test
