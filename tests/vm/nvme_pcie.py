# SPDX-License-Identifier: BSD-3-Clause
"""The module nvme on controllers that it drives itself, through vfio-pci. An argument: how many times the disk is taken out
and put back under load (default 3)."""

import nvme_devices

# Where the guest finds them: 0000:00:10.0 and so on.
SLOTS = {"disk": "10", "failing": "11", "small": "12", "zoned": "13"}


def devices(folder):
    # Only with a subsystem can namespaces be detached.
    arguments = ["-device", "nvme-subsys,id=subsystem"] + nvme_devices.controller(
        folder, "disk",
        {"size": 64 << 20},
        {"size": 64 << 20, "logical_block_size": 4096, "physical_block_size": 4096, "ms": 8, "mset": 0, "pi": 1},
        {"size": 64 << 20, "ms": 8, "mset": 1, "pi": 2},
        addr=SLOTS["disk"], subsys="subsystem")
    arguments += nvme_devices.controller(folder, "small", {"size": 64 << 20}, addr=SLOTS["small"], mdts=1)
    arguments += nvme_devices.failing_controller(folder, "failing", size=16 << 20, bad_sector=2048, addr=SLOTS["failing"])
    arguments += nvme_devices.controller(folder, "zoned", nvme_devices.ZONED, addr=SLOTS["zoned"], **{"zoned.zasl": 4})
    image = folder / "hot.img"
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    return arguments + ["-device", "pcie-root-port,id=rp,chassis=1,addr=18",
                        "-blockdev", f"driver=file,node-name=hot,filename={image}",
                        "-device", "nvme,id=hot,serial=hot,drive=hot,bus=rp"]


def command(arguments):
    rounds = arguments[0] if arguments and arguments[0].isdigit() else "3"
    chosen = " ".join(argument for argument in arguments if not argument.isdigit())
    return ("modprobe -d $VM_KERNEL -a nvme vfio-pci && "
            f"VM_ROUNDS={rounds} VM_TRANSPORT=pcie PYTHONPATH=$BDEVKIT_BUILD/python /usr/bin/python3 -m pytest -p no:cacheprovider --color=no "
            f"-v --durations=5 tests/vm/guest/nvme_pcie.py tests/vm/guest/nvme_pcie_control.py "
            f"tests/vm/guest/nvme_zones.py {chosen}")
