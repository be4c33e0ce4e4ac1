# SPDX-License-Identifier: BSD-3-Clause
"""Stacks run in the guest as in the integration tests. `python3 -m pytest` is called in the source folder."""

from tests.integration.conftest import run_stack  # noqa: F401
