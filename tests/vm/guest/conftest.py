# SPDX-License-Identifier: BSD-3-Clause
"""Stacks run in the guest as in the integration tests. `python3 -m pytest` is called in the source folder."""

import pytest
from tests.integration.conftest import run_stack  # noqa: F401
from tests.vm.guest import nvme_target


@pytest.fixture(scope="session", autouse=True)
def own_target():
    """The kernel's target as it is after a boot: several tests may share the machine."""
    nvme_target.clear()
