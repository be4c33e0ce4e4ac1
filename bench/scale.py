# SPDX-License-Identifier: BSD-3-Clause
"""How start, list and stop grow with the number of bdevs: a curve of 1, 10, 100, 1,000 and 10,000. What is linear costs
the same per bdev however many there are. Exit code 1, with --check, when a bdev among 10,000 costs more than three times
what it costs among 1,000, or a target is missed. The machine should have nothing else to do.
"""

import argparse
import json
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

import machine

HERE = pathlib.Path(__file__).resolve().parent
SIZES = [1, 10, 100, 1_000, 10_000]
PHASES = ["start", "list", "stop"]
# Seconds that a phase of a shape may take for so many.
TARGETS = {("pairs", "start", 10_000): 2.0, ("pairs", "stop", 10_000): 2.0, ("exports", "start", 1_000): 0.3}
MOST_GROWTH = 3.0


def null_bdevs(count):
    return "".join(f"  - {{ name: d{i}, module: 'null', size: 1MiB }}\n" for i in range(count))


def pairs(count):
    return null_bdevs(count) + "".join(f"  - {{ name: p{i}, module: passthru, base: d{i} }}\n" for i in range(count))


def exports(count, folder):
    bdevs = "".join(f"  - {{ name: d{i}, module: malloc, size: 1MiB }}\n" for i in range(count))
    exported = "".join(f"        - {{ bdev: d{i} }}\n" for i in range(count))
    return bdevs + f"frontends:\n  - nbd:\n      listen: unix:{folder}/nbd.sock\n      exports:\n" + exported


SHAPES = {
    "bdevs": ("null bdevs", lambda count, _: null_bdevs(count)),
    "pairs": ("null bdevs with a passthru each", lambda count, _: pairs(count)),
    "exports": ("malloc bdevs, exported by one NBD frontend", exports),
}


class Output:
    """What a process prints."""

    def __init__(self, process):
        self.process = process
        self.text = ""

    def wait_for(self, is_there):
        while not is_there(self.text):
            select.select([self.process.stdout], [], [])
            more = self.process.stdout.read1(1 << 20).decode()
            if not more:
                raise SystemExit(f"bench: bdevkit ended with {self.process.wait()}:\n{self.text[-2000:]}")
            self.text += more


def measure(program, shape, count):
    """Seconds from exec to ready, from SIGUSR1 to the last line of the list of counters, from SIGTERM to the end."""
    with tempfile.TemporaryDirectory() as folder:
        stack = pathlib.Path(folder) / "stack.yaml"
        stack.write_text("version: 1\nbdevs:\n" + SHAPES[shape][1](count, folder))
        seconds = {}
        begin = time.perf_counter()
        with subprocess.Popen([program, "run", stack], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            output = Output(process)
            output.wait_for(lambda text: "ready:" in text and text.endswith("\n"))
            seconds["start"] = time.perf_counter() - begin
            bdevs, before = count * (2 if shape == "pairs" else 1), output.text.count("\n")
            begin = time.perf_counter()
            process.send_signal(signal.SIGUSR1)
            output.wait_for(lambda text: text.count("\n") >= before + bdevs + 1)
            seconds["list"] = time.perf_counter() - begin
            begin = time.perf_counter()
            process.send_signal(signal.SIGTERM)
            code = process.wait()
            seconds["stop"] = time.perf_counter() - begin
        if code != 0:
            raise SystemExit(f"bench: bdevkit ended with {code}")
        return seconds


def table(results):
    lines = [f"| what | phase | {' | '.join(f'{size:,}' for size in SIZES)} |", f"| --- | --- | {'---: | ' * len(SIZES)}"]
    for shape, (title, _) in SHAPES.items():
        for phase in PHASES:
            cells = [f"{results[shape][str(size)][phase]:.3f}" if str(size) in results[shape] else "" for size in SIZES]
            lines.append(f"| {title} | {phase} | {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(results, file):
    import matplotlib  # noqa: PLC0415: only a drawing needs it
    matplotlib.use("svg")
    from matplotlib import pyplot  # noqa: PLC0415
    figure, axes = pyplot.subplots(1, len(PHASES), figsize=(13, 4), sharey=True)
    for axis, phase in zip(axes, PHASES):
        for shape, (title, _) in SHAPES.items():
            sizes = sorted(int(size) for size in results[shape])
            axis.loglog(sizes, [results[shape][str(size)][phase] for size in sizes], marker="o", label=title)
        axis.set(title=phase, xlabel="how many")
        axis.grid(True, which="major", alpha=0.4)
    axes[0].set_ylabel("seconds")
    axes[0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(file)


def faults(results):
    """Results that are not linear or too slow."""
    for (shape, phase, size), limit in TARGETS.items():
        taken = results[shape].get(str(size), {}).get(phase, 0)
        if taken > limit:
            yield f"{shape}: {phase} of {size:,} takes {taken:.2f} s, more than {limit} s"
    small, large = SIZES[-2:]
    for shape, measured in results.items():
        for phase in PHASES:
            if str(large) not in measured:
                continue
            growth = measured[str(large)][phase] / measured[str(small)][phase] / (large / small)
            if growth > MOST_GROWTH:
                yield f"{shape}: {phase} of {large:,} costs {growth:.1f} times as much for each as that of {small:,}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/release", type=pathlib.Path)
    parser.add_argument("--most", default=SIZES[-1], type=int, help="the largest number")
    parser.add_argument("--check", action="store_true", help="exit code 1 for what is not linear or too slow")
    parser.add_argument("--save", action="store_true", help="keep the figures in bench/results and draw docs/scale.svg")
    arguments = parser.parse_args()
    program = arguments.build / "bin" / "bdevkit"
    results = {shape: {str(size): measure(program, shape, size) for size in SIZES if size <= arguments.most}
               for shape in SHAPES}
    print(table(results))
    if arguments.save:
        (HERE / "results" / "scale.json").write_text(
            json.dumps({"machine": machine.describe(), "seconds": results}, indent=2) + "\n")
        draw(results, HERE.parent / "docs" / "scale.svg")
    found = list(faults(results))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
