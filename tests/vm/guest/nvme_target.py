# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's NVMe target, set up through configfs."""

import contextlib
import pathlib
import subprocess

NVMET = pathlib.Path("/sys/kernel/config/nvmet")


def loop_device(path, size, block_size=512):
    """A block device over a new file of zeroes."""
    with open(path, "wb") as file:
        file.truncate(size)
    return subprocess.run(["losetup", "--find", "--show", f"--sector-size={block_size}", "--direct-io=off", path],
                          check=True, capture_output=True, text=True).stdout.strip()


def clear():
    """Removes the leftovers of other tests of this machine: hosts lose their connections."""
    for link in [*NVMET.glob("ports/*/subsystems/*"), *NVMET.glob("subsystems/*/allowed_hosts/*")]:
        link.unlink()
    for pattern in ("ports/*/ana_groups/*", "ports/*", "subsystems/*/namespaces/*", "subsystems/*", "hosts/*"):
        for folder in NVMET.glob(pattern):
            if folder.parent.name != "ana_groups" or folder.name != "1":  # the first group is the kernel's
                folder.rmdir()


def connections(service):
    """The number of host connections to a port of 127.0.0.1."""
    lines = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(remote == f"0100007F:{service:04X}" and state == "01" for _, _, remote, state, *_ in lines)


def initiators_device(nqn):
    """The controller that the kernel's initiator has connected to a subsystem."""
    folders = [path.parent for path in pathlib.Path("/sys/class/nvme").glob("*/subsysnqn") if path.read_text().strip() == nqn]
    return f"/dev/{folders[0].name}"


class Subsystem:
    """A subsystem of the kernel's with a namespace for each device, from 1 on."""

    def __init__(self, nqn, *devices):
        self.nqn = nqn
        self.folder = NVMET / "subsystems" / nqn
        self.folder.mkdir()
        self.write("attr_allow_any_host", 1)
        for number, device in enumerate(devices, start=1):
            self.add(number, device)

    def add(self, number, device):
        (self.folder / "namespaces" / str(number)).mkdir()
        self.write(f"namespaces/{number}/device_path", device)
        self.write(f"namespaces/{number}/enable", 1)

    def remove(self, number):
        self.write(f"namespaces/{number}/enable", 0)
        (self.folder / "namespaces" / str(number)).rmdir()

    def set_group(self, number, group):
        """Puts a namespace into another ANA group, which the ports have to have."""
        self.write(f"namespaces/{number}/ana_grpid", group)

    def write(self, name, value):
        (self.folder / name).write_text(str(value))

    def read(self, name):
        return (self.folder / name).read_text().strip()


class Port:
    """A port of the kernel's target on 127.0.0.1, with no subsystem yet."""

    def __init__(self, number, service, **attributes):
        self.folder = NVMET / "ports" / str(number)
        self.folder.mkdir()
        self.service = service
        given = {"addr_trtype": "tcp", "addr_adrfam": "ipv4", "addr_traddr": "127.0.0.1", "addr_trsvcid": service}
        for name, value in (given | attributes).items():
            (self.folder / name).write_text(str(value))

    def set_access(self, group, state):
        """The ANA state of a group here."""
        folder = self.folder / "ana_groups" / str(group)
        folder.mkdir(exist_ok=True)
        (folder / "ana_state").write_text(state)

    def link(self, subsystem):
        """Hosts may connect to it from now on."""
        (self.folder / "subsystems" / subsystem.nqn).symlink_to(subsystem.folder)

    def unlink(self, subsystem):
        """Every connection to it ends."""
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "subsystems" / subsystem.nqn).unlink()


class AllowedHost:
    """The only host that may connect to a subsystem, with its keys."""

    def __init__(self, subsystem, nqn):
        self.folder = NVMET / "hosts" / nqn
        self.allowed = subsystem.folder / "allowed_hosts" / nqn
        subsystem.write("attr_allow_any_host", 0)

    def authenticate(self, key, controller_key=None, hash_name="hmac(sha256)", group="null"):
        """The host has to prove that it has `key`. With `controller_key` the target proves that it has that key."""
        if self.folder.exists():  # a key can be set, but not taken away
            self.allowed.unlink()
            self.folder.rmdir()
        self.folder.mkdir()
        given = {"dhchap_hash": hash_name, "dhchap_dhgroup": group, "dhchap_key": key}
        if controller_key is not None:
            given["dhchap_ctrl_key"] = controller_key
        for name, value in given.items():
            (self.folder / name).write_text(value + "\n")
        self.allowed.symlink_to(self.folder)
