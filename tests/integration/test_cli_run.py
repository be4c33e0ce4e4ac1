# SPDX-License-Identifier: BSD-3-Clause
"""`bdevkit run`: its ready line, signals, counters and exit codes."""

import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import textwrap
import time

import nbd
import pytest

from conftest import BUILD, PATIENCE, SOURCE

PROGRAM = BUILD / "bin" / "bdevkit"

STACK = """
version: 1
bdevs:
  - { name: disk, module: malloc, size: 16MiB }
  - { name: pass, module: passthru, base: disk }
frontends:
  - nbd: { listen: "unix:nbd.sock", exports: [ { bdev: pass } ] }
"""


def run(*arguments, **options):
    """A `bdevkit run` that is expected to end by itself."""
    return subprocess.run([PROGRAM, "run", *arguments], capture_output=True, text=True, timeout=PATIENCE, **options)


def write_stack(folder, text):
    file = folder / "stack.yaml"
    file.write_text(text)
    return file


def connect(uri):
    client = nbd.NBD()
    client.connect_uri(uri)
    return client


@contextlib.contextmanager
def full_pipe():
    """The write end of a full pipe without a reader."""
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * 4096)
        yield writer
    finally:
        os.close(writer)
        os.close(reader)


def test_one_ready_line_names_every_export(run_stack):
    stack = run_stack(STACK)
    assert re.fullmatch(r"ready: nbd\+unix:///pass\?socket=\S+ \(start \d+ ms\)", stack.ready_line)
    assert stack.stop() == 0
    assert stack.output.splitlines() == [stack.ready_line]


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_that_end_it_end_it_cleanly(run_stack, by):
    stack = run_stack(STACK)
    assert stack.stop(by) == 0
    assert not (stack.file.parent / "nbd.sock").exists()


def test_a_signal_sent_twice_at_once_is_one(run_stack):
    """timeout(1) sends it to the process and to its group."""
    stack = run_stack(STACK)
    stack.process.send_signal(signal.SIGINT)
    assert stack.stop(signal.SIGTERM) == 0
    assert "second signal" not in stack.log


def test_counters_at_the_end(run_stack, tmp_path):
    counters = tmp_path / "counters.json"
    stack = run_stack(STACK, "--stats", "--stats-json", counters)
    client = connect(stack.uri("pass"))
    client.pwrite(b"x" * 8192, 0)
    client.pread(4096, 4096)
    client.flush()
    client.shutdown()
    assert stack.stop() == 0

    # The topmost bdevs come first.
    lines = stack.output.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [["bdev", "module"], ["pass", "passthru"], ["disk", "malloc"]]
    layers = {layer["name"]: layer for layer in json.loads(counters.read_text())}
    for name, module in (("disk", "malloc"), ("pass", "passthru")):
        layer = layers[name]
        assert layer["module"] == module
        assert layer["bytes_written"] == 8192
        assert layer["bytes_read"] == 4096
        assert layer["others"] == 1  # the read was lent, and given back
        assert layer["flushes"] >= 1
        assert layer["errors"] == 0


def test_counters_while_it_runs(run_stack):
    stack = run_stack(STACK)
    client = connect(stack.uri("pass"))
    client.pwrite(b"x" * 4096, 0)
    stack.process.send_signal(signal.SIGUSR1)
    line = stack._wait_for_line("disk ")
    assert line.split()[:2] == ["disk", "malloc"]
    assert "4.0 KiB" in line
    client.shutdown()


LATE = f"""
version: 1
host: {{ stop_limit: 1s, late_io: 100ms, auto_examine: false }}
plugins: {{ path: [{BUILD}/tests/plugins/late] }}
bdevs:
  - {{ name: low, module: late, time: TIME }}
  - {{ name: top, module: passthru, base: low }}
frontends:
  - nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: top }} ] }}
"""


def test_what_a_module_counts_is_with_the_counters(run_stack, tmp_path):
    counters = tmp_path / "counters.json"
    stack = run_stack(LATE.replace("TIME", "1us"), "--stats", "--stats-json", counters)
    client = connect(stack.uri("top"))
    client.pread(4096, 0)
    stack.process.send_signal(signal.SIGUSR1)
    assert int(re.fullmatch(r'low: \{"begun":(\d+)\}', stack._wait_for_line("low: ")).group(1)) >= 1
    client.shutdown()
    assert stack.stop() == 0
    low, top = json.loads(counters.read_text())
    assert low["driver_specific"] == {"begun": low["reads"]}
    assert "driver_specific" not in top


def test_an_io_that_never_ends_does_not_keep_the_host(run_stack):
    stack = run_stack(LATE.replace("TIME", "0"))
    client = connect(stack.uri("top"))
    client.aio_pread(nbd.Buffer(4096), 0)
    while "a read has been outstanding for" not in stack.log:
        client.poll(100)
    assert stack.stop() == 1
    assert "the host cannot be stopped" in stack.log
    assert "bdevkit: a read has been outstanding for" in stack.log
    assert "bdev 'top' (module 'passthru') > bdev 'low' (module 'late'); the last module has it" in stack.log


def test_listen_on_the_command_line_wins(run_stack):
    stack = run_stack(STACK, "--listen", "unix:other.sock")
    assert "other.sock" in stack.ready_line
    connect(stack.uri("pass")).shutdown()


def test_listen_that_makes_no_sense(tmp_path):
    file = write_stack(tmp_path, STACK)
    result = run(file, "--listen", "nonsense")
    assert result.returncode == 2
    assert result.stderr.startswith("--listen: expected unix:/path")
    result = run(write_stack(tmp_path, STACK.partition("frontends:")[0]), "--listen", "unix:x.sock")
    assert result.returncode == 2
    assert result.stderr == "--listen: the stack has no frontend\n"


def test_a_stack_without_frontend_runs(run_stack):
    stack = run_stack(STACK.partition("frontends:")[0])
    assert stack.ready_line.startswith("ready: the stack has no frontend")
    assert stack.stop() == 0


def test_a_stack_from_standard_input(tmp_path):
    result = run("-", input="version: 1\nbdevs: [ { name: d, module: mallok } ]\n", cwd=tmp_path)
    assert result.returncode == 2
    assert "<stdin>:2:29: no module 'mallok' was found; did you mean 'malloc'?" in result.stderr


def test_a_wrong_stack_is_configuration(tmp_path):
    result = run(write_stack(tmp_path, "version: 3\n"))
    assert result.returncode == 2
    assert "stack.yaml:1:10: `version`: expected 1, got '3'" in result.stderr
    assert result.stdout == ""


def test_a_bdev_that_cannot_be_created_is_a_failure_with_its_place(tmp_path):
    file = write_stack(tmp_path, "version: 1\nbdevs:\n  - { name: d, module: malloc, size: 1000 }\n")
    result = run(file)
    assert result.returncode == 1
    assert f"{file}:3:5: bdev 'd' of module 'malloc' could not be created" in result.stderr


def test_an_address_that_is_taken_is_a_failure(run_stack, tmp_path):
    stack = run_stack(STACK)
    result = run(stack.file, cwd=stack.file.parent)
    assert result.returncode == 1
    assert "nbd.sock" in result.stderr
    connect(stack.uri("pass")).shutdown()


def test_wrong_log_level_is_usage():
    assert run("x.yaml", "--log-level", "loud").returncode == 2


def test_a_host_whose_log_nobody_reads_serves_and_stops(tmp_path):
    file = write_stack(tmp_path, STACK)
    with full_pipe() as nobody:
        process = subprocess.Popen([PROGRAM, "run", file, "--log-level", "info"], stdout=subprocess.PIPE, stderr=nobody,
                                   text=True)
        try:
            uri = re.search(r"nbd\+unix:\S+", process.stdout.readline())[0]
            path = re.search(r"socket=(\S+)", uri)[1]
            for _ in range(50):  # each leaves a line in the log
                with socket.socket(socket.AF_UNIX) as stranger:
                    stranger.connect(path)
                    stranger.sendall(b"no client of NBD" * 4)
                    while stranger.recv(4096):
                        pass
            client = connect(uri)
            client.pwrite(b"x" * 4096, 0)
            assert client.pread(4096, 0) == b"x" * 4096
            client.shutdown()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()


STUCK_PLUGIN = """
#include <bdevkit/bdevkit.h>
static int create(struct bdk_create* c, const char* name, const void* o) { return BDK_PENDING; }
BDK_MODULE = {.size = sizeof(struct bdk_module),
              .name = "stuck", .create = create};
"""


@pytest.fixture(name="stuck_stack")
def fixture_stuck_stack(tmp_path):
    """A stack whose start never ends."""
    source = tmp_path / "stuck.c"
    source.write_text(STUCK_PLUGIN)
    tmp_path.chmod(0o755)
    subprocess.run(["gcc", "-shared", "-fPIC", f"-I{SOURCE}/sdk/include", "-o", tmp_path / "stuck.so", source],
                   check=True)
    (tmp_path / "stuck.so").chmod(0o755)
    return write_stack(tmp_path, textwrap.dedent("""\
        version: 1
        plugins: { path: [.] }
        bdevs: [ { name: d, module: stuck } ]
        """))


def test_a_second_signal_ends_a_stuck_host_whose_log_nobody_reads(stuck_stack):
    with full_pipe() as nobody:
        process = subprocess.Popen([PROGRAM, "run", stuck_stack], stderr=nobody)
        end = time.monotonic() + PATIENCE
        try:
            while process.poll() is None and time.monotonic() < end:
                process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=0.2)
            assert process.returncode in (1, -signal.SIGTERM)
        finally:
            process.kill()


def test_a_second_signal_ends_a_stuck_host(stuck_stack):
    process = subprocess.Popen([PROGRAM, "run", stuck_stack], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Both signals count from the first moment, because signals are blocked before anything else happens. They merge
    # into one if both come before the first was read, so the second is sent until the process has gone.
    error = ""
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            error = process.communicate(timeout=0.2)[1]
        except subprocess.TimeoutExpired:
            pass
    assert process.returncode in (1, -signal.SIGTERM)
    assert process.returncode == -signal.SIGTERM or "second signal while stopping" in error


def folder_with(tmp_path, rogue):
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    shutil.copy(BUILD / "tests" / "rogues" / rogue, folder)
    return folder


@pytest.mark.parametrize("module, call, due", [
    ("init_pending", "init", "bdk_module_init_done"),
    ("init_blocks", "init", "bdk_module_init_done"),
    ("create_pending", "create of bdev 'd'", "bdk_module_create_done"),
])
def test_a_module_that_hangs_is_named_and_one_signal_ends_it(tmp_path, module, call, due):
    folder_with(tmp_path, f"{module}.so")
    file = write_stack(tmp_path, textwrap.dedent(f"""\
        version: 1
        host: {{ late_call: 50ms, blocked_limit: 50ms }}
        plugins: {{ path: [plugins] }}
        bdevs: [ {{ name: d, module: {module} }} ]
        """))
    process = subprocess.Popen([PROGRAM, "run", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # A call that has returned is reported as late; a call that has not returned holds the reactor.
        line = next(line for line in process.stderr if "watchdog" in line)
        process.send_signal(signal.SIGTERM)
        error = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
    hangs = f"module '{module}': {call} has not ended for "
    assert ("the reactor of core" if module == "init_blocks" else hangs) in line
    assert process.returncode == 1
    assert "asked to stop, but the host is busy" in error
    assert re.search(rf"^bdevkit: {re.escape(hangs)}\d+\.\d s: {due}\(\) is due$", error, re.MULTILINE)


def test_a_constructor_that_does_not_return_is_named_and_one_signal_ends_it(tmp_path):
    folder = folder_with(tmp_path, "constructor_hangs.so")
    file = write_stack(tmp_path, textwrap.dedent("""\
        version: 1
        host: { late_call: 50ms }
        plugins: { path: [plugins] }
        bdevs: [ { name: d, module: constructor_hangs } ]
        """))
    process = subprocess.Popen([PROGRAM, "run", file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        # The main thread hangs in the plugin, so it has not yet read how long to wait.
        error = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
    named = f"plugin {folder}/constructor_hangs.so: its constructors have not returned for "
    assert named in line
    assert process.returncode == 1
    assert f"bdevkit: {named}" in error


def test_a_constructor_that_crashes_is_named(tmp_path):
    folder = folder_with(tmp_path, "constructor_crashes.so")
    file = write_stack(tmp_path, textwrap.dedent("""\
        version: 1
        plugins: { path: [plugins] }
        bdevs: [ { name: d, module: constructor_crashes } ]
        """))
    for command in ("run", "validate"):
        result = subprocess.run([PROGRAM, command, file], capture_output=True, text=True, timeout=PATIENCE, check=False)
        # A sanitizer takes the signal and ends the process with a code of its own.
        assert result.returncode == -signal.SIGSEGV or (BUILD.name in ("asan", "tsan") and result.returncode > 0)
        assert f"bdevkit: plugin {folder}/constructor_crashes.so: crashed while it was being opened" in result.stderr


def test_output_that_cannot_be_written_is_an_error():
    for command in (["plugins"], ["plugins", "--json"], ["schema"], ["check", "--list"]):
        with open("/dev/full", "w") as full:
            result = subprocess.run([PROGRAM, *command], stdout=full, stderr=subprocess.PIPE, text=True,
                                    timeout=PATIENCE, check=False)
        assert result.returncode == 1, command
        assert "cannot write the output" in result.stderr, command


def test_a_reader_that_does_not_read_cannot_hold_the_end_up(tmp_path):
    file = write_stack(tmp_path, textwrap.dedent("""\
        version: 1
        bdevs: [ { name: d, module: malloc, size: 1MiB } ]
        """))
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen([PROGRAM, "run", file, "--stats-json", "-"], stdout=writer, stderr=subprocess.PIPE,
                               text=True)
    try:
        while not select.select([reader], [], [], 1)[0]:
            assert process.poll() is None
        os.read(reader, 4096)
        os.write(writer, b"x" * 4096)  # now the pipe is full
        process.send_signal(signal.SIGTERM)
        error = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
        os.close(reader)
        os.close(writer)
    assert process.returncode == 1
    assert "standard output is not read" in error


def test_a_plugin_that_ends_the_host_is_named(tmp_path):
    folder_with(tmp_path, "create_exits.so")
    file = write_stack(tmp_path, textwrap.dedent("""\
        version: 1
        plugins: { path: [plugins] }
        bdevs: [ { name: d, module: create_exits } ]
        """))
    result = run(file)
    assert result.returncode == 1
    assert "bdevkit: exit(0) was called while the host was running: " in result.stderr
    assert "#0 create_exits.so(" in result.stderr


ONE_LINER = """
#include <bdevkit/bdevkit.h>
static int init(void) { BDK_NOTICELOG("here I am"); return 0; }
static int create(struct bdk_create* c, const char* name, const void* o) { return -22; }
BDK_MODULE = {.size = sizeof(struct bdk_module),
              .name = "mine", .init = init, .create = create};
"""


def test_a_plugin_that_is_built_by_one_command_logs_under_its_own_name(tmp_path):
    (tmp_path / "mine.c").write_text(ONE_LINER)
    tmp_path.chmod(0o755)
    subprocess.run(["gcc", "-shared", "-fPIC", f"-I{SOURCE}/sdk/include", "-o", tmp_path / "mine.so", tmp_path / "mine.c"],
                   check=True)
    (tmp_path / "mine.so").chmod(0o755)
    file = write_stack(tmp_path, "version: 1\nplugins: { path: [.] }\nbdevs: [ { name: d, module: mine } ]\n")
    assert re.search(r"notice \[app\] mine: here I am$", run(file).stderr, re.MULTILINE)


def test_a_poller_that_a_plugin_leaves_behind_is_named(run_stack, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    shutil.copy(BUILD / "tests" / "rogues" / "leaves_poller.so", folder)
    stack = run_stack(f"""
version: 1
plugins: {{ path: [{folder}] }}
bdevs: [ {{ name: disk, module: leaves_poller }} ]
""")
    assert stack.stop() == 0, stack.log
    assert "'forgotten'" in stack.log
