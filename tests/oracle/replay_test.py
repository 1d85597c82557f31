#!/usr/bin/env python3
"""replay_test.py PROGRAM ORACLE_DIR CASE: what the real kernel did in a case, done by the simulator.

Runs oracle_replay on the case, lets the oracle's own compare.py judge frames, results, counters and drops, and holds
the tables of the case's end against those of the kernel. Exit 0: all alike; 77: the captures are not here.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

# What differs from run to run on the kernel itself, or tells of timers: left out on both sides.
VOLATILE = {"ifindex", "link_index", "gc_timer", "hold_timer", "hello_timer", "tcn_timer", "topology_change_timer",
            "message_age_timer", "forward_delay_timer"}
# MAC addresses that the lab has given; the kernel draws others at random.
GIVEN_MAC = re.compile(r"02:00:00|ee:ee:ee|00:00:00|ff:ff:ff|01:00:5e|33:33")
# A dynamic neighbour's state depends on when its timers last ran.
TIMED_STATES = {"REACHABLE", "STALE", "DELAY", "PROBE"}


def reduced(value):
    if isinstance(value, dict):
        out = {k: reduced(v) for k, v in value.items() if k not in VOLATILE}
        if isinstance(out.get("address"), str) and len(out["address"]) == 17 and not GIVEN_MAC.match(out["address"]):
            out["address"] = "random"
        state = out.get("state")
        if isinstance(state, list) and TIMED_STATES & set(state):
            out["state"] = ["dynamic"]
        return out
    if isinstance(value, list):
        return [reduced(v) for v in value]
    return value


def rows(document):
    """Tables are hashes in the kernel: rows are compared without their order."""
    return {command: sorted(json.dumps(reduced(r), sort_keys=True) for r in table)
            for command, table in document.items()}


def compare_state(expected_dir, got_dir):
    differences = 0
    for name in sorted(os.listdir(expected_dir)):
        if not name.endswith(".json"):
            continue
        expected = rows(json.load(open(os.path.join(expected_dir, name))))
        got = rows(json.load(open(os.path.join(got_dir, name))))
        for command, table in expected.items():
            for sign, lines in (("-", set(table) - set(got.get(command, []))), ("+", set(got.get(command, [])) - set(table))):
                for line in sorted(lines):
                    differences += 1
                    print("%s %s %s: %s" % (sign, name, command, line))
    return differences


def by_chance(expected_file, got_file):
    """How many results differ by chance: of a transfer that stalls, both ends give up after the same time, and the client
    reads an end of file if the server is first. On the kernel either comes about, run by run."""
    def stalls(path):
        return {(sc["scenario"], s["name"]): s["result"]["client"].get("received")
                for sc in json.load(open(path))["scenarios"] for s in sc["steps"]
                if s["do"].get("op") == "tcp" and isinstance(s["result"], dict)
                and (s["result"].get("server") or {}).get("error") == "timed out"}
    expected, got = stalls(expected_file), stalls(got_file)
    return sum(1 for step in expected if step in got and expected[step] != got[step])


def main():
    program, oracle, case = sys.argv[1:4]
    if not os.path.isdir(oracle):
        print("the kernel's captures are not here (%s): skipped" % oracle)
        return 77
    folder = next((os.path.join(oracle, "public", d) for d in sorted(os.listdir(os.path.join(oracle, "public")))
                   if d.split("-")[0] == case), None)
    if not folder:
        print("no case %s: skipped" % case)
        return 77
    with tempfile.TemporaryDirectory() as out:
        replay = subprocess.run([program, folder, out], stderr=subprocess.PIPE, text=True)
        print(replay.stderr, end="")
        if replay.returncode or "internal error" in replay.stderr:
            return 1
        judged = subprocess.run([sys.executable, os.path.join(oracle, "compare.py"), folder, os.path.join(out, "pcap"),
                                 "--no-tcp", "--judge", "-v"], stdout=subprocess.PIPE, text=True)
        print(judged.stdout)
        wrong = sum(int(n) for n in re.findall(r"alike, (\d+) differ", judged.stdout))
        wrong -= by_chance(os.path.join(folder, "expect.json"), os.path.join(out, "expect.json"))
        differences = sum(compare_state(os.path.join(folder, "state", s), os.path.join(out, "state", s))
                          for s in sorted(os.listdir(os.path.join(folder, "state"))))
        print("state: %d rows differ" % differences)
        return 1 if judged.returncode > 1 or wrong or differences else 0


sys.exit(main())
