# SPDX-License-Identifier: BSD-3-Clause
"""Runs in the virtual machine of tests/vm/nvme_model.py."""

import os
import subprocess

from tests.vm.guest import nvme_target, pci
from tests.vm.guest.tools import BUILD, MIB

KERNEL, OWN, SMALL = "0000:00:14.0", "0000:00:15.0", "0000:00:16.0"
NQN = "nqn.2024-01.io.bdevkit:model"
SECONDS = int(os.environ["VM_SECONDS"])


def model(base, seconds):
    """Random operations on random stacks on `base`, each of which is checked; a new stack again and again."""
    environment = os.environ | {"BDEVKIT_MODEL_BASE": base, "BDEVKIT_MODEL_SECONDS": str(seconds),
                                "BDEVKIT_MODEL_STACK_OPERATIONS": "3000"}
    result = subprocess.run([BUILD / "tests" / "model_test"], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    told = [line for line in result.stdout.splitlines() if "MODEL_SEED" in line or "operations on" in line]
    print(f"\n{base}: {', '.join(told)}, in {seconds} s")


def test_the_kernel_s_driver():
    name = pci.kernel_name(KERNEL, 3)
    model(f"nvme n1,n2,n3 address=/dev/{name}", SECONDS)


def test_the_module_s_own_driver():
    for address, suffixes, seconds in (OWN, "n1,n2,n3", 2 * SECONDS // 3), (SMALL, "n1", SECONDS - 2 * SECONDS // 3):
        pci.bind(address, "vfio-pci")
        model(f"nvme {suffixes} address={address}", seconds)


def test_tcp(tmp_path):
    subsystem = nvme_target.Subsystem(NQN, nvme_target.loop_device(tmp_path / "first", 8 * MIB),
                                      nvme_target.loop_device(tmp_path / "second", 8 * MIB, 4096))
    nvme_target.Port(1, 4420).link(subsystem)
    model(f"nvme n1,n2 address=127.0.0.1 subsystem={NQN}", SECONDS)
