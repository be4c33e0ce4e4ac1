#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures bdevkit beside programs that anybody can install, interleaved, in several rounds, and prints medians and ratios.

  scripts/bench table                   all of it, about ten minutes
  scripts/bench table --only 'malloc'   the rows whose name has this in it
  scripts/bench table --save            keeps the result in bench/results/
"""

import argparse
import json
import pathlib
import re
import statistics
import sys

import machine
import measure

RESULTS = pathlib.Path(__file__).resolve().parent / "results"

# The measurements of each round: a name, and a function. A row of the table compares them.
MEASUREMENTS = {
    "fio null": lambda bench: bench.fio_null(),
    "copy 512 B": lambda bench: bench.bare_copy(512),
    "copy 4 KiB": lambda bench: bench.bare_copy(4096),
    "null 512 B": lambda bench: bench.perf("null", 512, 128),
    "null 512 B, depth 1": lambda bench: bench.perf("null", 512, 1),
    "passthru 512 B": lambda bench: bench.perf("passthru", 512, 128),
    "8 passthru 512 B": lambda bench: bench.perf("passthru8", 512, 128),
    "malloc 512 B": lambda bench: bench.perf("malloc", 512, 128),
    "malloc 4 KiB": lambda bench: bench.perf("malloc", 4096, 128),
    "null 512 B, 2 cores": lambda bench: bench.perf("null", 512, 128, "0,1"),
    "passthru 512 B, 2 cores": lambda bench: bench.perf("passthru", 512, 128, "0,1"),
    "malloc 4 KiB, 2 cores": lambda bench: bench.perf("malloc", 4096, 128, "0,1"),
    "start 1,000 stacks": lambda bench: bench.many_bdevs(1000),
    "fio file 4 KiB": lambda bench: bench.fio_file(direct=True),
    "uring file 4 KiB": lambda bench: bench.perf_file(direct=True),
    "fio cached file 4 KiB": lambda bench: bench.fio_file(direct=False),
    "uring cached file 4 KiB": lambda bench: bench.perf_file(direct=False),
}
for server in measure.servers.FILE_SERVERS:
    MEASUREMENTS[f"nbd {server}, depth 64"] = lambda bench, server=server: bench.nbd_file(server, 64)
for server in measure.servers.REPLIES:
    MEASUREMENTS[f"nbd {server}, depth 64"] = lambda bench, server=server: bench.nbd(server, 64, 1)
NBD_CLIENTS = {"depth 64": (64, 1), "depth 64, 4 connections": (64, 4), "depth 1": (1, 1)}
for clients, how in NBD_CLIENTS.items():
    for server in measure.servers.SERVERS:
        MEASUREMENTS[f"nbd {server}, {clients}"] = lambda bench, server=server, how=how: bench.nbd(server, *how)

# SPDK cannot be installed everywhere, and its figures from another machine say nothing about this one. But its speed
# follows that of fio's null engine: SPDK v26.09-pre, measured beside fio on an EPYC and a Xeon guest, ran its null bdev
# 3 to 4 times as fast on both. So its figure here is a multiple of "fio null" of the same round: for each row, the
# middle of both machines.
SPDK_TIMES_FIO_NULL = {"null 512 B": 3.5, "null 512 B, depth 1": 2.1, "passthru 512 B": 1.7, "8 passthru 512 B": 0.3,
                       "malloc 512 B": 0.7, "malloc 4 KiB": 0.47}

# A bar: (measurement, compared with, how many times as much it must be).
BARS = [
    ("null 512 B", "SPDK", 2), ("null 512 B", "fio null", 9), ("null 512 B, depth 1", "SPDK", 1.5),
    ("passthru 512 B", "SPDK", 2.5), ("8 passthru 512 B", "SPDK", 5),
    ("malloc 512 B", "SPDK", 3), ("malloc 512 B", "copy 512 B", 0.5),
    ("malloc 4 KiB", "SPDK", 1.4), ("malloc 4 KiB", "copy 4 KiB", 0.85),
    ("null 512 B, 2 cores", "null 512 B", 1.9), ("passthru 512 B, 2 cores", "passthru 512 B", 1.9),
    ("malloc 4 KiB, 2 cores", "malloc 4 KiB", 1.9),
    ("nbd bdevkit, depth 64", "nbd nbdkit, depth 64", 2), ("nbd bdevkit, depth 64", "nbd qsd, depth 64", 1),
    ("nbd bdevkit, depth 64, 4 connections", "nbd nbdkit, depth 64, 4 connections", 1.3),
    ("nbd bdevkit, depth 64, 4 connections", "nbd qsd, depth 64, 4 connections", 1.3),
    ("uring file 4 KiB", "fio file 4 KiB", 0.9), ("uring cached file 4 KiB", "fio cached file 4 KiB", 0.9),
    ("nbd bdevkit file, depth 64", "nbd qsd file, depth 64", 1),
    ("nbd bdevkit cached file, depth 64", "nbd nbdkit cached file, depth 64", 1),
    ("nbd bdevkit cached file, depth 64", "nbd qsd cached file, depth 64", 1),
    ("nbd bdevkit, depth 1", "nbd nbdkit, depth 1", 1.3), ("nbd bdevkit, depth 1", "nbd qsd, depth 1", 1.3),
]
# Bars of other figures: (measurement, figure, compared with, the highest allowed ratio; None: the highest value).
CEILINGS = [
    ("nbd bdevkit, depth 64", "cpu_us", "nbd qsd, depth 64", 0.6),
    ("start 1,000 stacks", "seconds", None, 2), ("start 1,000 stacks", "mib", None, 256),
]


def figures(value):
    """A measurement as named figures; a plain number means I/Os per second."""
    return value if isinstance(value, dict) else {"iops": value}


def run_rounds(bench, names, rounds):
    """{measurement: {figure: [value of each round]}}. Whole rounds are repeated, so that a disturbance affects all."""
    results = {name: {} for name in names}
    for number in range(1, rounds + 1):
        for name in names:
            progress(f"round {number} of {rounds}: {name}")
            for figure, value in figures(MEASUREMENTS[name](bench)).items():
                results[name].setdefault(figure, []).append(value)
    progress("")
    return results


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text:70}\r", end="", file=sys.stderr, flush=True)


def compare(results):
    """The bars whose measurements were taken: ratio of the medians, and the range of each round's own ratio."""
    for name, other, bar in BARS:
        yardstick, times = ("fio null", SPDK_TIMES_FIO_NULL[name]) if other == "SPDK" else (other, 1)
        if name in results and yardstick in results:
            beside = [times * value for value in results[yardstick]["iops"]]
            label = other if other == yardstick else f"{other}, taken as {times:g} x {yardstick}"
            yield verdict(name, "iops", results[name]["iops"], label, beside, bar, at_least=True)
    for name, figure, other, bar in CEILINGS:
        if name in results and (other is None or other in results):
            values = results[name][figure]
            beside = [1] * len(values) if other is None else results[other][figure]
            yield verdict(name, figure, values, other or "", beside, bar, at_least=False)


def verdict(name, figure, values, other, beside, bar, at_least):
    ratio = statistics.median(values) / statistics.median(beside)
    each = [value / base for value, base in zip(values, beside)]
    return {"what": name, "figure": figure, "beside": other, "ratio": ratio, "lowest": min(each), "highest": max(each),
            "bar": bar, "at_least": at_least, "met": ratio >= bar if at_least else ratio <= bar}


def human(figure, value):
    if figure == "iops":
        return f"{value / 1e6:.2f} M IOPS" if value >= 1e6 else f"{value / 1e3:.1f} k IOPS"
    return {"cpu_us": f"{value:.2f} us CPU/IO", "seconds": f"{value:.2f} s", "mib": f"{value:.0f} MiB"}[figure]


def print_table(results, comparisons):
    print(f"{'measured':40} {'median':>16}   range of the rounds")
    for name, measured in results.items():
        for figure, values in measured.items():
            middle = human(figure, statistics.median(values))
            print(f"{name:40} {middle:>16}   {human(figure, min(values))} - {human(figure, max(values))}")
    print(f"\n{'compared':38} {'with':38} {'ratio':>6} {'(rounds)':>15}   bar")
    for row in comparisons:
        name = row["what"] + (f": {row['figure']}" if row["figure"] != "iops" else "")
        bar = f"{'>=' if row['at_least'] else '<='} {row['bar']:g} {'met' if row['met'] else 'NOT MET'}"
        print(f"{name:38} {row['beside']:38} {row['ratio']:6.2f} {row['lowest']:7.2f}-{row['highest']:<7.2f}   {bar}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release", help="the build to measure (default build/release)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    parser.add_argument("--seconds", type=int, default=2, help="how long each time (default 2)")
    parser.add_argument("--only", default="", metavar="REGEX", help="measure what has this in its name")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the tables")
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    options = parser.parse_args()

    names = [name for name in MEASUREMENTS if re.search(options.only, name)]
    if not names:
        parser.error(f"--only {options.only!r} leaves nothing; there are: {', '.join(MEASUREMENTS)}")
    about = machine.describe()
    results = run_rounds(measure.Bench(options.build, options.seconds), names, options.rounds)
    comparisons = list(compare(results))
    whole = {"command": " ".join(["scripts/bench table", *sys.argv[1:]]), "machine": about, "measured": results,
             "compared": comparisons}
    if options.json:
        print(json.dumps(whole, indent=2))
    else:
        print("\n".join(f"{key}: {value}" for key, value in about.items()), end="\n\n")
        print_table(results, comparisons)
    if options.save:
        path = RESULTS / f"{about['time'][:10]}-{about['commit']}.json"
        path.write_text(json.dumps(whole, indent=1) + "\n")
        print(f"saved in {path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
