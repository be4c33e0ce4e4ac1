# SPDX-License-Identifier: BSD-3-Clause
"""The package under test is that of the build tree: scripts/test puts it into PYTHONPATH."""

import os
import pathlib
import subprocess
import sys
import threading

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BDEVKIT_BUILD", SOURCE / "build" / "release")).resolve()

pytest_plugins = ["bdevkit.pytest", "pytester"]


def pytest_configure(config):
    config.addinivalue_line("markers", "main_thread: the test gets signals, which Python hands to the main thread alone")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs a test that needs the main thread in a process of its own: a worker of pytest-xdist may be in another thread."""
    if not pyfuncitem.get_closest_marker("main_thread") or threading.current_thread() is threading.main_thread():
        return None
    ended = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", pyfuncitem.nodeid],
                           cwd=pyfuncitem.config.rootpath, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return True
