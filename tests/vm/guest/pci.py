# SPDX-License-Identifier: BSD-3-Clause
"""The PCI devices of the guest, and their drivers."""

import pathlib
import time

DEVICES = pathlib.Path("/sys/bus/pci/devices")
PATIENCE = 60


def wait_until(condition, what):
    """Calls the condition until it holds, and returns its result."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not after {PATIENCE} s")


def driver_of(address):
    link = DEVICES / address / "driver"
    return link.resolve().name if link.exists() else None


def bind(address, driver):
    """Gives the device to `driver`, whoever has it now."""
    if driver_of(address) == driver:
        return
    (DEVICES / address / "driver_override").write_text(driver)
    if driver_of(address):
        (DEVICES / address / "driver" / "unbind").write_text(address)
    pathlib.Path("/sys/bus/pci/drivers_probe").write_text(address)
    wait_until(lambda: driver_of(address) == driver, f"{address} bound to {driver}")


def kernel_name(address, namespaces=1):
    """The kernel's name of the NVMe controller there, such as nvme0, once it has so many namespaces."""
    def found():
        for folder in (DEVICES / address / "nvme").glob("nvme*"):
            if len(list(folder.glob(f"{folder.name}*n*"))) >= namespaces:
                return folder.name
        return None
    return wait_until(found, f"the kernel knows {address}")


def kernel_name_of(serial, namespaces=1):
    """The kernel's name of the controller with that serial number, at whatever address."""
    def found():
        for folder in pathlib.Path("/sys/class/nvme").glob("nvme*"):
            if ((folder / "serial").read_text().strip() == serial
                    and len(list(folder.glob(f"{folder.name}*n*"))) >= namespaces):
                return folder.name
        return None
    return wait_until(found, f"the kernel knows the controller {serial}")


def behind(port):
    """The addresses of the devices behind a port."""
    return [entry.name for entry in (DEVICES / port).glob("0000:*") if (entry / "vendor").exists()]


def qmp(command):
    """Has the machine outside pass a command to qemu, without an answer."""
    with open("/dev/ttyS1", "w", encoding="ascii") as line:
        line.write(f"\nvm: qmp {command}\n")
