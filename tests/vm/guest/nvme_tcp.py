# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machine of tests/vm/nvme_tcp.py."""

import hashlib
import os
import signal
import subprocess
import time

import bdevkit
import nbd
import pytest
from tests.vm.guest import methods, nvme_target, pci
from tests.vm.guest.tools import MIB, PROGRAM, client, kernel_reads, perf, perf_command

NQN = "nqn.2024-01.io.bdevkit:disks"
SIZE = 8 * MIB


class Target:
    def __init__(self, folder):
        self.devices = [nvme_target.loop_device(folder / "first", SIZE),
                        nvme_target.loop_device(folder / "second", SIZE, 4096)]
        self.subsystem = nvme_target.Subsystem(NQN, *self.devices)
        self.port = nvme_target.Port(1, 4420)
        self.port.link(self.subsystem)

    def stop(self):
        self.port.unlink(self.subsystem)

    def start(self):
        self.port.link(self.subsystem)

    def read(self, number, offset, length):
        """The data that the kernel reads from the device of a namespace."""
        return kernel_reads(self.devices[number - 1], offset, length)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return Target(tmp_path_factory.mktemp("target"))


def stack_of(more="", exports=("Nvme0n1", "Nvme0n2"), service=4420, subsystem=NQN, layers=""):
    return f"""
version: 1
bdevs:
  - {{ name: Nvme0, module: nvme, address: 127.0.0.1, service: "{service}", subsystem: "{subsystem}"{more} }}
{layers}
frontends:
  - nbd: {{ listen: "unix:nbd.sock", exports: [ {', '.join(f'{{ bdev: {name} }}' for name in exports)} ] }}
"""


def refusal(folder, stack):
    ended = perf(folder, stack, "Nvme0n1", "--rw", "read", "--count", "1")
    assert ended.returncode != 0
    return ended.stderr


def test_sizes_are_those_of_the_targets_devices(target, run_stack):
    stack = run_stack(stack_of())
    for number, block_size in (1, 512), (2, 4096):
        handle = client(stack, f"Nvme0n{number}")
        assert handle.get_size() == SIZE
        assert handle.get_block_size(nbd.SIZE_MINIMUM) in (1, block_size)


def test_the_target_reads_what_was_written(target, run_stack, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(os.urandom(2 * MIB))
    stack = run_stack(stack_of())
    for number in 1, 2:
        subprocess.run(["nbdcopy", "--connections=4", "--flush", image, stack.uri(f"Nvme0n{number}")], check=True)
        back = subprocess.run(["nbdcopy", stack.uri(f"Nvme0n{number}"), "-"], check=True, capture_output=True).stdout
        assert back[: 2 * MIB] == image.read_bytes()
    assert stack.stop() == 0
    for number in 1, 2:
        found = target.read(number, 0, 2 * MIB)
        assert hashlib.sha256(found).digest() == hashlib.sha256(image.read_bytes()).digest()


def test_the_target_sees_what_was_unmapped_and_zeroed(target, run_stack):
    handle = client(run_stack(stack_of()))
    handle.pwrite(b"x" * MIB, 4 * MIB)
    handle.trim(64 * 1024, 4 * MIB)
    handle.zero(64 * 1024, 4 * MIB + 128 * 1024)
    handle.flush()
    found = target.read(1, 4 * MIB, MIB)
    assert found[: 64 * 1024] == bytes(64 * 1024)
    assert found[64 * 1024 : 128 * 1024] == b"x" * (64 * 1024)
    assert found[128 * 1024 : 192 * 1024] == bytes(64 * 1024)
    assert found[192 * 1024 :] == b"x" * (MIB - 192 * 1024)


@pytest.mark.parametrize("digests", ["", ", header_digest: true, data_digest: true"])
@pytest.mark.parametrize("size, count", [("512", "1000"), ("4KiB", "1000"), ("1MiB", "50")])
def test_what_is_read_is_what_was_written(target, tmp_path, digests, size, count):
    ended = perf(tmp_path, stack_of(digests), "Nvme0n1", "--rw", "verify", "--io-size", size, "--depth", "8", "--count", count)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 errors" in ended.stdout


def test_a_media_error_keeps_its_nvme_status(target, run_stack, tmp_path):
    failing = nvme_target.Subsystem(NQN + ":failing", f"/dev/{pci.kernel_name_of('tcp-failing')}n1")
    target.port.link(failing)
    stack = stack_of(subsystem=failing.nqn, exports=["Nvme0n1"])
    at = ["--io-size", "4KiB", "--rw", "read", "--depth", "1", "--count", "1"]
    ended = perf(tmp_path, stack, "Nvme0n1", "--offset", "1MiB", *at)
    assert ended.returncode == 1
    # Which nvmet makes of a medium error.
    assert "read at block 2048: NVMe error (sct 2, sc 0x86)" in ended.stderr, ended.stderr
    handle = client(run_stack(stack))
    with pytest.raises(nbd.Error, match="Input/output error"):
        handle.pread(4096, MIB)
    assert handle.pread(4096, 2 * MIB) == bytes(4096)


def test_it_keeps_the_rules_for_modules(target):
    """Those that deal with I/O: the others have nothing to do with a target."""
    rules = [word for rule in ("data.*", "control.reset", "remove.load") for word in ("--rule", rule)]
    options = [word for option in ("address=127.0.0.1", f"subsystem={NQN}") for word in ("--option", option)]
    result = subprocess.run([PROGRAM, "check", "nvme", "--jobs", "1", "--timeout", "100s", *rules, *options],
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_namespace_that_grows_is_followed(target, run_stack, tmp_path):
    file = tmp_path / "ninth"
    device = nvme_target.loop_device(file, MIB)
    target.subsystem.add(9, device)
    try:
        stack = run_stack(stack_of(exports=["Nvme0n9"]))
        assert client(stack, "Nvme0n9").get_size() == MIB
        os.truncate(file, 2 * MIB)
        subprocess.run(["losetup", "--set-capacity", device], check=True)
        target.subsystem.write("namespaces/9/revalidate_size", 1)
        deadline = time.monotonic() + 30
        while client(stack, "Nvme0n9").get_size() == MIB and time.monotonic() < deadline:
            time.sleep(0.1)
        handle = client(stack, "Nvme0n9")
        assert handle.get_size() == 2 * MIB
        handle.pwrite(b"z" * 4096, 2 * MIB - 4096)
    finally:
        target.subsystem.remove(9)


def test_methods(target):
    options = {"address": "127.0.0.1", "subsystem": NQN}
    with bdevkit.Host({"version": 1, "host": {"memory": "128MiB"},
                       "bdevs": [{"name": "Nvme0", "module": "nvme", **options}]}) as host:
        methods.try_list(host, "tcp", "127.0.0.1", serial=None)
        methods.try_reset_under_load(host)
        methods.try_detach(host, **options)
        found = host.call("nvme", "health", name="Nvme0")
        methods.try_removal_of_each(host)
    subprocess.run(["nvme", "connect", "--transport=tcp", "--traddr=127.0.0.1", "--trsvcid=4420", f"--nqn={NQN}"], check=True)
    try:
        methods.compare_health(found, methods.told_health(nvme_target.initiators_device(NQN)), exactly=False)
    finally:
        subprocess.run(["nvme", "disconnect", f"--nqn={NQN}"], check=True)


def test_layers_on_top(target, run_stack):
    stack = run_stack(stack_of(exports=("top", "view"), layers="""
  - { name: top, module: passthru, base: Nvme0n1 }
  - { name: view, module: readonly, base: Nvme0n2 }
"""))
    top, view = client(stack, "top"), client(stack, "view")
    top.pwrite(b"y" * 4096, 0)
    assert top.pread(4096, 0) == b"y" * 4096
    assert view.is_read_only()
    assert len(view.pread(4096, 0)) == 4096


def wait_for_connections(service, at_least=0, at_most=100):
    deadline = time.monotonic() + 60
    while not at_least <= nvme_target.connections(service) <= at_most:
        assert time.monotonic() < deadline, f"{nvme_target.connections(service)} connections to {service}"
        time.sleep(0.05)


def start_load(folder, more):
    """Runs until it is ended, with a connection for I/O and one for admin commands."""
    return subprocess.Popen(perf_command(folder, stack_of(more), "Nvme0n1", "--rw", "verify", "--io-size", "16KiB", "--depth", "16",
                                         "--time", "300s"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end_load(process):
    """Its log. Nothing was lost."""
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, output + errors
    assert "0 errors" in output
    return errors


def test_a_target_that_goes_and_comes_again_loses_nothing(target, tmp_path):
    process = start_load(tmp_path, ", reconnect_delay: 200ms")
    for _ in range(3):
        wait_for_connections(4420, at_least=2)
        time.sleep(1)  # of load; nothing is judged by it
        target.stop()
        wait_for_connections(4420, at_most=0)
        target.start()
    wait_for_connections(4420, at_least=2)
    assert end_load(process).count("connected again, to 127.0.0.1:4420") == 3


def test_another_port_takes_over_under_load(target, tmp_path):
    other = nvme_target.Port(2, 4421)
    other.link(target.subsystem)
    process = start_load(tmp_path, ", paths: [ '127.0.0.1:4421' ]")
    for service in 4420, 4421:
        wait_for_connections(service, at_least=2)
    target.stop()
    wait_for_connections(4420, at_most=0)
    time.sleep(1)  # of load; nothing is judged by it
    target.start()
    wait_for_connections(4420, at_least=2)
    other.unlink(target.subsystem)
    wait_for_connections(4421, at_most=0)
    time.sleep(1)  # of load; nothing is judged by it
    assert "connected again, to 127.0.0.1:4420" in end_load(process)


def test_a_controller_that_stays_away_is_given_up(target, run_stack):
    stack = run_stack(stack_of(", loss_timeout: 1s, reconnect_delay: 200ms"))
    handle = client(stack)
    assert len(handle.pread(4096, 0)) == 4096
    target.stop()
    try:
        with pytest.raises(nbd.Error):
            handle.pread(4096, 0)
        assert stack.stop() == 0
        assert f"127.0.0.1:4420, {NQN}: given up" in stack.log
    finally:
        target.start()


def test_who_asks_for_what_is_not_there_is_told_what_is(target, tmp_path):
    assert f"set `subsystem` to one that it has: '{NQN}'" in refusal(tmp_path, stack_of(subsystem=""))
    text = refusal(tmp_path, stack_of(subsystem="nqn.2024-01.io.bdevkit:nothing"))
    assert "127.0.0.1:4420 has no subsystem 'nqn.2024-01.io.bdevkit:nothing'" in text
    assert f"set `subsystem` to one that it has: '{NQN}'" in text
    assert "cannot connect to 127.0.0.1:4421: Connection refused" in refusal(tmp_path, stack_of(service=4421))
    assert "expected an NQN" in refusal(tmp_path, stack_of(subsystem="disks"))


def test_a_host_that_is_not_allowed_is_told_so(target, tmp_path):
    target.subsystem.write("attr_allow_any_host", 0)
    try:
        text = refusal(tmp_path, stack_of(", host_nqn: 'nqn.2024-01.io.bdevkit:me'"))
        assert "does not let the host 'nqn.2024-01.io.bdevkit:me' use" in text or "has no subsystem" in text, text
    finally:
        target.subsystem.write("attr_allow_any_host", 1)
