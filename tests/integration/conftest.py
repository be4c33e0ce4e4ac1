# SPDX-License-Identifier: BSD-3-Clause
"""Shared by the integration tests: the build under test, and stacks that run in the real program."""

import os
import pathlib
import select
import signal
import subprocess
import time

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BDEVKIT_BUILD", SOURCE / "build" / "release")).resolve()

# How long anything may take before it counts as stuck; sanitizers on a busy machine are slow.
PATIENCE = 60


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: the test changes the machine, so that no other test may run at that time")


def wait_until(condition, problem=lambda: "it never came"):
    """`problem()` says what is missing when the patience has ended."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, problem()
        time.sleep(0.01)


class RunningStack:
    """A `bdevkit run` of one stack. Ready when made; stop() ends it with SIGTERM."""

    def __init__(self, stack, folder, *arguments, program=BUILD / "bin" / "bdevkit"):
        self.file = folder / "stack.yaml"
        self.file.write_text(stack, errors="surrogateescape")
        self.log_file = folder / "stderr.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [program, "run", self.file, *arguments], stdout=subprocess.PIPE, stderr=log, cwd=folder)
        self.output = ""
        self.ready_line = self._wait_for_line("ready:")
        self.uris = [word for word in self.ready_line.split() if word.startswith("nbd")]

    def _wait_for_line(self, beginning):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            # A long line may come in pieces: the last one is not a line yet.
            for line in self.output.split("\n")[:-1]:
                if line.startswith(beginning):
                    return line
            if select.select([self.process.stdout], [], [], 1)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    break
                self.output += data.decode()
        self.process.kill()
        self.process.wait()
        pytest.fail(f"no line {beginning!r}; it printed:\n{self.output}{self.log}")

    @property
    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_for_log(self, text):
        """Waits until the running program has written that: a thread of its own writes the log."""
        wait_until(lambda: text in self.log, lambda: f"{text!r} is not in the log:\n{self.log}")

    def uri(self, export):
        """The address of one export."""
        for uri in self.uris:
            if uri.partition("?")[0].endswith("/" + export):
                return uri
        raise KeyError(f"no export {export!r} in {self.ready_line!r}")

    def stop(self, by=signal.SIGTERM):
        """Stops the program and returns its exit code; its output is in `output` and `log`."""
        if self.process.poll() is None:
            self.process.send_signal(by)
        try:
            rest, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"bdevkit is stuck after {by.name}:\n{self.log}")
        self.output += rest.decode()
        return self.process.returncode


@pytest.fixture
def run_stack(tmp_path):
    """Starts stacks; those that a test leaves running are stopped after it and must end cleanly.

    `prepare(folder)` puts files into the stack's folder, which is also its working folder.
    """
    running = []

    def start(stack, *arguments, prepare=None, **options):
        folder = tmp_path / f"stack{len(running)}"
        folder.mkdir()
        if prepare is not None:
            prepare(folder)
        running.append(RunningStack(stack, folder, *arguments, **options))
        return running[-1]

    yield start
    for stack in running:
        if stack.process.poll() is None:
            assert stack.stop() == 0, stack.log
