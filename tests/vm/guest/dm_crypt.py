# SPDX-License-Identifier: BSD-3-Clause
"""crypto reads what dm-crypt has written, and the reverse: plain volumes and LUKS2, with sectors of 512 and of 4096
bytes, and with each way to number them."""

import contextlib
import json
import os
import random
import subprocess

import pytest

from tools import MIB, client

SIZE = 4 * MIB
PLAIN = ["--type", "plain", "--cipher", "aes-xts-plain64", "--key-size", "512"]
# A name: cryptsetup's type and arguments, and crypto's options.
VOLUMES = {
    "plain-512": ("plain", [], {}),
    "plain-4096": ("plain", ["--sector-size", "4096"], {"sector_size": 4096}),
    "plain-4096-large": ("plain", ["--sector-size", "4096", "--iv-large-sectors"],
                         {"sector_size": 4096, "iv_large_sectors": "true"}),
    "luks2-512": ("luks2", ["--sector-size", "512"], {}),
    "luks2-4096": ("luks2", ["--sector-size", "4096"], {"sector_size": 4096}),
}


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True,
                          env=os.environ | {"DM_DISABLE_UDEV": "1"}).stdout


class Volume:
    """A file in memory with a volume of cryptsetup's."""

    def __init__(self, folder, kind, arguments):
        self.image, self.key, self.password = folder / "disk.img", folder / "volume.key", folder / "password"
        self.kind = kind
        self.image.write_bytes(bytes(SIZE + 16 * MIB))
        if kind == "plain":
            self.key.touch(mode=0o600)
            self.key.write_bytes(random.Random(1).randbytes(64))
            self.open_arguments = [*PLAIN, *arguments, "--key-file", self.key]
            self.offset = 0
            return
        self.password.write_text("not a secret")
        self.open_arguments = ["--type", "luks2", "--key-file", self.password]
        run("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
            "--cipher", "aes-xts-plain64", "--key-size", "512", *arguments, "--key-file", self.password, self.image)
        run("cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key", "--volume-key-file", self.key, "--key-file", self.password,
            self.image)
        self.offset = int(json.loads(run("cryptsetup", "luksDump", "--dump-json-metadata", self.image))["segments"]["0"]["offset"])

    @contextlib.contextmanager
    def mapped(self):
        """The device that shows its content."""
        loop = run("losetup", "--find", "--show", self.image).strip()
        try:
            run("cryptsetup", "open", *self.open_arguments, loop, "volume")
            try:
                yield "/dev/mapper/volume"
            finally:
                run("cryptsetup", "close", "volume")
        finally:
            run("losetup", "--detach", loop)

    def stack(self, options):
        given = "".join(f", {name}: {value}" for name, value in options.items())
        sizes = f"[{self.offset}, 0]" if self.offset else "[0]"
        return f"""
version: 1
bdevs:
  - {{ name: disk, module: uring, path: {self.image}, block_size: 4096 }}
  - {{ name: part, module: split, base: disk, sizes: {sizes} }}
  - {{ name: content, module: crypto, base: partp{1 if self.offset else 0}, key_file: {self.key}{given} }}
frontends: [ nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: content }} ] }} ]
"""


@pytest.mark.parametrize("name", VOLUMES)
def test_crypto_and_dm_crypt_store_the_same(run_stack, tmp_path, name):
    kind, arguments, options = VOLUMES[name]
    volume = Volume(tmp_path, kind, arguments)
    theirs, ours = random.Random(2).randbytes(SIZE), random.Random(3).randbytes(SIZE)
    with volume.mapped() as device, open(device, "r+b") as file:
        file.write(theirs)
        os.fsync(file)
    stack = run_stack(volume.stack(options))
    handle = client(stack, "content")
    assert handle.pread(SIZE, 0) == theirs
    handle.pwrite(ours, 0)
    handle.flush()
    handle.shutdown()
    assert stack.stop() == 0, stack.log
    with volume.mapped() as device, open(device, "rb") as file:
        assert file.read(SIZE) == ours
