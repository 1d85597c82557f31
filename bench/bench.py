#!/usr/bin/env python3
"""The project's benchmarks: overlaysim next to what it is measured against, alternating, medians of several.

Each benchmark runs `overlaysim run` of a scenario file and, where there is one, a reference, one after the other, and
prints a line for each run. The last line is one JSON object with the medians. See docs/benchmarks.md.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(HERE)

LEAVES, SPINES, NODES_PER_LEAF, PODS_PER_NODE = 125, 8, 40, 30


class NotThere(Exception):
    """What is needed is missing on this machine, or not supported yet."""


def scenario(leaves=LEAVES, pods=PODS_PER_NODE, traffic=(), **more):
    """A cluster of racks with 40 nodes each under eight spines, flannel on it."""
    return {
        "format": 1,
        "underlay": {"type": "leaf-spine", "leaves": leaves, "spines": SPINES, "nodesPerLeaf": NODES_PER_LEAF,
                     "hostLink": {"rate": "25Gbps", "delay": "1us"}, "fabricLink": {"rate": "100Gbps", "delay": "2us"}},
        "cluster": {"podCIDR": "10.0.0.0/8", "nodes": [{"generate": leaves * NODES_PER_LEAF, "name": "node{i}"}],
                    "cni": {"type": "flannel"},
                    "pods": [{"generate": pods, "per": "node", "name": "web{i}", "namespace": "shop"}] if pods else []},
        "traffic": list(traffic), **more}


def datagrams(flows, packets, payload=1400):
    return {"type": "udp", "from": "shop/web*", "to": "shop/web*", "pairs": {"random": flows}, "packets": packets,
            "interval": "1ms", "payload": f"{payload}B"}


class Bench:
    def __init__(self, arguments):
        self.binaries = os.path.join(PROJECT, arguments.binaries)
        self.runs = arguments.runs
        self.folder = tempfile.mkdtemp(prefix="overlaysim-bench-")

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def program(self, name):
        path = os.path.join(self.binaries, name)
        if not os.path.exists(path):
            raise NotThere(f"there is no {path}: ./dev bench builds it")
        return path

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file)
        return path

    def simulate(self, path, *options, ranks=1):
        """One run: what it delivered and what it cost."""
        out = os.path.join(self.folder, "run")
        shutil.rmtree(out, ignore_errors=True)
        begin = time.monotonic()
        said, complained = (os.path.join(self.folder, name) for name in ("stdout", "stderr"))
        launcher = ["mpirun", "-n", str(ranks), "--oversubscribe", "--bind-to", "none"] if ranks > 1 else []
        environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        with open(said, "wb") as stdout, open(complained, "wb") as stderr:
            child = subprocess.Popen([*launcher, self.program("overlaysim"), "run", path, "--out", out, "-o", "json",
                                      *options], stdout=stdout, stderr=stderr, env=environment)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - begin
        if child.returncode != 0:
            with open(complained, encoding="utf-8") as file:
                raise RuntimeError(f"overlaysim run ended with {child.returncode}: {file.read().strip()[-2000:]}")
        with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        host = manifest["host"]
        with open(said, encoding="utf-8") as file:
            summary = json.load(file)
        return {"delivered": summary["delivered"], "offered": summary["offered"], "wall_s": wall,
                "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024,
                "setup_cpu_s": float(host["setupCpuSeconds"]), "loop_cpu_s": float(host["loopCpuSeconds"]),
                "loop_wall_s": float(host["loopWallSeconds"]), "digest": manifest["resultDigest"],
                "setup_mib": int(host["setupResidentBytes"]) / 2**20, "folder": out}

    def refer(self, *options):
        """One run of the stock ns-3 program."""
        done = subprocess.run([self.program("bench_reference"), *options], check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def alternate(self, ours, reference=None):
        """Medians of what both give, run in turn."""
        results, references = [], []
        for number in range(self.runs):
            results.append(ours())
            print(f"run {number + 1}: {show(results[-1])}", flush=True)
            if reference:
                references.append(reference())
                print(f"  reference: {show(references[-1])}", flush=True)
        return medians(results), medians(references)

    def rate(self, path, *options):
        def run():
            result = self.simulate(path, "--no-trace", "--no-capture", *options)
            if result["delivered"] == 0:
                raise RuntimeError("nothing was delivered")
            return {"packets_per_cpu_s": result["delivered"] / result["loop_cpu_s"], "delivered": result["delivered"],
                    "loop_cpu_s": result["loop_cpu_s"], "setup_mib": result["setup_mib"]}
        return run

    def reference_rate(self, *options):
        def run():
            result = self.refer(*options)
            return {"packets_per_cpu_s": result["delivered"] / result["loop_cpu_s"],
                    "loop_cpu_s": result["loop_cpu_s"]}
        return run


def show(result):
    return ", ".join(f"{key} {value:.6g}" for key, value in result.items() if isinstance(value, (int, float)))


def medians(results):
    if not results:
        return {}
    return {key: statistics.median(r[key] for r in results) for key, value in results[0].items()
            if isinstance(value, (int, float))}


def compare_rates(bench, path, *reference_options):
    ours, reference = bench.alternate(bench.rate(path), bench.reference_rate(*reference_options))
    return {"packets_per_cpu_s": ours["packets_per_cpu_s"],
            "reference_packets_per_cpu_s": reference["packets_per_cpu_s"],
            "ratio": ours["packets_per_cpu_s"] / reference["packets_per_cpu_s"]}


def bench_setup(bench):
    """5,000 nodes and 150,000 pods: from the process's start until the first packet can be sent."""
    path = bench.write("setup.json", scenario(traffic=[datagrams(1, 1)]))

    def run():
        result = bench.simulate(path, "--no-trace", "--no-capture")
        return {"seconds": result["setup_cpu_s"], "mib": result["setup_mib"], "wall_s": result["wall_s"]}
    ours, _ = bench.alternate(run)
    return {"seconds": ours["seconds"], "mib": ours["mib"]}


def bench_tables(bench):
    """At that size, all tables of one node from the scenario file."""
    path = bench.write("tables.json", scenario())
    commands = (["link"], ["route"], ["neigh"], ["fdb"])

    def run():
        worst = 0.0
        for command in commands:
            begin = time.monotonic()
            subprocess.run([bench.program("overlaysim"), "show", *command, "node2500", path], check=True,
                           stdout=subprocess.DEVNULL)
            worst = max(worst, time.monotonic() - begin)
        return {"seconds": worst}
    ours, _ = bench.alternate(run)
    return {"seconds": ours["seconds"]}


def bench_spread(bench):
    """UDP of 1,400 bytes between random pods of all 150,000: 100,000 flows of 10 packets."""
    path = bench.write("spread.json", scenario(traffic=[datagrams(100_000, 10)]))
    return compare_rates(bench, path, "--flows=100000", "--packets=10")


def bench_hot(bench):
    """UDP over 80 nodes in two racks, 2,400 pods, 2,000 flows."""
    path = bench.write("hot.json", scenario(leaves=2, traffic=[datagrams(2_000, 500)]))
    return compare_rates(bench, path, "--leaves=2", "--flows=2000", "--packets=100")


def bench_tcp(bench):
    """A stream over ns-3's TCP from pod to pod through the overlay, against two ns-3 hosts joined by one cable."""
    size = 200_000_000
    path = bench.write("tcp.json", scenario(leaves=2, pods=1, traffic=[
        {"type": "tcp", "from": "shop/web1", "to": "shop/web80", "up": f"{size}B"}]))

    def ours():
        result = bench.simulate(path, "--no-trace", "--no-capture")
        return {"cpu_s_per_gb": result["loop_cpu_s"] / (size / 1e9)}

    def reference():
        result = bench.refer(f"--tcp-bytes={size}")
        return {"cpu_s_per_gb": result["loop_cpu_s"] / (result["delivered_bytes"] / 1e9)}
    mine, other = bench.alternate(ours, reference)
    return {"cpu_s_per_gb": mine["cpu_s_per_gb"], "reference_cpu_s_per_gb": other["cpu_s_per_gb"],
            "ratio": mine["cpu_s_per_gb"] / other["cpu_s_per_gb"]}


def bench_idle_memory(bench):
    """What a pod and a node cost that nobody has touched."""
    few = {"type": "udp", "from": "node1", "to": "node2", "packets": 1}
    without = bench.write("nodes.json", scenario(pods=0, traffic=[few]))
    pods = bench.write("pods.json", scenario(pods=4 * PODS_PER_NODE, traffic=[few]))
    half = bench.write("half.json", scenario(leaves=25, pods=0, traffic=[few]))

    def run():
        memory = [bench.simulate(path, "--no-trace", "--no-capture")["setup_mib"] * 2**20
                  for path in (without, pods, half)]
        nodes = LEAVES * NODES_PER_LEAF
        return {"bytes_per_pod": (memory[1] - memory[0]) / (nodes * 4 * PODS_PER_NODE),
                "bytes_per_node": (memory[0] - memory[2]) / (nodes - 25 * NODES_PER_LEAF)}
    ours, _ = bench.alternate(run)
    return ours


def bench_trace(bench):
    """Everything recorded against nothing recorded."""
    path = bench.write("trace.json", scenario(leaves=2, traffic=[datagrams(500, 40)]))

    def run():
        plain = bench.simulate(path, "--no-trace", "--no-capture")
        full = bench.simulate(path, "--no-capture")
        size = os.path.getsize(os.path.join(full["folder"], "trace.bin")) / 1e6
        return {"slowdown": full["loop_cpu_s"] / plain["loop_cpu_s"], "mb_per_s": size / full["loop_cpu_s"]}
    ours, _ = bench.alternate(run)
    return ours


def bench_growth(bench):
    """CPU per packet, and memory of a node before the first packet, at 80 to 5,000 nodes with 20 flows each."""
    per_size = {}
    for leaves in (2, 13, 38, 125):
        flows = leaves * NODES_PER_LEAF * 20
        path = bench.write(f"growth{leaves}.json", scenario(leaves=leaves, traffic=[datagrams(flows, 10)]))
        ours, _ = bench.alternate(bench.rate(path))
        nodes = leaves * NODES_PER_LEAF
        per_size[nodes] = 1e6 / ours["packets_per_cpu_s"]
        print(f"{nodes} nodes: {per_size[nodes]:.2f} us a packet, {ours['setup_mib'] * 1024 / nodes:.1f} KiB a node",
              flush=True)
    return {"us_per_packet_5000": per_size[LEAVES * NODES_PER_LEAF]}


def bench_control_plane(bench):
    """A cold start of 5,000 flannel agents until all 25 million entries are in force, and a burst of 500 joins."""
    nodes = LEAVES * NODES_PER_LEAF
    latency = {"from": "5ms", "to": "50ms"}
    cold = scenario(pods=0, controlPlane={"start": {"from": "0s", "to": "10s"}, "watchLatency": latency},
                    expect=[{"converged": "*"}])
    joins = scenario(pods=0, controlPlane={"watchLatency": latency}, events=[{"at": "1s", "join": "joiner*"}],
                     expect=[{"converged": "*"}])
    joins["cluster"]["nodes"] = [{"generate": nodes - 500, "name": "node{i}"}, {"generate": 500, "name": "joiner{i}"}]
    paths = bench.write("cold.json", cold), bench.write("joins.json", joins)

    def run():
        results = []
        for path in paths:
            result = bench.simulate(path, "--no-trace", "--no-capture")
            with open(os.path.join(result["folder"], "metrics.json"), encoding="utf-8") as file:
                plane = json.load(file)["controlPlane"]
            if plane["entries"] != nodes * (nodes - 1):
                raise RuntimeError(f"{plane['entries']} entries are in force")
            results.append(result)
        return {"start_cpu_s": results[0]["cpu_s"], "start_mib": results[0]["peak_mib"],
                "join_cpu_s": results[1]["cpu_s"]}
    ours, _ = bench.alternate(run)
    return ours


def compare_spreads(bench, other):
    """Another spread against the even one with 1,400 bytes."""
    paths = [bench.write("other.json", scenario(traffic=[other])),
             bench.write("spread.json", scenario(traffic=[datagrams(100_000, 10)]))]
    ours, even = bench.alternate(bench.rate(paths[0]), bench.rate(paths[1]))
    return {"packets_per_cpu_s": ours["packets_per_cpu_s"], "spread_packets_per_cpu_s": even["packets_per_cpu_s"],
            "ratio": ours["packets_per_cpu_s"] / even["packets_per_cpu_s"]}


def bench_spread_64(bench):
    """The spread with packets of 64 bytes (36 of payload), against the one with 1,400"""
    return compare_spreads(bench, datagrams(100_000, 10, payload=36))


def bench_spread_skewed(bench):
    """The spread by a skewed matrix of racks, against the even one"""
    lines = ["src_tor,dst_tor,probability"]
    # As skewed as ProjecToR's matrix of a data centre (SIGCOMM 2016): of 8,366 pairs of racks one has 18 % of the
    # traffic, and 1 % of them more than 80 %.
    for rank in range(1, 8367):
        source = rank * 37 % LEAVES
        lines.append(f"{source},{(source + 1 + rank * 53 % (LEAVES - 1)) % LEAVES},{(rank + 1) ** -1.4:.12f}")
    with open(os.path.join(bench.folder, "racks.csv"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return compare_spreads(bench, dict(datagrams(100_000, 10), pairs={"random": 100_000, "by": "racks.csv"}))


def bench_mpi(bench):
    """Two ranks against one: 2,000 nodes, 40,000 flows of 10 packets, fabric cables of 5 us"""
    if not shutil.which("mpirun"):
        raise NotThere("there is no mpirun: ./dev bench mpi installs it")
    cluster = scenario(leaves=50, traffic=[datagrams(40_000, 10)])
    cluster["underlay"]["fabricLink"]["delay"] = "5us"
    path = bench.write("mpi.json", cluster)

    def run():
        results = [bench.simulate(path, "--no-trace", "--no-capture", ranks=ranks) for ranks in (1, 2)]
        one, two = results
        return {"speedup": one["loop_wall_s"] / two["loop_wall_s"], "one_s": one["loop_wall_s"],
                "two_s": two["loop_wall_s"], "digests_equal": int(one["digest"] == two["digest"])}
    ours, _ = bench.alternate(run)
    return {"speedup": ours["speedup"], "digests_equal": ours["digests_equal"] == 1}


def bench_kernel(bench):
    """The real kernel forwarding the same packets through VXLAN in namespaces."""
    import kernel_path
    hot = bench.write("hot.json", scenario(leaves=2, traffic=[datagrams(2_000, 500)]))
    if reason := kernel_path.missing():
        raise NotThere(reason)
    ours, kernel = bench.alternate(bench.rate(hot), lambda: kernel_path.measure(bench.program("bench_datagrams")))
    return {"packets_per_s": ours["packets_per_cpu_s"], "kernel_packets_per_s": kernel["packets_per_s"],
            "ratio": ours["packets_per_cpu_s"] / kernel["packets_per_s"]}


def bench_gui(bench):
    """The viewer: milliseconds a frame, seconds and MiB to open traces of up to 10^8 records"""
    folder = os.path.join(PROJECT, "build", "bench")
    child = subprocess.run([bench.program("bench_gui"), folder], stdout=subprocess.PIPE, text=True, check=True)
    *lines, result = child.stdout.splitlines()
    print("\n".join(lines))
    return json.loads(result)


BENCHES = {"setup": bench_setup, "tables": bench_tables, "spread": bench_spread, "spread-64": bench_spread_64,
           "spread-skewed": bench_spread_skewed, "hot": bench_hot,
           "kernel": bench_kernel, "tcp": bench_tcp, "idle-memory": bench_idle_memory,
           "control-plane": bench_control_plane, "mpi": bench_mpi, "trace": bench_trace, "growth": bench_growth,
           "gui": bench_gui}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=BENCHES, metavar="NAME",
                        help=f"one of {', '.join(BENCHES)}; without it, all that this machine can run")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--binaries", default="build/bin", help="where the programs are")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    try:
        for name in [arguments.name] if arguments.name else BENCHES:
            print(f"== {name}: {BENCHES[name].__doc__}", flush=True)
            try:
                print(json.dumps({key: round(value, 4) for key, value in BENCHES[name](bench).items()}), flush=True)
            except NotThere as why:
                print(f"{name}: {why}", file=sys.stderr)
                if arguments.name:
                    return 3
    finally:
        bench.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
