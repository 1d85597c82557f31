#!/usr/bin/env python3
"""replay_test.py PROGRAM ORACLE_DIR CASE: what the real kernel did in a case, done by the simulator.

Runs oracle_replay on the case, lets the oracle's own compare.py judge frames, results, counters and drops, and holds
the tables of the case's end against those of the kernel. Exit 0: all alike; 77: the captures are not here.
"""
import json
import os
import subprocess
import sys
import tempfile

# What differs from run to run on the kernel itself, or tells of timers: left out on both sides.
VOLATILE = {"ifindex", "link_index", "gc_timer", "hold_timer", "hello_timer", "tcn_timer", "topology_change_timer",
            "message_age_timer", "forward_delay_timer"}
# A dynamic neighbour's state depends on when its timers last ran.
TIMED_STATES = {"REACHABLE", "STALE", "DELAY", "PROBE"}


def reduced(value):
    if isinstance(value, dict):
        out = {k: reduced(v) for k, v in value.items() if k not in VOLATILE}
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
        replay = subprocess.run([program, folder, out])
        if replay.returncode:
            return 1
        frames = subprocess.run([sys.executable, os.path.join(oracle, "compare.py"), folder, os.path.join(out, "pcap"),
                                 "--no-tcp", "--judge", "-v"])
        differences = sum(compare_state(os.path.join(folder, "state", s), os.path.join(out, "state", s))
                          for s in sorted(os.listdir(os.path.join(folder, "state"))))
        print("state: %d rows differ" % differences)
        return 1 if frames.returncode or differences else 0


sys.exit(main())
