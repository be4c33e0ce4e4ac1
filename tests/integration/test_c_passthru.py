# SPDX-License-Identifier: BSD-3-Clause
"""The module in plain C, in a stack that a client reads and writes."""

import subprocess

from conftest import BUILD

# Listed before its base, which it names in a string: the module itself waits for it.
STACK = """
version: 1
plugins: {{ path: [{plugins}] }}
bdevs:
  - {{ name: top, module: c_passthru, base: ram }}
  - {{ name: ram, module: malloc, size: 8MiB, block_size: 4096 }}
frontends:
  - nbd: {{ listen: "unix:{socket}", exports: [ {{ bdev: top }} ] }}
"""


def test_serves_a_client(run_stack, tmp_path):
    image = tmp_path / "image"
    image.write_bytes(bytes(block % 253 for block in range(2048)) * 4096)
    stack = run_stack(STACK.format(plugins=BUILD / "tests" / "plugins", socket=tmp_path / "nbd.sock"))

    subprocess.run(["nbdcopy", "--connections=4", image, stack.uri("top")], check=True, timeout=60)
    copy = tmp_path / "copy"
    subprocess.run(["nbdcopy", "--connections=4", stack.uri("top"), copy], check=True, timeout=60)

    assert copy.read_bytes() == image.read_bytes()
    assert stack.stop() == 0, stack.log
