# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the methods of the module nvme, for each transport, on a host whose one controller is Nvme0."""

import json
import subprocess
import threading

import bdevkit
import pytest
from tests.vm.guest import pci

# Fields of the controller's state; the others are counts, which I/O changes.
STATE = {"avail_spare": "available_spare_percent", "spare_thresh": "available_spare_threshold_percent",
         "percent_used": "used_percent", "temperature": "temperature_kelvin",
         "warning_temp_time": "warning_temperature_minutes", "critical_comp_time": "critical_temperature_minutes"}
COUNTS = {"data_units_read": "data_units_read", "data_units_written": "data_units_written",
          "host_read_commands": "host_read_commands", "host_write_commands": "host_write_commands",
          "controller_busy_time": "controller_busy_minutes", "power_cycles": "power_cycles", "power_on_hours": "power_on_hours",
          "unsafe_shutdowns": "unsafe_shutdowns", "media_errors": "media_errors", "num_err_log_entries": "error_log_entries"}


def told_health(device):
    """The values that the kernel's driver and nvme-cli report."""
    return json.loads(subprocess.run(["nvme", "smart-log", device, "--output-format=json"], check=True,
                                     capture_output=True).stdout)


def compare_health(found, told, exactly):
    """`told` was asked for later; `exactly`: without I/O between the two."""
    assert {ours: found[ours] for ours in STATE.values()} == {ours: told[theirs] for theirs, ours in STATE.items()}
    for theirs, ours in COUNTS.items():
        count = int(told[theirs])
        assert found[ours] == count if exactly else found[ours] <= count, ours
    assert found["temperature_celsius"] == told["temperature"] - 273
    assert found["bytes_read"] == 512_000 * found["data_units_read"]
    assert len(found["critical_warnings"]) == told["critical_warning"].bit_count()


def one_listed(host):
    [controller] = host.call("nvme", "list")["controllers"]
    return controller


def try_list(host, transport, address, serial):
    listed = one_listed(host)
    assert {key: listed[key] for key in ("name", "transport", "address", "state")} == {
        "name": "Nvme0", "transport": transport, "address": address, "state": "live"}
    assert serial is None or listed["serial_number"] == serial
    assert [ns["bdev"] for ns in listed["namespaces"]] == sorted(host.bdevs)
    for ns in listed["namespaces"]:
        info = host.bdevs[ns["bdev"]].info
        assert ns["bdev"] == f"Nvme0n{ns['id']}"
        assert (ns["num_blocks"], ns["block_size"]) == (info["num_blocks"], info["block_size"])
        assert ns["metadata_size"] == info.get("md_size", 0)
    with pytest.raises(bdevkit.Error, match="there is no controller 'Nvme7': expected 'Nvme0'"):
        host.call("nvme", "health", name="Nvme7")


def try_reset_under_load(host):
    """I/O waits meanwhile, and nothing of it is lost."""
    failures, ended = [], threading.Event()

    def load(desc):
        fill = 0
        try:
            while not ended.is_set():
                fill = fill % 255 + 1
                desc.write_many(range(0, 1 << 20, 65536), 65536, bytes([fill]) * (1 << 20), depth=16)
                assert desc.read(0, 1 << 20) == bytes([fill]) * (1 << 20)
        except Exception as error:  # told below, in the test's thread
            failures.append(error)

    with host.open("Nvme0n1", write=True) as desc:
        worker = threading.Thread(target=load, args=[desc])
        worker.start()
        for _ in range(3):
            assert host.call("nvme", "reset", name="Nvme0") == {}
        ended.set()
        worker.join()
    assert not failures


def try_detach(host, **options):
    """The controller is removed with everything that stands on it, and comes back under its name."""
    block = host.bdevs["Nvme0n1"].block_size
    with host.open("Nvme0n1", write=True) as desc:
        desc.write(0, b"d" * block)
    host.create("passthru", "top", base="Nvme0n1")
    with pytest.raises(bdevkit.Error, match="could not be created: File exists"):
        host.create("nvme", "Nvme0", **options)
    desc = host.open("top")
    assert host.call("nvme", "detach", name="Nvme0") == {}
    pci.wait_until(lambda: not list(host.bdevs), "what stood on it is gone, too")
    with pytest.raises((bdevkit.Error, ValueError)):
        desc.read(0, block)
    assert host.call("nvme", "list") == {"controllers": []}
    with pytest.raises(bdevkit.Error, match="there is no controller 'Nvme0', nor any other"):
        host.call("nvme", "detach", name="Nvme0")

    host.create("nvme", "Nvme0", **options)
    with host.open("Nvme0n1") as desc:
        assert desc.read(0, block) == b"d" * block


def try_removal_of_each(host):
    """A controller is removed with its last bdev."""
    for name in sorted(host.bdevs):
        assert one_listed(host)["name"] == "Nvme0"
        host.remove(name)
    assert host.call("nvme", "list") == {"controllers": []}
