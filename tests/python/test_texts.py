# SPDX-License-Identifier: BSD-3-Clause
"""Texts, numbers and types at the border to Python: accepted values, refused values, and the messages."""

import errno
import os
import pathlib
import subprocess

import bdevkit
import numpy
import pytest

from conftest import SOURCE

MIB = 1 << 20
STACK = {"version": 1, "host": {"memory": "128MiB"}, "bdevs": [{"name": "disk", "module": "malloc", "size": MIB}]}


@pytest.fixture
def disk(host):
    with host.open("disk", write=True) as desc:
        yield desc


# ---- numbers ----

@pytest.mark.stack(STACK)
@pytest.mark.parametrize("call, words", [
    (lambda disk: disk.read(-512, 512), "offset -512: expected 0 to"),
    (lambda disk: disk.read(0, -1), "length -1: expected 0 to"),
    (lambda disk: disk.read(1 << 64, 512), "offset 18446744073709551616: expected 0 to"),
    (lambda disk: disk.write(-1, bytes(512)), "offset -1:"),
    (lambda disk: disk.read_into(-1, bytearray(512)), "offset -1:"),
    (lambda disk: disk.compare_and_write(-1, bytes(512), bytes(512)), "offset -1:"),
    (lambda disk: disk.unmap(0, -512), "length -512:"),
    (lambda disk: disk.flush(2 * MIB), f"length -{MIB}:"),
    (lambda disk: disk.copy(0, -512, 512), "source -512:"),
    (lambda disk: disk.seek_data(-1), "offset -1:"),
    (lambda disk: disk.zones(-1, 1), "offset -1:"),
    (lambda disk: disk.zones(0, -1), "count -1: expected 0 to 4294967295"),
    (lambda disk: disk.read_many([0, -512], 512), "offset -512:"),
    (lambda disk: disk.read_many(numpy.array([0, -512]), 512), "offset -512:"),
    (lambda disk: disk.read_many([0], -1), "length -1:"),
    (lambda disk: disk.read_many([0], 512, depth=-1), "depth -1:"),
    (lambda disk: disk.batch([("read", -512, 512)]), "offset -512:"),
    (lambda disk: disk.batch([("copy", 0, -512, 512)]), "source -512:"),
])
def test_a_number_that_cannot_be(disk, call, words):
    with pytest.raises(bdevkit.Error) as refused:
        call(disk)
    assert words in str(refused.value)
    assert (refused.value.errno, refused.value.bdev) == (errno.EINVAL, "disk")


@pytest.mark.stack(STACK)
@pytest.mark.parametrize("call, words", [
    (lambda disk: disk.read("0", 512), "offset: expected a whole number, got a value of type str"),
    (lambda disk: disk.read(0.5, 512), "offset: expected a whole number, got a value of type float"),
    (lambda disk: disk.read(0, None), "length: expected a whole number, got a value of type NoneType"),
    (lambda disk: disk.batch([("read", "a", 512)]), "offset: expected a whole number, got a value of type str"),
])
def test_what_is_no_number(disk, call, words):
    with pytest.raises(TypeError) as refused:
        call(disk)
    assert str(refused.value) == words


@pytest.mark.stack(STACK)
def test_numbers_of_a_host(host):
    for call in [lambda: host.resize("disk", -1), lambda: host.bdevs["disk"].limit(iops=-5)]:
        with pytest.raises(bdevkit.Error, match="expected 0 to"):
            call()
    with pytest.raises(bdevkit.Error, match="size -1"):
        bdevkit.Buffer(-1)
    with pytest.raises(TypeError, match="expected the name of a bdev, or a bdev of the host, got 5"):
        host.open(5)


@pytest.mark.stack(STACK)
def test_whole_numbers_of_any_type(disk):
    disk.write(numpy.int64(512), bytes([7]) * 512)
    assert disk.read(numpy.uint32(512), numpy.int16(512)) == bytes([7]) * 512


# ---- what shows itself ----

def test_a_host_that_failed_shows_itself():
    made = bdevkit.Host.__new__(bdevkit.Host)
    with pytest.raises(bdevkit.StackError):
        made.__init__({"version": 1, "bdevs": [{"name": "a", "module": "no-such-module"}]})
    assert repr(made) == "<bdevkit.Host, stopped>"
    assert str(made) == "stopped"
    made.stop()


def test_what_is_left_of_a_host_shows_itself():
    with bdevkit.Host(STACK) as host:
        bdevs, disk, desc = host.bdevs, host.bdevs["disk"], host.open("disk")
        assert "malloc" in repr(bdevs)
    assert (repr(bdevs), repr(disk), repr(desc)) == (
        "{}", "<bdevkit.Bdev 'disk', gone>", "<bdevkit.Desc of 'disk', closed>")


# ---- texts ----

def test_names_beyond_ascii():
    with bdevkit.Host(STACK) as host:
        host.create("malloc", "Zoë/💾", size=MIB)
        assert list(host.bdevs) == ["disk", "Zoë/💾"]
        for name in ["a\x1b", "a\u202e"]:
            with pytest.raises(bdevkit.StackError, match="'name': expected 1 to 255 bytes of UTF-8"):
                host.create("malloc", name, size=MIB)


def test_a_path_that_is_no_utf8(tmp_path):
    folder = os.fsdecode(bytes(tmp_path) + b"/a\xff")
    os.mkdir(folder)
    stack = {**STACK, "bdevs": [{"name": "file", "module": "uring", "path": "b\udcff", "size": MIB, "direct": False}]}
    with bdevkit.Host(stack, folder=folder) as host:
        assert os.listdir(os.fsencode(folder)) == [b"b\xff"]
        (pathlib.Path(folder) / "stack.yaml").write_bytes(
            b"version: 1\nbdevs: [ { name: c, module: uring, path: c\xff, size: 1MiB, direct: false } ]\n")
        host.stop()
        with bdevkit.Host(pathlib.Path(folder) / "stack.yaml"):
            assert b"c\xff" in os.listdir(os.fsencode(folder))


def test_a_module_gets_such_a_path_and_may_complain_of_it(tmp_path):
    class Odd(bdevkit.Bdev):
        file: pathlib.Path

        def setup(self):
            self.num_blocks = 8

        def submit(self, io):
            raise OSError(errno.EIO, "cannot read it", str(self.file))

    bdevkit.register(Odd, name="odd_path")
    stack = {**STACK, "bdevs": [{"name": "odd", "module": "odd_path", "file": str(tmp_path / "d\udcff")}]}
    with bdevkit.Host(stack) as host, host.open("odd") as desc, pytest.raises(bdevkit.Error):
        desc.read(0, 512)


# ---- types ----

def test_type_checkers_take_options_as_their_fields(tmp_path):
    (tmp_path / "module.py").write_text(
        "import bdevkit\n"
        "class Ram(bdevkit.Bdev):\n"
        "    size: bdevkit.Size = bdevkit.option('64MiB', min=512, help='Bytes.')\n"
        "    count: int = bdevkit.option(3, max=9)\n"
        "    word: str = bdevkit.option(help='A word.')\n"
        "    def setup(self) -> None:\n"
        "        self.num_blocks = self.size // 512 + self.count + len(self.word)\n")
    result = subprocess.run(["mypy", "--strict", "--follow-imports=silent", "--no-incremental", "--cache-dir", os.devnull, tmp_path / "module.py"],
                            capture_output=True, text=True, check=False, timeout=300,
                            env=os.environ | {"MYPYPATH": str(SOURCE / "python"), "LD_PRELOAD": ""})
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_package_is_typed():
    result = subprocess.run(["mypy", "--no-incremental", "--cache-dir", os.devnull, SOURCE / "python" / "bdevkit"],
                            capture_output=True, text=True, check=False, timeout=300,
                            env=os.environ | {"LD_PRELOAD": ""})
    assert result.returncode == 0, result.stdout + result.stderr
