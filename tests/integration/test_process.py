# SPDX-License-Identifier: BSD-3-Clause
"""Conditions at the start of the program: signals from the first moment on, limits of the process, closed descriptors,
too few hugepages, and other hosts that start at the same time."""

import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

import nbd
import pytest

from conftest import BUILD, PATIENCE

PROGRAM = BUILD / "bin" / "bdevkit"

STACK = """
version: 1
host: {{ {host} }}
bdevs: [ {{ name: disk, module: malloc, size: 16MiB }} ]
frontends:
  - nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: disk }} ] }}
"""


def make_stack(folder, host="memory: 64MiB"):
    folder.mkdir(exist_ok=True)
    (folder / "stack.yaml").write_text(STACK.format(host=host))
    return folder


@pytest.fixture
def start():
    """Starts `bdevkit run` in a folder of make_stack(). What a test leaves running is killed after it."""
    running = []

    def start_one(folder, command=(PROGRAM, "run", "stack.yaml"), **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        running.append(subprocess.Popen(command, cwd=folder, **options))
        return running[-1]

    yield start_one
    for process in running:
        process.kill()
        process.wait()


def read_ready(process):
    line = process.stdout.readline()
    assert line.startswith("ready:"), process.communicate(timeout=PATIENCE)[1]
    return line


def wait_for_socket(process, folder):
    """For a process whose ready line nobody reads. The socket exists a moment before the process listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None and time.monotonic() < deadline
        with socket.socket(socket.AF_UNIX) as client:
            if client.connect_ex(f"{folder}/nbd.sock") == 0:
                return
        time.sleep(0.01)


def end(process):
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    return error


def write_and_read(folder):
    client = nbd.NBD()
    client.connect_uri(f"nbd+unix:///disk?socket={folder}/nbd.sock")
    client.pwrite(b"x" * 4096, 8192)
    assert client.pread(4096, 8192) == b"x" * 4096
    client.shutdown()


# ---- signals ----

SIGNALS_ITSELF = """
#include <signal.h>
#include <unistd.h>
__attribute__((constructor)) static void early(void) { kill(getpid(), SIGTERM); }
"""


@pytest.mark.parametrize("command, code", [("run", 0), ("validate", -signal.SIGTERM)])
def test_a_signal_before_main_is_as_good_as_a_later_one(tmp_path, command, code):
    """It comes from the constructor of a library, which runs before the program's own code. `run` takes the stack down
    and ends well; a command that does not wait for signals is ended by it."""
    (tmp_path / "early.c").write_text(SIGNALS_ITSELF)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "early.so", tmp_path / "early.c"], check=True)
    make_stack(tmp_path)
    preload = f"{os.environ.get('BDEVKIT_PRELOAD', '')} {tmp_path / 'early.so'}".strip()
    result = subprocess.run([PROGRAM, command, "stack.yaml"], cwd=tmp_path, capture_output=True, text=True,
                            env=os.environ | {"LD_PRELOAD": preload}, timeout=PATIENCE)
    assert result.returncode == code, result.stderr


# ---- limits ----

def test_a_small_file_size_limit_is_no_obstacle(start, tmp_path):
    """The heap of 64 MiB is a file in memory where it may be, and other memory where the limit forbids it."""
    make_stack(tmp_path)
    process = start(tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16)))
    read_ready(process)
    write_and_read(tmp_path)
    end(process)


def limited(folder, limit, value, **options):
    """The output of `run` with that limit."""
    result = subprocess.run([PROGRAM, "run", "stack.yaml"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE,
                            preexec_fn=lambda: resource.setrlimit(limit, (value, value)), **options)
    assert result.returncode in (1, 2), result.stderr
    return result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a user that has no other process")
def test_a_limit_of_processes_is_named(tmp_path):
    make_stack(tmp_path)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    error = limited(tmp_path, resource.RLIMIT_NPROC, 1, user=54321, group=54321, extra_groups=[])
    assert "cannot be started" in error
    assert "the user may have 1 processes and threads (ulimit -u)" in error


@pytest.mark.skipif(bool(os.environ.get("BDEVKIT_PRELOAD")),
                    reason="UndefinedBehaviorSanitizer looks at an object through a pipe, and there is none left")
def test_a_limit_of_open_files_is_named(tmp_path):
    make_stack(tmp_path)
    # Which descriptor cannot be opened depends on how many are already open. Every failure says the same.
    for files in range(9, 14):
        assert f"the process may have {files} files open (ulimit -n)" in limited(tmp_path, resource.RLIMIT_NOFILE, files)


# ---- descriptors ----

@pytest.mark.parametrize("closed", [{0}, {1}, {2}, {0, 1, 2}], ids=str)
def test_standard_descriptors_that_are_closed(start, tmp_path, closed):
    """Nothing of the host's own gets their numbers."""
    make_stack(tmp_path)
    script = 'exec "$0" run stack.yaml ' + " ".join(f"{fd}<&-" for fd in closed)
    process = start(tmp_path, ["sh", "-c", script, PROGRAM], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL)
    wait_for_socket(process, tmp_path)
    for fd in closed:
        assert os.readlink(f"/proc/{process.pid}/fd/{fd}") == "/dev/null"
    write_and_read(tmp_path)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


INHERITS = """
import os, sys
before = set(os.listdir("/proc/self/fd"))
import bdevkit
stack = {"version": 1, "host": {"memory": "64MiB"}, "bdevs": [{"name": "d", "module": "malloc", "size": "1MiB"}],
         "frontends": [{"nbd": {"listen": f"unix:{sys.argv[1]}/n.sock", "exports": [{"bdev": "d"}]}}]}
with bdevkit.Host(stack) as host:
    with host.open("d") as desc:
        desc.read(0, 512)
        for fd in set(os.listdir("/proc/self/fd")) - before:
            try:
                inherited = os.get_inheritable(int(fd))
            except OSError:
                continue  # of the listing itself
            if inherited:
                print(fd, os.readlink(f"/proc/self/fd/{fd}"))
"""


@pytest.mark.skipif(not (BUILD / "python").exists(), reason="this build is without the Python package")
def test_a_child_of_a_python_host_inherits_nothing(tmp_path):
    result = subprocess.run(["/usr/bin/python3", "-c", INHERITS, tmp_path], capture_output=True, text=True,
                            timeout=PATIENCE, env=os.environ | {"PYTHONPATH": str(BUILD / "python"),
                                                                "LD_PRELOAD": os.environ.get("BDEVKIT_PRELOAD", ""),
                                                                "ASAN_OPTIONS": "detect_leaks=0"})
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""


# ---- hugepages ----

PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")


@pytest.fixture
def hugepages():
    """Some pages of 2 MiB, for hosts that want 32 each: enough for three of them, and a few more."""
    count = 3 * 32 + 10
    try:
        before = (PAGES / "nr_hugepages").read_text()
        (PAGES / "nr_hugepages").write_text(str(int(before) + count))
    except OSError as error:
        pytest.skip(f"hugepages cannot be reserved here: {error}")
    try:
        free = int((PAGES / "free_hugepages").read_text()) - int((PAGES / "resv_hugepages").read_text())
        if free < count:
            pytest.skip(f"the machine has {free} hugepages of {count}")
        yield free
    finally:
        (PAGES / "nr_hugepages").write_text(before)


def uses_hugepages(process):
    smaps = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    line = next(line for line in smaps.splitlines() if line.startswith("Private_Hugetlb:"))
    return int(line.split()[1]) >= 64 << 10


@pytest.mark.alone
def test_ten_hosts_share_few_hugepages(hugepages, start, tmp_path):
    """All hosts start at the same time: those that find enough hugepages use them, and the others run without."""
    folders = [make_stack(tmp_path / str(i), "hugepages: auto, memory: 64MiB") for i in range(10)]
    hosts = [start(folder) for folder in folders]
    for host, folder in zip(hosts, folders):
        read_ready(host)
        write_and_read(folder)
    assert 1 <= sum(uses_hugepages(host) for host in hosts) <= hugepages // 32
    assert not any("EAL" in end(host) for host in hosts)


@pytest.mark.alone
def test_hugepages_that_are_asked_for_are_there_or_refused(hugepages, start, tmp_path):
    first = start(make_stack(tmp_path / "first", f"hugepages: {(hugepages - 20) * 2}MiB"))
    read_ready(first)
    second = subprocess.run([PROGRAM, "run", "stack.yaml"], cwd=make_stack(tmp_path / "second", "hugepages: 64MiB"),
                            capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode == 1
    assert "hugepages: 64 MiB are wanted, " in second.stderr and "nr_hugepages" in second.stderr
    write_and_read(tmp_path / "first")
    end(first)
