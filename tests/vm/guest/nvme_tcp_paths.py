# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machine of tests/vm/nvme_tcp.py: two paths to one subsystem of the kernel's target, each namespace in
an ANA group of its own. The host runs in this process."""

import contextlib
import struct
import subprocess
import threading
import time

import bdevkit
import pytest
from tests.vm.guest import nvme_target
from tests.vm.guest.tools import MIB

NQN = "nqn.2024-01.io.bdevkit:paths"
SIZE = 4 * MIB
LEFT, RIGHT = 4431, 4432
IDENTIFY = 0x06


class Paths:
    def __init__(self, folder):
        devices = [nvme_target.loop_device(folder / name, SIZE) for name in ("first", "second")]
        self.subsystem = nvme_target.Subsystem(NQN, *devices)
        self.ports = [nvme_target.Port(11, LEFT), nvme_target.Port(12, RIGHT)]
        for port in self.ports:
            port.set_access(2, "optimized")
        self.subsystem.set_group(2, 2)
        for port in self.ports:
            port.link(self.subsystem)

    def set_access(self, left, right, group=1):
        for port, state in zip(self.ports, (left, right)):
            port.set_access(group, state)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return Paths(tmp_path_factory.mktemp("paths"))


@pytest.fixture(autouse=True)
def all_optimized(paths):
    for group in 1, 2:
        paths.set_access("optimized", "optimized", group)


@contextlib.contextmanager
def host_of(policy, **options):
    """A host that has seen both paths."""
    nvme = {"name": "Nvme0", "module": "nvme", "address": "127.0.0.1", "service": str(LEFT), "subsystem": NQN,
            "paths": [f"127.0.0.1:{RIGHT}"], "multipath": policy, **options}
    with bdevkit.Host({"version": 1, "host": {"memory": "128MiB"}, "bdevs": [nvme]}) as host:
        wait_for(lambda: all(path["connected"] for path in paths_of(host)))
        yield host


def paths_of(host, namespace=1):
    return host.bdevs[f"Nvme0n{namespace}"].info["driver_specific"]["paths"]


def ios(host, namespace=1):
    return [path["ios"] for path in paths_of(host, namespace)]


def is_at_rest(host):
    before = ios(host)
    time.sleep(0.5)
    return ios(host) == before


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


class Load:
    """Writes and reads back in a thread, until it ends; then nothing has been lost."""

    def __init__(self, desc):
        self.desc, self.rounds, self.ends, self.failure = desc, 0, False, None
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends = True
        self.thread.join()
        assert self.failure is None

    def run(self):
        try:
            while not self.ends:
                data = bytes([self.rounds % 255 + 1]) * MIB
                self.desc.write_many(range(0, MIB, 16384), 16384, data, depth=16)
                assert self.desc.read(0, MIB) == data
                self.rounds += 1
        except Exception as error:  # told in the test's thread
            self.failure = error

    def goes_on(self, host, path):
        """Waits until that path has carried more of it, and a round has ended since."""
        before, rounds = ios(host)[path], self.rounds
        wait_for(lambda: self.failure or (ios(host)[path] > before and self.rounds > rounds + 1))


def test_each_namespace_goes_by_its_best_path(paths):
    paths.set_access("non-optimized", "optimized", group=1)
    paths.set_access("optimized", "inaccessible", group=2)
    with host_of("active_passive") as host:
        assert [path["access"] for path in paths_of(host, 1)] == ["non-optimized", "optimized"]
        assert [path["access"] for path in paths_of(host, 2)] == ["optimized", "inaccessible"]
        with host.open("Nvme0n1", write=True) as first, host.open("Nvme0n2", write=True) as second:
            while ios(host)[1] == 0:  # the better one of the two may take longer to connect
                first.write(0, bytes(4096))
            before = ios(host)
            first.write_many(range(0, MIB, 4096), 4096, b"a" * MIB, depth=8)
            after = ios(host)
            assert after[1] - before[1] >= 256 and after[0] == before[0]
            second.write_many(range(0, MIB, 4096), 4096, b"b" * MIB, depth=8)
            assert ios(host)[0] - after[0] >= 256 and ios(host)[1] == after[1]
            assert first.read(0, MIB) == b"a" * MIB
            assert second.read(0, MIB) == b"b" * MIB


@pytest.mark.parametrize("policy", ["active_passive", "active_active"])
def test_a_state_that_changes_under_load_moves_io(paths, policy):
    with host_of(policy) as host, host.open("Nvme0n1", write=True) as desc, Load(desc) as load:
        for _ in range(2):
            paths.set_access("inaccessible", "optimized")
            load.goes_on(host, path=1)
            paths.set_access("optimized", "inaccessible")
            load.goes_on(host, path=0)
            paths.set_access("change", "non-optimized")
            load.goes_on(host, path=1)
            paths.set_access("optimized", "persistent-loss")
            load.goes_on(host, path=0)
            paths.set_access("optimized", "optimized")


def test_active_active_uses_both_and_survives_the_loss_of_one(paths):
    with host_of("active_active", reconnect_delay="200ms") as host, host.open("Nvme0n1", write=True) as desc, Load(desc) as load:
        load.goes_on(host, path=0)
        load.goes_on(host, path=1)
        for number, port in enumerate(paths.ports):
            port.unlink(paths.subsystem)
            load.goes_on(host, path=1 - number)
            port.link(paths.subsystem)
            load.goes_on(host, path=number)
        assert [path["reconnects"] for path in paths_of(host)] == [1, 1]


def test_io_waits_while_no_path_gives_access(paths):
    with host_of("active_active") as host, host.open("Nvme0n1", write=True) as desc, Load(desc) as load:
        load.goes_on(host, path=0)
        paths.set_access("inaccessible", "change")
        wait_for(lambda: [path["access"] for path in paths_of(host)] == ["inaccessible", "change"])
        wait_for(lambda: is_at_rest(host))
        paths.set_access("inaccessible", "non-optimized")
        load.goes_on(host, path=1)


def test_namespaces_are_known_by_their_uuids(paths):
    with host_of("active_passive") as host:
        for number in 1, 2:
            assert host.bdevs[f"Nvme0n{number}"].info["uuid"] == paths.subsystem.read(f"namespaces/{number}/device_uuid")


def test_identify_data_are_those_that_the_kernels_initiator_gets(paths):
    def nvme(*arguments):
        return subprocess.run(["nvme", *arguments], check=True, capture_output=True).stdout

    def identify(desc, nsid, cns):
        command = struct.pack("<BBHI32xI20x", IDENTIFY, 0, 0, nsid, cns)
        return desc.nvme_admin(command, 4096)[1]

    def without_identifier(data):
        return data[:78] + data[80:]  # each controller has its own

    nvme("connect", "--transport=tcp", "--traddr=127.0.0.1", f"--trsvcid={LEFT}", f"--nqn={NQN}")
    try:
        device = nvme_target.initiators_device(NQN)
        with host_of("active_passive") as host, host.open("Nvme0n1", write=True) as desc:
            assert without_identifier(identify(desc, 0, 1)) == without_identifier(nvme("id-ctrl", device, "--raw-binary"))
            for nsid in 1, 2:
                assert identify(desc, nsid, 0) == nvme("id-ns", device, f"--namespace-id={nsid}", "--raw-binary")
    finally:
        nvme("disconnect", f"--nqn={NQN}")
