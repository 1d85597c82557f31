#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

/// The node's end of the pod's veth, down.
kernel::Link& AddHostEnd(const PodAttachment& pod, MacAddress mac, kernel::Namespace& host);
/// eth0 in the pod, up and with its address.
void AddPodEnd(const PodAttachment& pod, uint8_t prefixLength, kernel::Namespace& inside);

/// The CNI project's bridge plugin as flannel's delegates to it: a veth on the bridge with hairpin mode on, the gateway
/// on the bridge, a default route and one for all pods. Source: flannel-io/cni-plugin flannel_linux.go
/// (isDefaultGateway, routes, mtu), kube-flannel.yml (hairpinMode true).
void ConnectToBridge(const Profile& profile, const PodAttachment& pod, kernel::Namespace* host,
                     kernel::Namespace* inside);

/// Calico's way: the pod has a single address and sends everything to 169.254.1.1, for which the node answers (proxy
/// ARP); the node has a route to each pod. Source: cni-plugin/pkg/dataplane/linux/dataplane_linux.go,
/// DoNetworking(); felix/dataplane/linux/endpoint_mgr.go, configureInterface().
void ConnectByProxyArp(const Profile& profile, const PodAttachment& pod, kernel::Namespace* host,
                       kernel::Namespace* inside);

}  // namespace overlaysim::plan
