# SPDX-License-Identifier: {{cookiecutter.license}}
"""Fixtures for the tests of the running module. ctest sets the paths of the program and the plugin."""

import importlib.util
import os
import pathlib
import select
import subprocess

import pytest

STACK = pathlib.Path(__file__).resolve().parents[1] / "stack.yaml"
PROGRAM = os.environ.get("BDEVKIT", "bdevkit")
PLUGINS = os.environ.get("PLUGIN_FOLDER", str(STACK.parent / "build" / "release"))
PATIENCE = 60

# bdevkit.pytest runs the module in this process, which would have to load a sanitizer's library first.
IN_PYTHON = importlib.util.find_spec("bdevkit") is not None and "SANITIZER_RUNTIME" not in os.environ
pytest_plugins = ["bdevkit.pytest"] if IN_PYTHON else []
collect_ignore = [] if IN_PYTHON else ["test_module.py"]


@pytest.fixture(scope="session")
def plugin_path():
    """The folder in which bdevkit.pytest looks for the module."""
    return [PLUGINS]


def environment():
    """The environment for a plugin that is built with a sanitizer, in a program without it."""
    preload = os.environ.get("SANITIZER_RUNTIME")
    return os.environ | {"BDEVKIT_PLUGIN_PATH": PLUGINS} | ({"LD_PRELOAD": preload} if preload else {})


@pytest.fixture
def bdevkit():
    """Runs a command of bdevkit, which must succeed; returns what it printed."""

    def run(*arguments):
        result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False,
                                env=environment())
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    return run


@pytest.fixture
def served(tmp_path):
    """The running stack: the address of its NBD export."""
    socket = tmp_path / "nbd.sock"
    with subprocess.Popen([PROGRAM, "run", STACK, "--listen", f"unix:{socket}"], stdout=subprocess.PIPE, text=True,
                          env=environment()) as host:
        try:
            assert select.select([host.stdout], [], [], PATIENCE)[0], "the stack did not get ready"
            assert host.stdout.readline().startswith("ready:")
            yield f"nbd+unix:///top?socket={socket}"
        finally:
            host.terminate()
            end = host.wait(PATIENCE)
    assert end == 0
