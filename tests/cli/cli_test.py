"""The program as a person calls it: exit codes, messages, outputs, and what a run leaves."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "scenarios" / "tutorial"
TWO_NODES = TUTORIAL / "two-nodes.json"
PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()

ROUTES_OF_NODE1 = """\
default via 172.16.1.1 dev eth0
10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1
10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink
172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11
"""
VERBS = ["run", "trace", "ping", "capture", "show", "plan", "import", "resolve", "validate", "schema", "version"]
LONG = {
    "format": 1,
    "cluster": {"nodes": ["node1", "node2"], "cni": {"type": "flannel"},
                "pods": [{"name": "pod-a", "node": "node1"}, {"name": "pod-b", "node": "node2"}]},
    "traffic": [{"type": "udp", "from": "pod-a", "to": "pod-b", "packets": 100000000, "interval": "10us", "payload": "100B"}],
}


class Cli(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = pathlib.Path(temporary.name)

    def call(self, *words, cwd=None):
        return subprocess.run([PROGRAM, *map(str, words)], cwd=cwd or self.dir, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=600)

    def file(self, name, content):
        path = self.dir / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def call_with_input(self, text, *words):
        return subprocess.run([PROGRAM, *map(str, words)], cwd=self.dir, input=text, capture_output=True, text=True, timeout=600)

    def refused(self, *words, exit_code=2):
        """The call fails with that code, says why on standard error and nothing on standard output."""
        result = self.call(*words)
        self.assertEqual(result.returncode, exit_code, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertNotEqual(result.stderr, "")
        return result.stderr


class FromStandardInput(Cli):
    def test_a_scenario_that_is_not_saved_runs_as_if_it_were(self):
        (self.dir / "saved").mkdir()
        path = self.dir / "saved" / "two-nodes.json"
        path.write_text(TWO_NODES.read_text())
        saved = self.call("run", path, "--out", "a", "-o", "json")
        path.unlink()
        typed = self.call_with_input(TWO_NODES.read_text(), "run", path, "--stdin", "--out", "b", "-o", "json")
        self.assertEqual(0, typed.returncode, typed.stderr)
        digests = [json.loads((self.dir / d / "manifest.json").read_text())["resultDigest"] for d in "ab"]
        self.assertEqual(digests[0], digests[1])
        self.assertEqual(0, saved.returncode)

    def test_mistakes_have_their_place_in_the_file_that_it_would_be(self):
        result = self.call_with_input('{ "format": 1,\n  "trafic": [] }', "validate", "x/mine.json", "--stdin")
        self.assertEqual(2, result.returncode)
        self.assertIn("x/mine.json:2:3: error: unknown key", result.stderr)

    def test_a_number_of_ranks_that_cannot_be_is_told_with_those_that_can(self):
        for ranks, words in (("0", "not in range 1 to 20000"), ("3", "at most 2 ranks, not 3")):
            result = self.call("plan", TWO_NODES, "--ranks", ranks)
            self.assertEqual(2, result.returncode)
            self.assertIn(words, result.stderr)

    def test_progress_is_told_in_lines_of_json(self):
        process = subprocess.Popen([PROGRAM, "run", self.file("long.json", LONG), "--no-trace", "--no-capture", "--progress",
                                    "--out", self.dir / "long"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        line = json.loads(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual({"simulatedNs", "expectedEndNs", "events"}, set(line))
        self.assertGreater(line["expectedEndNs"], line["simulatedNs"])


class Calls(Cli):
    def test_help_starts_with_three_examples(self):
        for words in [[], *[[verb] for verb in VERBS]]:
            result = self.call(*words, "--help")
            self.assertEqual(result.returncode, 0)
            lines = result.stdout.splitlines()
            self.assertEqual(lines[0], "Examples:")
            for line in lines[1:4]:
                self.assertTrue(line.startswith("  overlaysim " + " ".join(words)) or "--version" in line, line)

    def test_a_misspelt_verb_is_answered_with_the_one_meant(self):
        self.assertIn('there is no verb "rnu"; did you mean "run"?', self.refused("rnu", TWO_NODES))

    def test_nothing_to_do_and_missing_arguments(self):
        self.assertIn("say what to do", self.refused())
        self.assertIn("SCENARIO is required", self.refused("run"))
        self.assertIn("--nonsense", self.refused("run", TWO_NODES, "--nonsense"))
        self.assertIn("say overlaysim show route NODE SCENARIO", self.refused("show", "route", TWO_NODES))
        self.refused("run", TWO_NODES, "-o", "yaml")

    def test_files_that_cannot_be_read(self):
        self.assertIn("nosuch.json: error: No such file or directory", self.refused("run", "nosuch.json"))
        self.assertIn("this is a directory", self.refused("run", self.dir))
        self.assertIn("error:", self.refused("import", "nosuch.yaml", "-o", "out.json"))
        self.assertFalse((self.dir / "out.json").exists())

    def test_output_that_cannot_be_written(self):
        taken = self.file("taken", "a file")
        self.assertIn("taken", self.refused("run", TWO_NODES, "--out", taken))
        self.assertIn("taken/run", self.refused("run", TWO_NODES, "--out", taken / "run"))
        mine = self.dir / "mine"
        mine.mkdir()
        (mine / "thesis.txt").write_text("precious")
        self.assertIn("was not made by a run", self.refused("run", TWO_NODES, "--out", mine))
        self.assertEqual([p.name for p in mine.iterdir()], ["thesis.txt"])
        self.assertIn("No such file", self.refused("capture", TWO_NODES, "--on", "node1/eth0", "-w", "no/such/x.pcapng"))
        self.assertIn("No such file", self.refused("import", ROOT / "tests/data/clusters/pods.yaml", "-o", "no/such/x.json"))

    def test_unknown_names_are_answered_with_those_meant(self):
        self.assertIn('did you mean "pod-b"?', self.refused("trace", TWO_NODES, "pod-a", "pod-bb"))
        self.assertIn('did you mean "pod-a"?', self.refused("ping", TWO_NODES, "pod-aa", "pod-b"))
        self.assertIn('did you mean "node1"?', self.refused("show", "route", "nodel", TWO_NODES))
        self.assertIn('did you mean "flannel.1"?', self.refused("capture", TWO_NODES, "--on", "node1/flannel1", "-w", "x"))
        self.assertIn("node9", self.refused("capture", TWO_NODES, "--on", "node1/eth0", "-w", "x", "host node9"))
        self.assertFalse((self.dir / "x").exists())

    def test_every_problem_of_a_scenario_is_reported_with_its_place(self):
        broken = self.file("broken.json", '{\n  "format": 1,\n  "cluster": {\n    "nodes": ["node1"],\n'
                                          '    "cni": { "type": "flanel" },\n    "pods": [ { "name": "p" } ]\n  }\n}\n')
        message = self.refused("validate", broken)
        self.assertIn('broken.json:5:22: error:', message)
        self.assertIn('did you mean "flannel"?', message)
        self.assertIn("    5 | ", message)
        for verb in ("run", "resolve"):
            self.assertEqual(self.refused(verb, broken), message)

    def test_a_scenario_without_traffic_does_not_run(self):
        quiet = self.file("quiet.json", {**LONG, "traffic": []})
        self.assertIn("nothing to run", self.refused("run", quiet, exit_code=3))
        self.assertEqual(self.call("validate", quiet).returncode, 0)


class Run(Cli):
    def test_says_what_it_understood_and_what_came_of_it(self):
        result = self.call("run", TWO_NODES)
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[0], "Two nodes, one tunnel · flannel vxlan, VNI 1, UDP 8472 · 2 nodes, 2 pods")
        self.assertEqual(lines[1], "kubectl exec pod-a -- ping -c 3 10.244.2.2")
        self.assertEqual(lines[2], "PING 10.244.2.2 (10.244.2.2) 56(84) bytes of data.")
        self.assertIn("3 requests and 3 replies crossed the overlay: 98 bytes each from the pod, 148 on the wire "
                      "(+50: Ethernet 14, IPv4 20, UDP 8, VXLAN 8)", lines)
        directory = [line.split()[-1] for line in lines if line.startswith("run directory")][0]
        self.assertRegex(directory, r"^runs/two-nodes-[0-9a-f]{4}/$")
        self.assertEqual(sorted(p.name for p in (self.dir / directory).iterdir()),
                         ["manifest.json", "metrics.json", "packets.pcapng", "plan.json", "trace.bin"])
        self.assertEqual(result.stderr, "")

    def test_two_runs_leave_the_same_bytes(self):
        for scenario in (TWO_NODES, TUTORIAL / "leaf-spine.json", TUTORIAL / "imported.json"):
            manifests = []
            for out in ("first", "second"):
                self.assertEqual(self.call("run", scenario, "--out", out).returncode, 0)
                manifests.append(json.loads((self.dir / out / "manifest.json").read_text()))
            for name in ("packets.pcapng", "trace.bin", "metrics.json", "plan.json"):
                self.assertEqual((self.dir / "first" / name).read_bytes(), (self.dir / "second" / name).read_bytes(), name)
            first, second = manifests
            del first["host"], second["host"]
            self.assertEqual(first, second)

    def test_the_place_of_the_files_does_not_matter(self):
        copy = self.dir / "elsewhere"
        copy.mkdir()
        (copy / "two-nodes.json").write_bytes(TWO_NODES.read_bytes())
        digests = set()
        for path, cwd in ((TWO_NODES, self.dir), ("two-nodes.json", copy), ("elsewhere/two-nodes.json", self.dir)):
            self.assertEqual(self.call("run", path, "--out", self.dir / "out", cwd=cwd).returncode, 0)
            digests.add(json.loads((self.dir / "out" / "manifest.json").read_text())["inputDigest"])
        self.assertEqual(len(digests), 1)

    def test_an_expectation_that_fails_is_exit_code_1_with_what_was_found(self):
        scenario = json.loads(TWO_NODES.read_text())
        scenario["expect"] = [{"reach": {"from": "pod-a", "to": "pod-b"}}, {"notReach": {"from": "pod-b", "to": "pod-a"}}]
        result = self.call("run", self.file("expect.json", scenario))
        self.assertEqual(result.returncode, 1)
        self.assertIn("1 of 2 expectations held\n  ok      reach pod-a -> pod-b: 1 of 1\n", result.stdout)
        self.assertIn("  FAILED  notReach pod-b -> pod-a: expected no answer to any, found 1 of 1", result.stdout)
        del scenario["expect"][1]
        self.assertEqual(self.call("run", self.file("expect.json", scenario)).returncode, 0)

    def test_json_for_programs(self):
        result = self.call("run", TWO_NODES, "-o", "json", "--no-trace")
        facts = json.loads(result.stdout)
        self.assertEqual((facts["offered"], facts["delivered"], facts["complete"]), (3, 3, True))
        self.assertFalse((self.dir / facts["directory"] / "trace.bin").exists())

    def test_settings_change_the_run_and_its_name(self):
        plain = json.loads(self.call("run", TWO_NODES, "-o", "json").stdout)
        longer = json.loads(self.call("run", TWO_NODES, "-o", "json", "--set", "traffic.0.count=5").stdout)
        self.assertEqual(longer["delivered"], 5)
        self.assertNotEqual(plain["directory"], longer["directory"])

    def begin_long_run(self):
        """A run that would take hours, once it has written a good deal."""
        process = subprocess.Popen([PROGRAM, "run", self.file("long.json", LONG), "--out", self.dir / "out"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        files = [self.dir / "out" / name for name in ("packets.pcapng", "trace.bin")]
        deadline = time.monotonic() + 300
        while not all(file.exists() and file.stat().st_size > 1 << 20 for file in files):
            self.assertIsNone(process.poll(), "the run ended by itself")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        return process

    def read_back(self):
        """The manifest of the interrupted run, whose capture and trace begin as they should."""
        manifest = json.loads((self.dir / "out" / "manifest.json").read_text())
        trace = (self.dir / "out" / "trace.bin").read_bytes()
        self.assertEqual(trace[:8], b"OVSTRACE")
        self.assertEqual(trace[16:20], b"CHNK")
        self.assertEqual((self.dir / "out" / "packets.pcapng").read_bytes()[:4], b"\x0a\x0d\x0d\x0a")
        return manifest

    def test_ctrl_c_ends_a_run_with_readable_files_and_says_so(self):
        process = self.begin_long_run()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130)
        self.assertIn("interrupted", output)
        manifest = self.read_back()
        self.assertFalse(manifest["complete"])
        for entry in manifest["files"]:
            self.assertEqual((self.dir / "out" / entry["name"]).stat().st_size, entry["bytes"])

    def test_a_killed_run_leaves_files_that_open(self):
        process = self.begin_long_run()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        manifest = self.read_back()
        self.assertFalse(manifest["complete"])
        self.assertIn("packets.pcapng", [entry["name"] for entry in manifest["files"]])
        self.assertEqual(json.loads((self.dir / "out" / "plan.json").read_text())["name"], "long")


class Look(Cli):
    def test_show_prints_what_ip_prints(self):
        result = self.call("show", "route", "node1", TWO_NODES)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual("".join(line.rstrip() + "\n" for line in result.stdout.splitlines()), ROUTES_OF_NODE1)

    def test_show_has_the_counters_of_the_end(self):
        counters = self.call("show", "counters", "node1", TWO_NODES, "--at", "end").stdout
        self.assertTrue(counters.startswith("#kernel\n"), counters)
        self.assertRegex(counters, r"\nIpForwDatagrams +6 +0\.0\n")  # three echo requests out, three replies in
        links = json.loads(self.call("show", "link", "node1", TWO_NODES, "-s", "-j", "--at", "end").stdout)
        tunnel = [link for link in links if link["ifname"] == "flannel.1"][0]
        self.assertGreaterEqual(tunnel["stats64"]["tx"]["packets"], 3)
        self.assertGreaterEqual(tunnel["stats64"]["rx"]["packets"], 3)

    def test_show_j_has_iproute2s_keys(self):
        routes = json.loads(self.call("show", "route", "node1", TWO_NODES, "-j").stdout)
        self.assertEqual(routes[0], {"dst": "default", "gateway": "172.16.1.1", "dev": "eth0", "flags": []})
        links = json.loads(self.call("show", "link", "node1", TWO_NODES, "-d", "-j").stdout)
        tunnel = [link for link in links if link["ifname"] == "flannel.1"][0]
        self.assertEqual(tunnel["linkinfo"]["info_data"]["id"], 1)
        self.assertEqual(tunnel["linkinfo"]["info_data"]["port"], 8472)
        for what in ("neigh", "fdb", "addr", "rule"):
            self.assertTrue(json.loads(self.call("show", what, "node1", TWO_NODES, "-o", "json").stdout), what)

    def test_show_lists(self):
        pods = json.loads(self.call("show", "pods", TWO_NODES, "-o", "json").stdout)
        self.assertEqual(pods, [{"name": "pod-a", "ip": "10.244.1.2", "node": "node1"},
                                {"name": "pod-b", "ip": "10.244.2.2", "node": "node2"}])
        self.assertIn("node1-leaf1", self.call("show", "links", TWO_NODES).stdout)
        self.assertEqual(self.call("show", "nodes", TWO_NODES).stdout.splitlines()[0].split(), ["NAME", "ROLE", "ADDRESS"])

    def test_the_teaching_picture(self):
        routes = self.call("show", "route", "control-plane", TUTORIAL / "three-nodes-vxlan0.json").stdout
        self.assertIn("10.244.1.0/24 via 192.168.1.2 dev vxlan0 onlink", routes)
        self.assertIn("10.244.2.0/24 via 192.168.1.3 dev vxlan0 onlink", routes)

    def test_trace_prints_each_hop_with_the_line_that_decided(self):
        result = self.call("trace", TWO_NODES, "pod-a", "pod-b")
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[0].split()[:3], ["hop", "where", "table"])
        self.assertIn("10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink", result.stdout)
        self.assertRegex(result.stdout, r"node1/flannel\.1 +encapsulate +172\.16\.1\.11:\d+ → 172\.16\.2\.12:8472, VNI 1 +148 B")
        self.assertTrue(lines[-1].startswith("answered after "), lines[-1])
        self.assertEqual(list(self.dir.iterdir()), [])

    def test_trace_ends_where_the_packet_is_dropped(self):
        result = self.call("trace", TUTORIAL / "firewall-closed.json", "pod-a", "pod-b")
        self.assertRegex(result.stdout.splitlines()[-2], r"leaf1 +drop +FilterDrop: ")
        hops = json.loads(self.call("trace", TUTORIAL / "firewall-closed.json", "pod-a", "pod-b", "-o", "json").stdout)["hops"]
        self.assertEqual(hops[-1]["verdict"], "FilterDrop")

    def test_ping_is_ping(self):
        result = self.call("ping", TWO_NODES, "pod-a", "pod-b", "-c", "2", "-i", "0.5")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.startswith("PING 10.244.2.2 (10.244.2.2) 56(84) bytes of data.\n"))
        self.assertIn("2 packets transmitted, 2 received, 0% packet loss, time 500ms", result.stdout)
        self.assertEqual(self.call("ping", TUTORIAL / "firewall-closed.json", "pod-a", "pod-b").returncode, 1)

    def test_capture_writes_what_tcpdump_would_see(self):
        result = self.call("capture", TWO_NODES, "--on", "node1/eth0", "-w", "x.pcapng", "udp", "port", "8472")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", "6 frames captured\n"))
        self.assertEqual((self.dir / "x.pcapng").read_bytes()[:4], b"\x0a\x0d\x0d\x0a")
        piped = subprocess.run([PROGRAM, "capture", TWO_NODES, "--on", "node1/eth0", "udp port 8472"], capture_output=True)
        self.assertEqual(piped.stdout, (self.dir / "x.pcapng").read_bytes())


class Files(Cli):
    def test_import_makes_a_scenario_that_runs(self):
        cluster = TUTORIAL / "cluster"
        result = self.call("import", cluster / "nodes.json", cluster / "pods.json", cluster / "kube-flannel.yml", "-o", "out.json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("taken", result.stdout)
        self.assertIn("assumed", result.stdout)
        self.assertEqual(self.call("validate", "out.json").returncode, 0)

    def test_redact_keeps_no_name(self):
        cluster = TUTORIAL / "cluster"
        result = self.call("import", cluster / "nodes.json", cluster / "pods.json", "--redact")
        self.assertEqual(result.returncode, 0, result.stderr)
        for word in ("cart", "redis", "worker-a"):
            self.assertNotIn(word, result.stdout)

    def test_resolve_can_be_read_again(self):
        result = self.call("resolve", TWO_NODES)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.file("resolved.jsonc", result.stdout)
        self.assertEqual(self.call("validate", "resolved.jsonc").returncode, 0)

    def test_schema_is_the_published_one(self):
        published = ROOT / "scenarios" / "schema" / "scenario.schema.json"
        self.assertEqual(self.call("schema").stdout, published.read_text())

    def test_version(self):
        self.assertRegex(self.call("version").stdout, r"^overlaysim \d+\.\d+\.\d+ ")
        self.assertEqual(self.call("--version").stdout, self.call("version").stdout)


if __name__ == "__main__":
    unittest.main()
