# SPDX-License-Identifier: BSD-3-Clause
"""Commands to a running qemu (QMP)."""

import json
import socket
import time

PATIENCE = 30


class Qmp:
    """A connection to the monitor at `path`, made when it is first needed."""

    def __init__(self, path):
        self.path = path
        self.lines = None

    def run(self, command):
        """Runs one, a JSON text. Returns what qemu says: an object with "return" or "error".

        What fails is tried again for a while: a device that is gone for the guest may not be gone for qemu yet.
        """
        if self.lines is None:
            self._connect()
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._run(command)
            if "error" not in answer or time.monotonic() > deadline:
                return answer
            time.sleep(0.1)

    def close(self):
        if self.lines is not None:
            self.lines.close()
            self.socket.close()

    def _connect(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(self.path))
        self.lines = self.socket.makefile("rw")
        self.lines.readline()  # the greeting
        self._run('{ "execute": "qmp_capabilities" }')

    def _run(self, command):
        self.lines.write(command + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                return answer
