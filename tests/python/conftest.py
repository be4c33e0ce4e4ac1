# SPDX-License-Identifier: BSD-3-Clause
"""The package under test is that of the build tree: scripts/test puts it into PYTHONPATH."""

import os
import pathlib

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BDEVKIT_BUILD", SOURCE / "build" / "release")).resolve()

pytest_plugins = ["bdevkit.pytest", "pytester"]
