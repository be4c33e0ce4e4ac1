# SPDX-License-Identifier: BSD-3-Clause
"""Starting hosts, and changing a running host."""

import json
import os
import signal
import subprocess
import sys
import threading

import bdevkit
import pytest

DISK = {"name": "disk", "module": "malloc", "size": "1MiB"}


def stack_of(*bdevs):
    return {"version": 1, "host": {"memory": "128MiB"}, "bdevs": list(bdevs)}


def test_a_dict_a_text_and_a_file_are_the_same_stack(tmp_path):
    (tmp_path / "stack.yaml").write_text(json.dumps(stack_of(DISK)))
    for stack in (stack_of(DISK), json.dumps(stack_of(DISK), indent=1), tmp_path / "stack.yaml",
                  str(tmp_path / "stack.yaml")):
        with bdevkit.Host(stack, check=True) as host:
            assert list(host.bdevs) == ["disk"]


def test_a_wrong_stack_says_where_and_what():
    with pytest.raises(bdevkit.StackError) as raised:
        bdevkit.Host("version: 1\nbdevs:\n  - { name: disk, module: malloc, sise: 1MiB }\n")
    assert "<stack>:3:" in raised.value.problems[0]
    assert "did you mean 'size'" in str(raised.value)


def test_a_stack_that_cannot_be_built_leaves_nothing_behind():
    with pytest.raises(bdevkit.Error, match="could not be created"):
        bdevkit.Host(stack_of({**DISK, "block_size": 4096, "size": 4097}))
    with bdevkit.Host(stack_of(DISK), check=True):
        pass


def test_one_host_at_a_time():
    with bdevkit.Host(stack_of(DISK)):
        with pytest.raises(bdevkit.Error, match="a host is already running in this process"):
            bdevkit.Host(stack_of(DISK))


def test_a_missing_file_is_an_os_error():
    with pytest.raises(FileNotFoundError):
        bdevkit.Host("/nonexistent/stack.yaml")


@pytest.fixture
def disk_host():
    with bdevkit.Host(stack_of(DISK), check=True) as host:
        yield host


def test_a_bdev_tells_of_itself(disk_host):
    disk = disk_host.bdevs["disk"]
    assert (disk.module, disk.block_size, disk.num_blocks, disk.size) == ("malloc", 512, 2048, 1 << 20)
    assert "read" in disk.info["supported_io_types"]
    assert repr(disk) == "<bdevkit.Bdev 'disk' of malloc: 2048 blocks of 512>"
    assert "disk" in disk_host.bdevs
    assert "dusk" not in disk_host.bdevs


def test_bdevs_are_created_on_others_and_drawn(disk_host):
    top = disk_host.create("passthru", "top", base=disk_host.bdevs["disk"])
    assert [base.name for base in top.bases] == ["disk"]
    assert disk_host.draw().splitlines() == ["top  passthru  1 MiB, blocks of 512",
                                             "└─ disk  malloc  1 MiB, blocks of 512"]
    disk_host.remove(top)
    assert list(disk_host.bdevs) == ["disk"]


def test_a_base_may_be_written_in_place(disk_host):
    disk_host.create("readonly", "top", base={"name": "low", "module": "null", "size": "1MiB"})
    assert [base.name for base in disk_host.bdevs["top"].bases] == ["low"]


def test_options_are_checked_with_the_module_s_table(disk_host):
    with pytest.raises(bdevkit.StackError, match="has no option 'sise'; did you mean 'size'"):
        disk_host.create("malloc", "second", sise=4096)
    with pytest.raises(bdevkit.StackError, match="needs 'size'"):
        disk_host.create("malloc", "second")
    with pytest.raises(bdevkit.StackError, match="no module 'mallok' was found"):
        disk_host.create("mallok", "second", size=4096)
    with pytest.raises(bdevkit.Error, match="no bdev 'dusk'"):
        disk_host.create("passthru", "top", base="dusk")
    with pytest.raises(bdevkit.Error, match="could not be created: File exists") as raised:
        disk_host.create("malloc", "disk", size=4096)
    assert isinstance(raised.value, OSError)


def test_removing_and_opening_what_is_not_there(disk_host):
    for attempt in (disk_host.remove, disk_host.open):
        with pytest.raises(bdevkit.Error) as raised:
            attempt("dusk")
        assert raised.value.errno == 19
        assert raised.value.bdev == "dusk"


def test_a_null_bdev_grows(disk_host):
    null = disk_host.create("null", "nothing", size="1MiB")
    disk_host.resize(null, 2 << 20)
    assert null.size == 2 << 20
    with pytest.raises(bdevkit.Error, match="its module has no resize"):
        disk_host.resize("disk", 2 << 20)


def test_options_change_in_use_and_the_rest_stays(disk_host):
    disk_host.create("error", "top", base="disk", io_types=["read"])
    with disk_host.open("top", write=True) as top:
        disk_host.reconfigure("top", action="fail", status="nvme", nvme_sct=2, nvme_sc=0x81)
        with pytest.raises(bdevkit.Error) as raised:
            top.read(0, 512)
        assert raised.value.nvme == (2, 0x81)
        top.write(0, bytes(512))  # io_types is as it was
        disk_host.reconfigure("top", action="pass")
        top.read(0, 512)
    with pytest.raises(bdevkit.Error, match="could not be reconfigured"):
        disk_host.reconfigure("disk", size="2MiB")


def test_reconfigure_without_changes_keeps_what_a_file_has_grown_to(disk_host, tmp_path):
    disk_host.create("uring", "grown", path=str(tmp_path / "grown.img"), size="64MiB")
    disk_host.resize("grown", 128 << 20)
    with disk_host.open("grown", write=True) as grown:
        grown.write(100 << 20, b"kept" * 1024)
    disk_host.reconfigure("grown")
    assert (tmp_path / "grown.img").stat().st_size == 128 << 20
    os.truncate(tmp_path / "grown.img", 192 << 20)  # grown outside
    disk_host.reconfigure("grown")
    with disk_host.open("grown") as grown:
        assert grown.size == 192 << 20
        assert grown.read(100 << 20, 4096) == b"kept" * 1024


def test_counters_and_histograms(disk_host):
    disk = disk_host.bdevs["disk"]
    disk.reset_stats()  # the module gpt has looked at it
    disk.measure_latency("read")
    with disk.open(write=True) as desc:
        desc.write(0, bytes(1024))
        for _ in range(10):
            desc.read(0, 512)
        stats, latency = disk.stats, disk.latency
    assert (stats.read.ops, stats.read.bytes, stats.write.bytes) == (10, 5120, 1024)
    assert stats.read.max_latency_ns >= stats.read.mean_latency_ns
    assert latency.count == 10 == sum(count for _, _, count in latency.buckets)
    disk.measure_latency(on=False)
    with pytest.raises(bdevkit.Error, match="no histogram is being measured"):
        disk.latency
    assert disk.take_stats(extremes_only=True).read.max_latency_ns == stats.read.max_latency_ns
    assert (disk.stats.read.ops, disk.stats.read.max_latency_ns) == (10, 0)
    assert disk.take_stats().read.ops == 10
    assert disk.stats.read.ops == 0
    disk.reset_stats()


def test_rate_limits(disk_host):
    disk_host.bdevs["disk"].limit(iops=1000)
    assert disk_host.bdevs["disk"].info["qos"]["rw_iops"] == 1000


def test_a_desc_that_was_forgotten_is_found():
    host = bdevkit.Host(stack_of(DISK), check=True)
    forgotten = host.open("disk")
    with pytest.raises(bdevkit.Leak, match="1 descs were not closed: 'disk'"):
        host.stop()
    with pytest.raises(bdevkit.Error, match="the desc is closed"):
        forgotten.read(0, 512)
    host.stop()
    assert repr(host) == "<bdevkit.Host, stopped>"
    with pytest.raises(bdevkit.Error, match="the host has stopped"):
        list(host.bdevs)


def test_the_log_is_captured():
    with bdevkit.capture_log() as log, bdevkit.Host(stack_of(DISK)) as host:
        with pytest.raises(bdevkit.Error):
            host.create("malloc", "disk", size=4096)
    assert "cannot have the name 'disk': already in use" in log


def memory_in_use():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_many_hosts_one_after_another_take_no_more_memory():
    def cycle():
        with bdevkit.Host(stack_of(DISK, {"name": "top", "module": "passthru", "base": "disk"}), check=True) as host:
            with host.open("top", write=True) as top:
                top.write(0, bytes(4096))

    cycles = int(os.environ.get("BDEVKIT_CYCLES", "50"))
    for _ in range(cycles // 5):
        cycle()
    threads, files, memory = threading.active_count(), len(os.listdir("/proc/self/fd")), memory_in_use()
    for _ in range(cycles):
        cycle()
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == files
    # AddressSanitizer keeps freed memory, and looks for leaks itself.
    assert memory_in_use() - memory < 8 << 20 or os.environ.get("BDEVKIT_PRELOAD")


def in_a_process_of_its_own(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False,
                          **options)


START = f"import bdevkit, os, signal, sys, threading, time\nhost = bdevkit.Host({stack_of(DISK)!r})\n"


def test_a_host_that_is_left_running_ends_with_the_process():
    ended = in_a_process_of_its_own(START + "desc = host.open('disk')\ndesc.read(0, 512)")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_ctrl_c_ends_a_wait():
    """The delay is a minute; the signal comes once the read is under way."""
    ended = in_a_process_of_its_own(START + """
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background would ignore it
host.create("delay", "slow", base="disk", avg_read="60s")
slow = host.open("slow")
def interrupt():
    while host.bdevs["slow"].info["open_descs"] == 0 or not waiting: pass
    os.kill(os.getpid(), signal.SIGINT)
waiting = []
threading.Thread(target=interrupt).start()
try:
    waiting.append(1)
    slow.read(0, 512)
except KeyboardInterrupt:
    print("interrupted")
slow.close()
host.stop()
""")
    assert ended.stdout == "interrupted\n", ended.stderr
    assert ended.returncode == 0


def test_a_child_of_a_fork_is_told_what_it_cannot_do():
    ended = in_a_process_of_its_own(START + """
desc = host.open("disk")
pid = os.fork()
if pid == 0:
    for attempt in (lambda: desc.read(0, 512), lambda: host.bdevs["disk"], lambda: bdevkit.Host("x\\n")):
        try:
            attempt()
        except RuntimeError as error:
            print(error, flush=True)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
desc.read(0, 512)
desc.close()
host.stop()
""")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("forked") == 3


@pytest.mark.main_thread
def test_signals_reach_python_while_a_host_runs(disk_host):
    arrived = []
    before = signal.signal(signal.SIGUSR1, lambda *_: arrived.append(1))
    try:
        signal.raise_signal(signal.SIGUSR1)
        with disk_host.open("disk") as desc:
            desc.read(0, 512)
        assert arrived == [1]
    finally:
        signal.signal(signal.SIGUSR1, before)
