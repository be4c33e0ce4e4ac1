# SPDX-License-Identifier: BSD-3-Clause
"""`bdevkit perf`: its measurements, its refusals, and the detection of wrong data."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import BUILD, PATIENCE

PROGRAM = BUILD / "bin" / "bdevkit"

STACK = """
version: 1
bdevs:
  - { name: disk, module: malloc, size: 16MiB }
  - { name: pass, module: passthru, base: disk }
  - { name: nothing, module: "null", size: 16MiB }
  - { name: sealed, module: readonly, base: { name: seal, module: "null", size: 16MiB } }
"""


@pytest.fixture
def perf(tmp_path):
    """Runs `bdevkit perf` on a stack with the tops `pass`, `nothing` and `sealed`."""
    file = tmp_path / "stack.yaml"
    file.write_text(STACK)

    def run(*arguments):
        return subprocess.run([PROGRAM, "perf", file, *map(str, arguments)], capture_output=True, text=True,
                              timeout=PATIENCE)

    return run


def report(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("rw", ["read", "write", "rw", "randread", "randwrite", "randrw", "verify", "compare", "unmap",
                                "write_zeroes", "copy", "flush", "reset"])
def test_every_kind_of_io_runs_to_its_count(perf, rw):
    result = report(perf("--bdev", "pass", "--rw", rw, "--count", 1000, "--depth", 8, "--json"))
    assert result["ios"] == 1000
    assert result["errors"] == 0
    assert result["rw"] == rw
    latency = result["latency_us"]
    assert latency["measured"] == 1000
    assert latency["p50"] <= latency["p99"] <= latency["p99.9"] <= latency["max"]


def test_a_job_on_each_core_and_bdev(perf):
    result = report(perf("--bdev", "pass", "--bdev", "nothing", "--count", 4001, "--cores", "0,1", "--json"))
    assert sorted((job["bdev"], job["core"]) for job in result["jobs"]) == [
        ("nothing", 0), ("nothing", 1), ("pass", 0), ("pass", 1)]
    assert sum(job["ios"] for job in result["jobs"]) == result["ios"] == 4001


def test_the_table_says_what_a_reader_wants_to_know(perf):
    done = perf("--bdev", "pass", "--time", "200ms", "--fill")
    assert done.returncode == 0, done.stderr
    for word in ["IOPS", "MiB/s", "p99.99", "cycles per I/O", "the tool itself"]:
        assert word in done.stdout


def test_a_rate_is_kept(perf):
    result = report(perf("--bdev", "nothing", "--rate", 5000, "--count", 1000, "--json"))
    assert result["ios"] == 1000
    # 999 intervals of 200 us; how much later than that is the machine's business.
    assert result["seconds"] >= 0.19


def test_wrong_data_is_found_and_fails(perf):
    done = perf("--bdev", "nothing", "--rw", "verify", "--count", 100)
    assert done.returncode == 1
    assert "differ from the data written" in done.stderr


def test_the_tool_alone(perf):
    result = report(perf("--calibrate", "--time", "100ms", "--json"))
    assert result["rw"] == "calibrate"
    assert result["tool_ns_per_io"] > 0


@pytest.mark.parametrize("arguments, message", [
    (["--rw", "randread"], "name one or more: pass, nothing, sealed"),
    (["--bdev", "pss"], "no bdev 'pss'; did you mean 'pass'?"),
    (["--bdev", "pass", "--io-size", "1000"], "is not a multiple of the block size 512"),
    (["--bdev", "pass", "--time", "3"], "expected a duration with its unit"),
    (["--bdev", "pass", "--length", "17MiB"], "has 16777216 bytes from offset 0 on"),
    (["--bdev", "pass", "--offset", "16MiB"], "below the size"),
    (["--bdev", "sealed", "--rw", "write"], "does not support write"),
    (["--bdev", "disk", "--rw", "write"], "claimed"),
    (["--bdev", "pass", "--rw", "sideways"], "randread"),
])
def test_what_cannot_be_done_is_refused_with_a_reason(perf, arguments, message):
    done = perf(*arguments)
    assert done.returncode == 2
    assert message in done.stderr + done.stdout


def thread_names(pid):
    for file in Path(f"/proc/{pid}/task").glob("*/comm"):
        try:
            yield file.read_text()
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile


def test_a_signal_ends_the_run_with_a_report(tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text(STACK)
    program = subprocess.Popen([PROGRAM, "perf", file, "--bdev", "pass", "--rw", "verify", "--time", "1h", "--json"],
                               stdout=subprocess.PIPE, text=True)
    try:
        # Signals are taken over before the reactors start.
        while not any(name.startswith("bdk-reactor") for name in thread_names(program.pid)):
            assert program.poll() is None
        program.send_signal(signal.SIGINT)
        output, _ = program.communicate(timeout=PATIENCE)
    finally:
        program.kill()
    assert program.returncode == 0
    assert json.loads(output)["interrupted"] is True
