#!/usr/bin/env python3
"""same_results.py REFERENCE OTHER [SCENARIO...]: two builds of overlaysim must write the same.

Runs each scenario (by default all tutorials and behaviour scenarios) with both programs and compares exit codes, what
they print, and each file of the run directories byte by byte, but for the manifest's field `host` (facts of the machine).
"""

import json
import pathlib
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]


def content(file):
    """What must be alike of a file."""
    if file.name != "manifest.json":
        return file.read_bytes()
    manifest = json.loads(file.read_text(encoding="utf-8"))
    manifest.pop("host")
    return json.dumps(manifest).encode()


def run(program, scenario, folder):
    """Name of each result -> its bytes."""
    done = subprocess.run([program, "run", scenario, "--out", folder], capture_output=True, check=False)
    results = {"exit code": str(done.returncode).encode(), "printed": done.stdout, "diagnostics": done.stderr}
    results = {name: data.replace(str(folder).encode(), b"DIR") for name, data in results.items()}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            results[str(file.relative_to(folder))] = content(file)
    return results


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    programs = [pathlib.Path(program).resolve() for program in sys.argv[1:3]]
    scenarios = [pathlib.Path(name) for name in sys.argv[3:]]
    if not scenarios:
        scenarios = [file for kind in ("tutorial", "behaviour")
                     for file in sorted((PROJECT / "scenarios" / kind).glob("*.json"))]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="overlaysim-engines-") as folder:
        for number, scenario in enumerate(scenarios):
            mine, other = (run(program, scenario, pathlib.Path(folder, f"{number}-{which}"))
                           for which, program in enumerate(programs))
            different = sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))
            # A manifest is the first file of every run: without it nothing was compared.
            if "manifest.json" not in mine:
                different.append("manifest.json (none was written)")
            failed += bool(different)
            print(f"{'differs: ' + ', '.join(different) if different else 'alike':8}  {scenario}", flush=True)
    print(f"{len(scenarios) - failed} passed, {failed} failed")
    return 1 if failed or not scenarios else 0


if __name__ == "__main__":
    sys.exit(main())
