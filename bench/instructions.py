#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts the instructions of an I/O with callgrind: the same on every run, whatever else the machine does.

Counted are those in the bdev core, the C++ layer and the plugins; not those of `bdevkit perf` itself. Two runs of different
length are subtracted, so that start and end fall away.

  scripts/bench instructions            prints the counts, by function
  scripts/bench instructions --check    fails when one exceeds its ceiling in bench/results/instructions.json
  scripts/bench instructions --save     writes them there, with ceilings 10% above
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

BENCH = pathlib.Path(__file__).resolve().parent
RECORD = BENCH / "results" / "instructions.json"
COUNTED = re.compile(r"(^|/)(sdk/src/bdev|sdk/src/thread|sdk/include/bdevkit|plugins)/")
# The cost of a reactor's turn is not part of an I/O, and the number of turns depends on the machine.
NOT_COUNTED = re.compile(r"bdk::Reactor::|bdk::ThreadRegistry::|std::_Function_handler|bdk::PollerList::|bdk::MessageQueue|bdk_poller_")
LINE = re.compile(r"^\s*([\d,]+) \([ \d.]+%\)\s+(\S+?):(.+?)(?: \[.*\])?$")
SHORT, LONG = 20_000, 60_000
STACKS = ["null", "passthru", "passthru8"]


def count(program, stack, ios, folder):
    """Instructions by function, of a run of `ios` reads at depth 128."""
    output = folder / "callgrind.out"
    subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={output}", program, "perf",
                    BENCH / "stacks" / f"{stack}.yaml", "--bdev", "top", "--io-size", "512", "--depth", "128",
                    "--count", str(ios), "--time-each-io", "--no-calibration"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    report = subprocess.run(["callgrind_annotate", "--threshold=100", "--auto=no", output], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    result = collections.Counter()
    for line in report.splitlines():
        match = LINE.match(line)
        if match and COUNTED.search(match[2]) and not NOT_COUNTED.search(match[3]):
            name = re.sub(r"\(.*", "", match[3].replace("(anonymous namespace)::", ""))
            result[name] += int(match[1].replace(",", ""))
    return result


def per_io(program, stack):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        short, long = count(program, stack, SHORT, folder), count(program, stack, LONG, folder)
    functions = {name: (long[name] - short[name]) / (LONG - SHORT) for name in long}
    return {name: round(value, 1) for name, value in functions.items() if value >= 0.5}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="the build to measure (default build/release)")
    parser.add_argument("--check", action="store_true", help="compare with the ceilings")
    parser.add_argument("--save", action="store_true", help="write the counts and ceilings")
    options = parser.parse_args()

    program = pathlib.Path(options.build) / "bin" / "bdevkit"
    counts = {stack: per_io(program, stack) for stack in STACKS}
    totals = {stack: round(sum(functions.values()), 1) for stack, functions in counts.items()}
    totals["layer"] = round((totals["passthru8"] - totals["passthru"]) / 7, 1)
    for stack in STACKS:
        print(f"{stack}: {totals[stack]} instructions per I/O")
        for name, value in sorted(counts[stack].items(), key=lambda item: -item[1]):
            print(f"  {value:7.1f}  {name}")
    print(f"one passthru layer: {totals['layer']} instructions")

    if options.save:
        ceilings = {name: round(value * 1.1, 1) for name, value in totals.items()}
        RECORD.write_text(json.dumps({"instructions": totals, "ceilings": ceilings, "functions": counts}, indent=2) + "\n")
    if options.check:
        ceilings = json.loads(RECORD.read_text())["ceilings"]
        over = {name: value for name, value in totals.items() if value > ceilings[name]}
        for name, value in over.items():
            print(f"{name}: {value} instructions, more than the ceiling of {ceilings[name]}: find out why, or save "
                  "a new one with the reason in the commit", file=sys.stderr)
        return 1 if over else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
