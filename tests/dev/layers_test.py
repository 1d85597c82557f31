"""Holds the build against ARCHITECTURE.md: an include across the layers must not compile.

usage: layers_test.py BUILD_DIR

Each folder's own compiler command (compile_commands.json) is asked what it can see, so the test sees what a
developer's wrong include would meet.
"""
import json
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(sys.argv.pop()).resolve()


def layers():
    """Folder -> layer, from the table in ARCHITECTURE.md; folders without headers are left out."""
    found = {}
    for number, folders in re.findall(r"^\| (\d) \| ([^|]*) \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M):
        for folder in re.findall(r"`([^`]+)`", folders):
            if any((ROOT / folder).rglob("*.h")):
                found[folder] = int(number)
    return found


def compilers():
    """Folder -> (working directory, compiler command without its source and output)."""
    found = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"]).resolve()
        for folder in LAYERS:
            if source.is_relative_to(ROOT / folder) and folder not in found:
                words = shlex.split(entry["command"])
                words = [w for w in words[:words.index("-o")] if not w.endswith("ccache")]
                found[folder] = (entry["directory"], words)
    return found


def compile_as(folder, mode, text):
    directory, words = COMPILERS[folder]
    return subprocess.run(words + [mode, "-x", "c++", "-"], cwd=directory, input=text, text=True, capture_output=True)


def a_header(folder):
    return min((ROOT / folder).rglob("*.h")).relative_to(ROOT).as_posix()


LAYERS = layers()
COMPILERS = compilers()
# tests/oracle looks at the models that a replay has run.
MAY_USE_NS3 = {"models/engine", "models/host", "models/mpi", "models/netdev", "models/traffic", "sim/run", "tests/oracle"}


class Layers(unittest.TestCase):
    def test_every_folder_of_code_has_a_layer(self):
        folders = {p.parent.relative_to(ROOT) for top in ("sim", "models", "gui") for p in (ROOT / top).rglob("*.h")}
        self.assertEqual(set(), {"/".join(f.parts[:2]) for f in folders} - set(LAYERS))

    def test_folders_see_only_what_lies_below(self):
        sees = {}
        for folder in COMPILERS:
            probe = "".join(f'#if __has_include("{a_header(other)}")\nsees {other}\n#endif\n' for other in LAYERS)
            answer = compile_as(folder, "-E", probe)
            self.assertEqual(0, answer.returncode, answer.stderr)
            sees[folder] = set(re.findall(r"^sees (\S+)", answer.stdout, re.M))
        self.assertIn("sim/base", sees["models/wire"])  # else the probe is blind
        for folder, seen in sees.items():
            for other in seen - {folder}:
                self.assertLessEqual(LAYERS[other], LAYERS[folder], f"{folder} sees {other}")
                self.assertNotIn(folder, sees.get(other, set()), f"{folder} and {other} see each other")

    def test_ns3_is_barred_outside_its_layers(self):
        for folder in COMPILERS:
            answer = compile_as(folder, "-fsyntax-only", "#include <ns3/nstime.h>\n")
            if folder in MAY_USE_NS3:
                self.assertEqual(0, answer.returncode, answer.stderr)
            else:
                self.assertNotEqual(0, answer.returncode, f"{folder} can include ns-3")
                self.assertIn("does not include ns-3", answer.stderr)

    def test_include_across_layers_does_not_compile(self):
        own = compile_as("models/wire", "-fsyntax-only", f'#include "{a_header("sim/base")}"\n')
        self.assertEqual(0, own.returncode, own.stderr)
        above = compile_as("models/wire", "-fsyntax-only", f'#include "{a_header("sim/scenario")}"\n')
        self.assertNotEqual(0, above.returncode)
        self.assertIn(a_header("sim/scenario"), above.stderr)

    def test_no_include_climbs_out_of_its_folder(self):
        climbing = [p for top in ("sim", "models", "gui") for p in (ROOT / top).rglob("*") if p.suffix in (".h", ".cc")
                    and re.search(r'^\s*#\s*include\s*["<][^">]*\.\./', p.read_text(), re.M)]
        self.assertEqual([], climbing)


if __name__ == "__main__":
    unittest.main()
