"""Several processes under mpirun: the same results for 1, 2, 3 and 4 ranks, and what becomes of a rank that dies.

usage: mpi_test.py PROGRAM [TEST...]
"""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def racks(number, **more):
    """Racks of two nodes with two pods each: web1 and web2 are on node1."""
    return {"format": 1,
            "cluster": {"nodes": [{"generate": 2 * number, "name": "node{i}"}], "cni": {"type": "flannel"},
                        "pods": [{"generate": 2, "per": "node", "name": "web{i}"}]},
            "underlay": {"type": "leaf-spine", "spines": 2, "nodesPerLeaf": 2, "detectFailure": "1ms", "reroute": "2ms"},
            **more}


FAULTS = racks(
    4,
    traffic=[{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 40}, "packets": 100, "interval": "200us",
              "payload": "1200B"},
             {"type": "ping", "from": "web1", "to": "web16", "count": 4, "interval": "5ms"},
             {"type": "tcp", "from": "web2", "to": "web12", "up": "300000B", "down": "30000B"}],
    events=[{"at": "3ms", "fail": {"link": ["leaf1", "spine1"]}, "for": "6ms"},
            {"at": "5ms", "set": {"link": ["leaf2", "spine2"], "delay": "3us", "rate": "1Gbps"}},
            {"at": "7ms", "exec": "ip neigh flush dev flannel.1", "on": "node3"},
            {"at": "12ms", "exec": "iptables -I FORWARD -p udp -j DROP", "on": "node5"}],
    capture=[{"on": "node1/eth0"}, {"on": "node5/flannel.1"}, {"on": "spine1/swp2"}, {"on": "web12/eth0"}],
    expect=[{"reach": {"from": "web1", "to": "web9"}}, {"drops": {"verdict": "FilterDrop", "on": "node5"}, "min": 1}])


def drawn(seed):
    """A cluster, traffic and faults from a seed."""
    draw = random.Random(seed)
    number = draw.randint(4, 6)
    webs = [f"web{i}" for i in range(1, 4 * number + 1)]
    traffic = []
    for _ in range(draw.randint(5, 15)):
        ends = dict(zip(("from", "to"), draw.sample(webs, 2)))
        kind = draw.choice(["udp", "ping", "tcp"])
        start = {"start": f"{draw.randint(0, 3000)}us"}
        if kind == "udp":
            traffic.append({"type": kind, **ends, **start, "packets": draw.randint(1, 200),
                            "interval": f"{draw.randint(1, 300)}us", "payload": f"{draw.randint(10, 3000)}B"})
        elif kind == "ping":
            traffic.append({"type": kind, **ends, **start, "count": draw.randint(1, 5), "interval": "3ms"})
        else:
            traffic.append({"type": kind, **ends, **start, "up": f"{draw.randint(0, 200)}000B",
                            "down": f"{draw.randint(1, 200)}000B"})
    events = []
    for _ in range(draw.randint(1, 4)):
        link = [f"leaf{draw.randint(1, number)}", f"spine{draw.randint(1, 2)}"]
        at = f"{draw.randint(1, 20000)}us"
        events.append(draw.choice([
            {"at": at, "fail": {"link": link}, "for": f"{draw.randint(1, 9)}ms"},
            {"at": at, "set": {"link": link, "delay": f"{draw.randint(1, 40)}us"}},
            {"at": at, "exec": "ip neigh flush dev flannel.1", "on": f"node{draw.randint(1, 2 * number)}"}]))
    devices = [f"node{draw.randint(1, 2 * number)}/eth0", f"spine{draw.randint(1, 2)}/swp{draw.randint(1, number)}"]
    return racks(number, traffic=traffic, events=events, capture=[{"on": device} for device in devices])


class Ranks(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="overlaysim-mpi-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def command(self, ranks, *words):
        launcher = ["mpirun", "-n", str(ranks), "--oversubscribe"] if ranks else []
        return [*launcher, str(PROGRAM), *map(str, words)]

    def scenario(self, content):
        file = self.folder / "scenario.json"
        file.write_text(json.dumps(content))
        return file

    def run_on(self, ranks, scenario):
        """Name of each file -> its bytes; the manifest without facts of the machine."""
        out = self.folder / f"on-{ranks}"
        done = subprocess.run(self.command(ranks, "run", scenario, "--out", out), env=ENVIRONMENT,
                              capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        files = {file.name: file.read_bytes() for file in out.iterdir()}
        manifest = json.loads(files["manifest.json"])
        manifest.pop("host")
        files["manifest.json"] = manifest
        files["printed"] = done.stdout.replace(str(out), "DIR")
        return files

    def assert_alike(self, content):
        self.assert_alike_for((1, 2, 3, 4), self.scenario(content))

    def assert_alike_for(self, numbers, scenario):
        alone = self.run_on(0, scenario)
        self.assertNotEqual(alone["manifest.json"]["resultDigest"], "")
        for ranks in numbers:
            together = self.run_on(ranks, scenario)
            self.assertEqual(alone["manifest.json"], together["manifest.json"], f"{ranks} ranks")
            self.assertEqual(alone.keys(), together.keys())
            different = [name for name in alone if alone[name] != together[name]]
            self.assertEqual([], different, f"{ranks} ranks")


class SameResults(Ranks):
    def test_with_faults_in_cables_tables_and_rules(self):
        self.assert_alike(FAULTS)

    def test_drawn_from_seeds(self):
        for seed in range(4):
            with self.subTest(seed=seed):
                self.assert_alike(drawn(seed))

    def test_tutorials_with_what_they_expect(self):
        folder = pathlib.Path(__file__).resolve().parents[2] / "scenarios" / "tutorial"
        for name in ("leaf-spine", "link-failure", "dual-stack", "calico-cross-subnet", "calico-wireguard"):
            with self.subTest(scenario=name):
                self.assert_alike_for((2,), folder / f"{name}.json")

    def test_frames_larger_than_a_message(self):
        content = racks(4, traffic=[{"type": "udp", "from": "web1", "to": "web16", "packets": 20, "interval": "50us",
                                     "payload": "8000B"}], capture=[{"on": "node1/eth0"}, {"on": "node8/eth0"}])
        content["underlay"]["hostLink"] = content["underlay"]["fabricLink"] = {"mtu": 9000}
        self.assert_alike(content)


class Refusals(Ranks):
    def refused(self, ranks, content, *options):
        done = subprocess.run(self.command(ranks, "run", self.scenario(content), "--out", self.folder / "out", *options),
                              env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        return done.stderr

    def test_more_ranks_than_racks(self):
        content = racks(2, traffic=[{"type": "ping", "from": "web1", "to": "web8", "count": 1}])
        message = self.refused(3, content, "--no-trace")
        self.assertEqual(message.count("the cluster has 2 racks: at most 2 ranks, not 3"), 1, message)


class Death(Ranks):
    LONG = racks(2, traffic=[{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 20}, "packets": 10000000,
                              "interval": "10us", "payload": "100B"}], capture=[{"on": "node1/eth0"}, {"on": "node4/eth0"}])

    def test_a_rank_that_dies_ends_the_run(self):
        out = self.folder / "out"
        with subprocess.Popen(self.command(2, "run", self.scenario(self.LONG), "--no-trace", "--out", out),
                              env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
            parts = [out / f"packets.rank{rank}.pcapng" for rank in (0, 1)]
            end = time.monotonic() + 120
            while time.monotonic() < end and not all(part.exists() and part.stat().st_size > 100000 for part in parts):
                time.sleep(0.05)
            os.kill(self.worker(job.pid), signal.SIGKILL)
            _, errors = job.communicate(timeout=60)
        self.assertEqual(job.returncode, 4, errors)
        self.assertIn("rank", errors)
        manifest = json.loads((out / "manifest.json").read_text())
        self.assertFalse(manifest["complete"])
        for rank in (0, 1):
            read = subprocess.run(["tcpdump", "-c", "5", "-nr", str(out / f"packets.rank{rank}.pcapng")],
                                  capture_output=True, text=True, check=False)
            self.assertGreaterEqual(read.stdout.count("\n"), 5, read.stderr)

    @staticmethod
    def worker(launcher):
        """A process of the job that simulates: one without children."""
        def children(pid):
            listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
            return [int(word) for word in listed.stdout.split()]
        pid = launcher
        while below := children(pid):
            pid = below[-1]
        return pid


if __name__ == "__main__":
    unittest.main()
