# SPDX-License-Identifier: BSD-3-Clause
"""Measures the precision of the module `delay`: average and 99th percentile as `bdevkit perf` measures them, beside the
delay in the stack. The machine should be otherwise idle. Exit code 1 when one is off by more than 10% and 2 us."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

STACK = """\
version: 1
bdevs:
  - {{ name: slow, module: delay, base: disk, avg_read: {avg}us, p99_read: {p99}us }}
  - {{ name: disk, module: "null", size: 1GiB, block_size: 4096 }}
"""

# Average and 99th percentile in us, depth.
CASES = [(5, 5, 1), (20, 20, 1), (20, 20, 32), (100, 400, 1), (100, 400, 32), (100, 100, 256), (1000, 5000, 1),
         (1000, 5000, 32), (10_000, 20_000, 32)]


def measure(program, folder, avg, p99, depth):
    stack = folder / "delay.yaml"
    stack.write_text(STACK.format(avg=avg, p99=p99))
    # At least 2,000 I/Os, so that some of them are slow.
    seconds = max(1.0, 2000 * avg / depth / 1e6)
    report = subprocess.run(
        [program, "perf", stack, "--bdev", "slow", "--depth", str(depth), "--time", f"{seconds}s", "--time-each-io",
         "--no-calibration", "--json"], check=True, capture_output=True, text=True)
    report = json.loads(report.stdout)
    return report["latency_us"]["avg"], report["latency_us"]["p99"], report["cpu_percent"]


def is_exact(measured, asked):
    return abs(measured - asked) <= max(asked / 10, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release", type=pathlib.Path)
    arguments = parser.parse_args()
    print(f"{'depth':>5} {'avg asked':>10} {'measured':>10} {'p99 asked':>10} {'measured':>10} {'CPU %':>6}")
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for avg, p99, depth in CASES:
            got_avg, got_p99, cpu = measure(arguments.build / "bin" / "bdevkit", pathlib.Path(folder), avg, p99, depth)
            exact = is_exact(got_avg, avg) and is_exact(got_p99, p99)
            wrong += not exact
            print(f"{depth:5} {avg:10} {got_avg:10.1f} {p99:10} {got_p99:10.1f} {cpu:6.0f}{'' if exact else '  off'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
