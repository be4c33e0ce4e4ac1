# SPDX-License-Identifier: BSD-3-Clause
"""crypto on volumes of cryptsetup's own: it encrypts and decrypts LUKS2 files without device mapper and without root.
Volumes of dm-crypt, which plain ones have to be, are in `tests/vm/run dm-crypt`."""

import json
import os
import random
import subprocess

import nbd
import pytest

from conftest import PATIENCE

SIZE = 8 << 20
PASSWORD = ["--batch-mode", "--key-file", "password"]


class Luks2:
    """A file that cryptsetup has encrypted. The file and its plain data are in a folder of the test."""

    def __init__(self, folder, sector_size, cipher_bits):
        self.folder = folder
        self.sector_size = sector_size
        self.content = random.Random(sector_size).randbytes(SIZE)
        (folder / "password").write_text("not a secret")
        (folder / "disk.img").write_bytes(self.content + bytes(32 << 20))
        self.cryptsetup("reencrypt", "--encrypt", "--type", "luks2", "--reduce-device-size", "32M", "--cipher", "aes-xts-plain64",
                        "--key-size", str(cipher_bits), "--sector-size", str(sector_size), "--pbkdf", "pbkdf2",
                        "--pbkdf-force-iterations", "1000", "disk.img")
        self.cryptsetup("luksDump", "--dump-volume-key", "--volume-key-file", "volume.key", "disk.img")
        self.segment = json.loads(self.cryptsetup("luksDump", "--dump-json-metadata", "disk.img"))["segments"]["0"]

    def cryptsetup(self, *command):
        """Its output."""
        return subprocess.run(["/usr/sbin/cryptsetup", *command, *PASSWORD], cwd=self.folder, check=True, stdout=subprocess.PIPE,
                              text=True, timeout=PATIENCE).stdout

    def stack(self, **options):
        """The stack that shows its content as `plain`, as plugins/crypto/README.md has it."""
        given = "".join(f", {name}: {value}" for name, value in options.items())
        return f"""
version: 1
bdevs:
  - {{ name: disk, module: uring, path: {self.folder}/disk.img, block_size: {self.sector_size} }}
  - {{ name: luks, module: split, base: disk, sizes: [{self.segment["offset"]}, 0] }}
  - {{ name: plain, module: crypto, base: luksp1, key_file: {self.folder}/volume.key{given} }}
frontends: [ nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: plain }} ] }} ]
"""

    def decrypt(self):
        """The data that cryptsetup decrypts. Afterwards the file is not encrypted."""
        self.cryptsetup("reencrypt", "--decrypt", "--force-offline-reencrypt", "--header", "header", "disk.img")
        return (self.folder / "disk.img").read_bytes()[:SIZE]


def connect(uri):
    client = nbd.NBD()
    client.connect_uri(uri)
    return client


@pytest.mark.parametrize("sector_size, cipher_bits", [(512, 512), (4096, 512), (4096, 256)])
def test_luks2_volumes_are_read_and_written(run_stack, tmp_path, sector_size, cipher_bits):
    volume = Luks2(tmp_path, sector_size, cipher_bits)
    assert volume.segment["sector_size"] == sector_size
    cipher = "aes_xts_256" if cipher_bits == 512 else "aes_xts_128"
    stack = run_stack(volume.stack(sector_size=sector_size, cipher=cipher))
    client = connect(stack.uri("plain"))
    assert client.pread(SIZE, 0) == volume.content
    expected = bytearray(volume.content)
    for at, length in [(0, 4096), (12288, 65536), (1 << 20, 1 << 20), (SIZE - 8192, 4096)]:
        written = os.urandom(length)
        client.pwrite(written, at)
        expected[at:at + length] = written
    client.flush()
    client.shutdown()
    assert stack.stop() == 0, stack.log
    assert volume.decrypt() == expected


def test_luks2_does_not_count_large_sectors_one_by_one(run_stack, tmp_path):
    volume = Luks2(tmp_path, 4096, 512)
    stack = run_stack(volume.stack(sector_size=4096, iv_large_sectors="true"))
    client = connect(stack.uri("plain"))
    assert client.pread(4096, 0) == volume.content[:4096], "number 0 is the same in both"
    assert client.pread(4096, 4096) != volume.content[4096:8192]
    client.shutdown()
