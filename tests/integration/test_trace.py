# SPDX-License-Identifier: BSD-3-Clause
"""The records of `trace`, the output of `bdevkit trace`, and the replay with `bdevkit perf --replay`."""

import json
import subprocess

import nbd
import pytest

from conftest import BUILD, PATIENCE, SOURCE

PROGRAM = BUILD / "bin" / "bdevkit"


def run(*arguments, code=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def read_trace(path):
    title, *records = map(json.loads, run("trace", path, "--json").stdout.splitlines())
    assert title["ios"] == len(records)
    return title, records


def places(records):
    return [(record["type"], record["offset"], record["bytes"], record["flags"]) for record in records]


@pytest.fixture
def trace(run_stack):
    """A trace of a client's I/O on the example."""
    stack = run_stack((SOURCE / "examples" / "trace.yaml").read_text(), "--listen", "unix:nbd.sock")
    client = nbd.NBD()
    client.connect_uri(stack.uri("traced"))
    for number in range(100):
        client.pwrite(bytes(4096), number * 8192)
    client.pwrite(bytes(512), 1 << 20, nbd.CMD_FLAG_FUA)
    client.flush()
    client.pread(65536, 4096)
    client.trim(4096, 0)
    client.zero(8192, 8192)
    client.shutdown()
    assert stack.stop() == 0, stack.log
    return stack.file.parent / "disk.trace"


def test_every_io_is_in_it(trace):
    title, records = read_trace(trace)
    assert title["bdev"] == "traced" and title["block_size"] == 512 and title["lost"] == 0
    assert places(records)[:100] == [("write", number * 8192, 4096, 0) for number in range(100)]
    after = places(records)[100:]
    assert after[0] == ("write", 1 << 20, 512, 1)
    # The core may serve reads by zcopy, and turns FUA into what the base supports.
    assert [kind for kind, *_ in after if kind not in ("write", "zcopy")][0] == "flush"
    assert ("unmap", 0, 4096) in [place[:3] for place in after]
    assert ("write_zeroes", 8192, 8192) in [place[:3] for place in after]
    assert all(record["status"] == "success" for record in records)
    submitted = [record["submit_ns"] for record in records]
    assert submitted == sorted(submitted)

    lines = run("trace", trace).stdout.splitlines()
    assert "trace of 'traced', 131072 blocks of 512 bytes" in lines[0]
    assert len(lines) == 2 + len(records)


@pytest.mark.parametrize("speed", ["original", "max"])
def test_a_replay_does_the_same(trace, tmp_path, speed):
    second = tmp_path / "second.trace"
    (tmp_path / "target.yaml").write_text(f"""
version: 1
bdevs:
  - {{ name: top, module: trace, path: {second}, base: {{ name: disk, module: malloc, size: 64MiB, block_size: 512 }} }}
""")
    done = run("perf", tmp_path / "target.yaml", "--replay", trace, "--speed", speed, "--depth", 1, "--json")
    report = json.loads(done.stdout)
    assert report["errors"] == 0
    _, records = read_trace(trace)
    _, replayed = read_trace(second)
    as_played = {"zcopy": "read"}
    expected = [(as_played.get(kind, kind), offset, size) for kind, offset, size, flags in places(records)
                if kind != "zcopy" or flags & 2]
    assert [place[:3] for place in places(replayed)] == expected
    assert report["ios"] == len(expected)
    assert report["replay"]["skipped"] == len(records) - len(expected)
    if speed == "original":
        span = records[-1]["submit_ns"] - records[0]["submit_ns"]
        assert report["seconds"] * 1e9 > 0.99 * span, "the last is not played before its time"


def test_a_replay_that_does_not_fit_is_refused(trace, tmp_path):
    def refusal(disk):
        (tmp_path / "target.yaml").write_text(f"version: 1\nbdevs: [ {{ name: top, {disk} }} ]\n")
        return run("perf", tmp_path / "target.yaml", "--replay", trace, code=2).stderr

    assert "the trace goes up to byte" in refusal("module: malloc, size: 512KiB")
    assert "not whole blocks of 4096 bytes" in refusal("module: malloc, size: 64MiB, block_size: 4096")
    (tmp_path / "no.trace").write_text("hello")
    error = run("perf", tmp_path / "target.yaml", "--replay", tmp_path / "no.trace", code=2).stderr
    assert "is not a trace" in error
    assert "is not a trace" in run("trace", tmp_path / "no.trace", code=1).stderr


def test_only_a_trace_is_replaced(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("years of work")
    (tmp_path / "stack.yaml").write_text(f"""
version: 1
bdevs: [ {{ name: top, module: trace, path: {precious}, base: {{ name: disk, module: malloc, size: 1MiB }} }} ]
""")
    assert "already exists and is not a trace" in run("perf", tmp_path / "stack.yaml", "--count", 1, code=1).stderr
    assert precious.read_text() == "years of work"
    precious.unlink()
    for count in [50, 10]:
        run("perf", tmp_path / "stack.yaml", "--count", count, "--no-calibration")
        assert read_trace(precious)[0]["ios"] == count


def test_two_traces_do_not_share_a_file(tmp_path):
    (tmp_path / "stack.yaml").write_text("""
version: 1
bdevs:
  - { name: a, module: trace, path: both.trace, base: { module: "null", size: 1MiB } }
  - { name: b, module: trace, path: both.trace, base: { module: "null", size: 1MiB } }
""")
    done = run("run", tmp_path / "stack.yaml", code=1)
    assert "both.trace' is already in use by another trace" in done.stderr


def test_what_a_thread_has_done_adds_up(tmp_path):
    (tmp_path / "stack.yaml").write_text(f"""
version: 1
bdevs: [ {{ name: top, module: trace, path: {tmp_path}/t, base: {{ name: disk, module: "null", size: 1MiB }} }} ]
""")
    run("perf", tmp_path / "stack.yaml", "--count", 50000, "--no-calibration", "--cores", "0,1")
    title, records = read_trace(tmp_path / "t")
    assert title["ios"] + title["lost"] == 50000
    assert {record["thread"] for record in records} == {0, 1}
