"""The real kernel on the way that the simulation models: pod, node, leaf, node, pod as network namespaces, VXLAN between
the nodes, one such way per core, all in one private namespace that is gone when its last process ends."""

import os
import subprocess
import sys

SECONDS = 4

# One way: pod `a` behind node `x`, pod `b` behind node `y`, a router between the nodes.
WAY = """
for ns in a{w} x{w} r{w} y{w} b{w}; do ip netns add $ns; ip -n $ns link set lo up; done
ip link add eth0 netns a{w} type veth peer name pod netns x{w}
ip link add eth0 netns b{w} type veth peer name pod netns y{w}
ip link add eth0 netns x{w} type veth peer name x netns r{w}
ip link add eth0 netns y{w} type veth peer name y netns r{w}
for ns in x{w} r{w} y{w}; do ip netns exec $ns sysctl -qw net.ipv4.ip_forward=1; done
ip -n r{w} addr add 172.16.0.1/24 dev x; ip -n r{w} link set x up
ip -n r{w} addr add 172.16.1.1/24 dev y; ip -n r{w} link set y up
node() {{  # NODE POD_NS SELF PEER SUBNET PEER_SUBNET MAC PEER_MAC UNDERLAY PEER_UNDERLAY GATEWAY
  ip -n $1 addr add $9/24 dev eth0; ip -n $1 link set eth0 up; ip -n $1 route add default via ${{11}}
  ip -n $1 link add cni0 address 02:00:00:00:00:0$3 type bridge; ip -n $1 addr add 10.244.$5.1/24 dev cni0
  ip -n $1 link set pod master cni0; ip -n $1 link set pod up; ip -n $1 link set cni0 up
  ip -n $1 link add flannel.1 address $7 type vxlan id 1 dev eth0 local $9 dstport 8472 nolearning
  ip -n $1 addr add 10.244.$5.0/32 dev flannel.1; ip -n $1 link set flannel.1 up
  ip -n $1 neigh add 10.244.$6.0 lladdr $8 dev flannel.1 nud permanent
  bridge -n $1 fdb add $8 dev flannel.1 dst ${{10}}
  ip -n $1 route add 10.244.$6.0/24 via 10.244.$6.0 dev flannel.1 onlink
  ip -n $2 link set eth0 mtu 1450; ip -n $2 addr add 10.244.$5.2/24 dev eth0; ip -n $2 link set eth0 up
  ip -n $2 route add default via 10.244.$5.1
}}
node x{w} a{w} 1 2 1 2 0e:00:00:00:00:01 0e:00:00:00:00:02 172.16.0.2 172.16.1.2 172.16.0.1
node y{w} b{w} 2 1 2 1 0e:00:00:00:00:02 0e:00:00:00:00:01 172.16.1.2 172.16.0.2 172.16.1.1
"""


def missing():
    """What this machine has not; None: nothing."""
    if os.geteuid() != 0:
        return "the kernel's own namespaces need root"
    probe = subprocess.run(["unshare", "--net", "ip", "link", "add", "v", "type", "vxlan", "id", "1", "dstport", "8472"],
                           capture_output=True, text=True, check=False)
    return f"the kernel makes no vxlan device here: {probe.stderr.strip()}" if probe.returncode else None


def measure(program):
    """Datagrams that arrive in a second, over as many ways as there are cores."""
    ways = os.cpu_count() or 1
    lines = ["set -e", "mount --make-rprivate /", "mount -t tmpfs tmpfs /run", "mkdir -p /run/netns"]
    lines += [WAY.format(w=way) for way in range(ways)]
    lines += [f"ip netns exec b{way} {program} count {SECONDS} > /run/count{way} &" for way in range(ways)]
    lines += ["sleep 0.3"]
    lines += [f"ip netns exec a{way} {program} send 10.244.2.2 {SECONDS - 1} &" for way in range(ways)]
    lines += ["wait", "cat /run/count*"]
    done = subprocess.run(["unshare", "--net", "--mount", "bash", "-c", "\n".join(lines)], capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the namespaces could not be made: {done.stderr.strip()}")
    return {"packets_per_s": sum(int(line) for line in done.stdout.split()) / (SECONDS - 1)}


if __name__ == "__main__":
    print(missing() or measure(sys.argv[1]))
