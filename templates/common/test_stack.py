# SPDX-License-Identifier: {{cookiecutter.license}}
"""Tests of the module in a running stack, with real clients."""

import os
import shutil
import subprocess

import pytest
from conftest import STACK


def test_the_stack_is_valid(bdevkit):
    assert "valid" in bdevkit("validate", STACK)


def test_the_module_tells_about_itself(bdevkit):
    assert "{{cookiecutter.name}}" in bdevkit("plugins", "{{cookiecutter.name}}")


@pytest.mark.parametrize("io_size, count", [("512", "500"), ("4KiB", "500"), ("1MiB", "20")])
def test_what_is_written_is_read(bdevkit, io_size, count):
    bdevkit("perf", STACK, "--bdev", "top", "--rw", "verify", "--io-size", io_size, "--count", count, "--no-calibration")


@pytest.mark.skipif(shutil.which("nbdcopy") is None, reason="needs nbdcopy: apt-get install libnbd-bin")
def test_an_image_copied_in_comes_out_again(served, tmp_path):
    image, copy = tmp_path / "image", tmp_path / "copy"
    image.write_bytes(os.urandom(1 << 20) * 16)
    for source, target in [(image, served), (served, copy)]:
        subprocess.run(["nbdcopy", source, target], check=True, timeout=60)
    comes_out = copy.read_bytes().startswith(image.read_bytes())
    assert comes_out
