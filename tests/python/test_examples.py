# SPDX-License-Identifier: BSD-3-Clause
"""The examples do what they claim, and the prompt opens."""

import os
import subprocess
import sys

import pytest
from conftest import SOURCE

EXAMPLES = SOURCE / "examples" / "python"


def run(*command, folder, **options):
    return subprocess.run([sys.executable, *map(str, command)], cwd=folder, capture_output=True, text=True, timeout=120,
                          check=False, **options)


def test_the_integrity_check(tmp_path):
    ended = run(EXAMPLES / "integrity_check.py", folder=tmp_path)
    assert (ended.returncode, ended.stdout.strip()) == (0, "top: 64 MiB checked, 0 I/Os differ"), ended.stderr


def test_the_integrity_check_finds_what_is_wrong(tmp_path):
    (tmp_path / "stack.yaml").write_text("""
version: 1
bdevs:
  - name: bad
    module: error
    action: corrupt
    offset: 1MiB
    length: 512
    base: { name: disk, module: malloc, size: 2MiB }
    io_types: [read]
""")
    ended = run(EXAMPLES / "integrity_check.py", "stack.yaml", "bad", folder=tmp_path)
    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.strip() == f"bad: 2 MiB checked, 1 I/Os differ [{1 << 20}]"


def test_the_fault_campaign(tmp_path):
    ended = run(EXAMPLES / "fault_campaign.py", folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert len(ended.stdout.splitlines()) == 20
    assert "no space       write    ENOSPC" in ended.stdout


def test_the_histogram_is_drawn(tmp_path):
    ended = run(EXAMPLES / "latency_histogram.py", "out.png", folder=tmp_path,
                env={**os.environ, "MPLCONFIGDIR": str(tmp_path)})
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_the_prototype_and_its_tests(tmp_path):
    ended = run("-m", "pytest", "-p", "no:cacheprovider", "-p", "bdevkit.pytest", EXAMPLES / "test_compress.py",
                folder=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "6 passed" in ended.stdout


def test_the_prompt_has_the_host(tmp_path):
    (tmp_path / "stack.yaml").write_text("version: 1\nbdevs: [{ name: disk, module: malloc, size: 1MiB }]\n")
    ended = run("-m", "bdevkit", "stack.yaml", folder=tmp_path, input="print(host.bdevs['disk'].size)\n")
    assert ended.returncode == 0, ended.stderr
    assert "1048576" in ended.stdout
    assert "disk  malloc  1 MiB, blocks of 512" in ended.stderr


@pytest.mark.parametrize("text, code", [("version: 2\n", 2), (None, 1)])
def test_the_prompt_says_what_is_wrong(tmp_path, text, code):
    if text is not None:
        (tmp_path / "stack.yaml").write_text(text)
    ended = run("-m", "bdevkit", "stack.yaml", folder=tmp_path, input="")
    assert ended.returncode == code
    assert "stack.yaml" in ended.stderr and "Traceback" not in ended.stderr
