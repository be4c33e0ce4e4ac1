# SPDX-License-Identifier: BSD-3-Clause
"""Stopping a host during activity: a client that does not read, a long I/O, an I/O that the core holds, and an I/O that
never ends."""

import asyncio
import errno
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse

import bdevkit
import pytest

from conftest import BUILD

LATE = BUILD / "tests" / "plugins" / "late"
DISK = {"name": "disk", "module": "malloc", "size": "16MiB"}

# "It ends" against "it hangs": more than any limit of a stack here, less than an I/O that never ends.
PATIENCE = 60
READS = 32  # of 1 MiB: more than any socket buffers


def stack_of(*bdevs, **sections):
    """No bdev is examined, because that would read from bdevs whose I/O does not end."""
    host = {"memory": "128MiB", "auto_examine": False}
    return {"version": 1, "host": host, "bdevs": list(bdevs), **sections}


def served(folder, *bdevs):
    frontend = {"nbd": {"listen": f"unix:{folder}/s", "exports": [{"bdev": bdev["name"]} for bdev in bdevs]}}
    return stack_of(*bdevs, frontends=[frontend])


class LazyClient:
    """Asks for reads and never receives them."""

    def __init__(self, uri):
        parts = urllib.parse.urlsplit(uri)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(urllib.parse.parse_qs(parts.query)["socket"][0])
        self.socket.recv(18, socket.MSG_WAITALL)
        name = parts.path[1:].encode()
        self.socket.sendall(struct.pack(">IQII", 3, 0x49484156454F5054, 1, len(name)) + name)
        self.socket.recv(10, socket.MSG_WAITALL)

    def ask(self, count, length=1 << 20):
        for cookie in range(count):
            self.socket.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, cookie, 0, length))


def in_background(what, *arguments):
    ended = threading.Event()

    def run():
        what(*arguments)
        ended.set()

    threading.Thread(target=run, daemon=True).start()
    return ended


def test_a_client_that_does_not_read_holds_up_nobody_else(tmp_path, bdevkit_log):
    with bdevkit.Host(served(tmp_path, DISK)) as host:
        client = LazyClient(host.uris[0])
        client.ask(READS)
        while host.bdevs["disk"].stats.read.ops < READS:
            time.sleep(0.01)
        removed = in_background(host.remove, "disk")
        while not any("its bdev is being removed" in line for line in bdevkit_log()):
            time.sleep(0.01)
        host.create("malloc", "other", size="1MiB")
        assert "other" in host.bdevs
        host.remove("other")
        assert not removed.is_set(), "the client has its time to read"
        assert removed.wait(PATIENCE)
        assert list(host.bdevs) == []
    client.socket.close()


def test_the_stop_of_a_host_does_not_wait_for_a_removal(tmp_path, bdevkit_log):
    host = bdevkit.Host(served(tmp_path, DISK))
    client = LazyClient(host.uris[0])
    client.ask(READS)
    while host.bdevs["disk"].stats.read.ops < READS:
        time.sleep(0.01)
    removed = in_background(host.remove, "disk")
    while not any("its bdev is being removed" in line for line in bdevkit_log()):
        time.sleep(0.01)
    stopped = in_background(host.stop)
    assert stopped.wait(PATIENCE)
    assert removed.wait(PATIENCE)
    client.socket.close()


def test_one_change_of_a_bdev_at_a_time(tmp_path):
    """The second removal waits for the first, and then finds nothing."""
    with bdevkit.Host(served(tmp_path, DISK)) as host:
        client = LazyClient(host.uris[0])
        client.ask(READS)
        ends = []

        def remove():
            try:
                host.remove("disk")
                ends.append(0)
            except bdevkit.Error as error:
                ends.append(error.errno)

        removals = [threading.Thread(target=remove) for _ in range(2)]
        for removal in removals:
            removal.start()
        for removal in removals:
            removal.join(PATIENCE)
        assert sorted(ends) == [0, errno.ENODEV]
        client.socket.close()


class Sleeper(bdevkit.Bdev):
    """Does nothing, for long."""

    begun = cancelled = 0

    def setup(self):
        self.num_blocks = 64

    async def submit(self, io):
        Sleeper.begun += 1
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            Sleeper.cancelled += 1
            raise


class Stubborn(bdevkit.Bdev):
    """Ends its I/O although it is cancelled."""

    def setup(self):
        self.num_blocks = 64

    async def submit(self, io):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
        return bytes(io.length)


@pytest.fixture
def sleeping_host():
    bdevkit.register(Sleeper, name="sleeper")
    bdevkit.register(Stubborn, name="stubborn")
    Sleeper.begun = Sleeper.cancelled = 0
    stack = stack_of({"name": "sleepy", "module": "sleeper"}, {"name": "stubborn", "module": "stubborn"},
                     {"name": "top", "module": "passthru", "base": "sleepy"})
    host = bdevkit.Host(stack, check=True)
    yield host
    host._stop()


@pytest.mark.parametrize("name", ["sleepy", "top"])
def test_a_cancelled_await_cancels_an_async_submit(sleeping_host, name):
    async def run():
        with sleeping_host.open(name) as desc:
            read = asyncio.ensure_future(desc.aread(0, 512))
            while Sleeper.begun == 0:
                await asyncio.sleep(0.001)
            read.cancel()
            while Sleeper.cancelled == 0:
                await asyncio.sleep(0.001)

    if name == "sleepy":
        sleeping_host.remove("top")
    asyncio.run(run())
    sleeping_host.stop()


def test_an_abort_of_an_async_submit_says_how_it_ended(sleeping_host):
    async def run():
        with sleeping_host.open("top") as top, sleeping_host.open("stubborn") as stubborn:
            read, other = asyncio.ensure_future(top.aread(0, 512)), asyncio.ensure_future(stubborn.aread(0, 512))
            await asyncio.sleep(0)  # they begin
            await top.aabort()
            with pytest.raises(bdevkit.Aborted):
                await read
            with pytest.raises(bdevkit.Error):
                await stubborn.aabort()
            assert await other == bytes(512)

    asyncio.run(run())


def test_the_stop_of_a_host_cancels_an_async_submit(sleeping_host):
    desc = sleeping_host.open("top")
    ends = []

    def read():
        try:
            desc.read(0, 512)
        except bdevkit.Error as error:
            ends.append(error.status)

    reading = threading.Thread(target=read)
    reading.start()
    while sleeping_host.bdevs["top"].info["open_descs"] == 0 or not reading.is_alive():
        time.sleep(0.001)
    stopped = in_background(sleeping_host._stop)
    assert stopped.wait(PATIENCE)
    reading.join(PATIENCE)
    assert ends in (["aborted"], [None])  # None: it had not begun


@pytest.mark.parametrize("writes", [1, 5])
def test_a_stop_ends_what_waits_for_a_module_s_memory(writes):
    stack = stack_of(DISK, {"name": "full", "module": "error", "base": "disk", "action": "fail", "io_types": ["write"],
                            "status": "nomem"}, {"name": "top", "module": "passthru", "base": "full"})
    host = bdevkit.Host(stack, check=True)
    desc = host.open("top", write=True)
    ends = []

    def write(block):
        try:
            desc.write(block * 512, bytes(512))
        except bdevkit.Error as error:
            ends.append(error.status)

    writing = [threading.Thread(target=write, args=[block]) for block in range(writes)]
    for each in writing:
        each.start()
    while host.bdevs["full"].info["driver_specific"]["struck"] < writes:
        time.sleep(0.001)
    findings = []
    stopped = in_background(lambda: findings.extend(host._stop()))
    assert stopped.wait(PATIENCE)
    for each in writing:
        each.join(PATIENCE)
    assert ends == ["aborted"] * writes
    assert findings == ["1 descs were not closed: 'top'"]


def in_a_process_of_its_own(code):
    start = f"import asyncio, bdevkit, sys, time\nLATE = {str(LATE)!r}\n"
    return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, timeout=2 * PATIENCE,
                          check=False)


def test_a_native_io_that_outlives_the_stop_ends_in_peace():
    """It takes nine seconds and cannot be aborted; the memory of the read is in use until then."""
    ended = in_a_process_of_its_own("""
stack = {"version": 1, "host": {"auto_examine": False}, "bdevs": [{"name": "slow", "module": "late", "time": "9s"},
                                 {"name": "top", "module": "passthru", "base": "slow"}]}
async def run(host):
    desc = host.open("top")
    try:
        await asyncio.wait_for(desc.aread(0, 512), timeout=.2)
    except asyncio.TimeoutError:
        print("waited")
begin = time.monotonic()
with bdevkit.Host(stack, plugin_path=[LATE]) as host:
    asyncio.run(run(host))
print(time.monotonic() - begin > 8)
with bdevkit.Host({"version": 1, "bdevs": []}):
    print("another")
""")
    assert ended.stdout == "waited\nTrue\nanother\n", ended.stderr
    assert ended.returncode == 0, ended.stderr


def test_what_a_module_counts_is_among_the_statistics():
    stack = stack_of({"name": "late", "module": "late", "time": "1us"})
    with bdevkit.Host(stack, plugin_path=[LATE]) as host, host.open("late") as desc:
        host.bdevs["late"].reset_stats()
        desc.read(0, 512)
        assert host.bdevs["late"].stats.driver_specific == {"begun": 1}
        assert host.bdevs["late"].take_stats().driver_specific == {"begun": 1}
        assert host.bdevs["late"].stats.driver_specific == {"begun": 0}


def test_a_host_with_an_io_that_never_ends_is_given_up():
    ended = in_a_process_of_its_own("""
import atexit
stack = {"version": 1, "host": {"stop_limit": "1s", "auto_examine": False}, "bdevs": [{"name": "hangs", "module": "late"}]}
host = bdevkit.Host(stack, plugin_path=[LATE])
desc = host.open("hangs")
async def run():
    try:
        await asyncio.wait_for(desc.aread(0, 512), timeout=.01)
    except asyncio.TimeoutError:
        pass
asyncio.run(run())
atexit.register(print, "exit")
try:
    host.stop()
except bdevkit.Error as error:
    print(error.errno, error)
try:
    bdevkit.Host({"version": 1, "bdevs": []})
except bdevkit.Error as error:
    print(error)
sys.exit(3)
""")
    assert ended.returncode == 3, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(f"{errno.ETIMEDOUT} "), ended.stdout + ended.stderr
    assert "a read has been outstanding for" in lines[0] and "bdev 'hangs' (module 'late')" in lines[0]
    assert "a host is already running in this process" in lines[1]
    assert lines[2:] == ["exit"]


@pytest.mark.parametrize("call", [
    "list(host.bdevs)", "host.bdevs['disk'].stats", "desc.read(0, 4096)", "desc.read_many([0] * 64, 4096)",
    "host.create('null', 'other', size=512); host.remove('other')", "host.open('disk').close()", "log.take()",
    "asyncio.run(desc.aread(0, 4096))"])
def test_a_process_may_end_while_a_daemon_thread_is_in_a_call(call):
    """The thread can have the GIL no more, and its stack has frames that must not be unwound."""
    ended = in_a_process_of_its_own(f"""
import threading
host = bdevkit.Host({{"version": 1, "host": {{"auto_examine": False}}, "bdevs": [{DISK}]}})
desc = host.open("disk", write=True)
begun = threading.Event()
class log:
    take = bdevkit._core.log_take
def loop():
    while True:
        try:
            {call}
        except bdevkit.Error:
            pass
        begun.set()
for _ in range(3):
    threading.Thread(target=loop, daemon=True).start()
begun.wait()
time.sleep(.1)  # the threads are anywhere in their loops
sys.exit(3)
""")
    assert (ended.returncode, ended.stdout) == (3, ""), ended.stderr
    assert "terminate" not in ended.stderr


NEVER = """
import threading
stack = {"version": 1, "host": {"stop_limit": "1s", "auto_examine": False}, "bdevs": [{"name": "hangs", "module": "late"}]}
host = bdevkit.Host(stack, plugin_path=[LATE])
desc = host.open("hangs", write=True)
threading.Thread(target=lambda: desc.write(0, bytes(512)), daemon=True).start()
while host.bdevs["hangs"].stats.driver_specific["begun"] == 0:
    time.sleep(.001)
def stop():
    try:
        host.stop()
    except bdevkit.Error as error:
        print(error.errno)
"""


def test_a_process_may_end_while_a_daemon_thread_waits_for_an_io_that_never_ends():
    ended = in_a_process_of_its_own(NEVER + "stop(); sys.exit(3)")
    assert (ended.returncode, ended.stdout) == (3, f"{errno.ETIMEDOUT}\n"), ended.stderr


def test_a_change_that_never_ends_does_not_keep_the_process():
    """Not the loop's end either: the host's stop has its limit, and a change none."""
    ended = in_a_process_of_its_own(NEVER + """
async def run():
    try:
        await asyncio.wait_for(host.aremove("hangs"), timeout=.5)
    except asyncio.TimeoutError:
        print("waited")
asyncio.run(run())
stop()
sys.exit(3)
""")
    assert (ended.returncode, ended.stdout) == (3, f"waited\n{errno.ETIMEDOUT}\n"), ended.stderr
