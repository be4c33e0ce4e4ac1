# SPDX-License-Identifier: BSD-3-Clause
"""The small root that the guest starts from: busybox, a few modules, and init, which mounts the host's files."""

import lzma
import pathlib
import shutil
import subprocess
import tempfile

INIT = pathlib.Path(__file__).with_name("init")
# What it takes to see the host's files through virtio, and to write over them in memory.
MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]


def module_name(file):
    """Without the ending of a compressed module: busybox loads none."""
    return file.name.removesuffix(".xz")


def copy_module(file, folder):
    target = folder / module_name(file)
    if file.suffix == ".xz":
        target.write_bytes(lzma.decompress(file.read_bytes()))
    else:
        shutil.copy(file, target)


def write(path, kernel, command):
    """An initramfs at `path` whose init runs the shell command `command`."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ["bin", "dev", "host", "modules", "proc", "root", "rw", "sys"]:
            (root / name).mkdir()
        shutil.copy("/bin/busybox", root / "bin" / "busybox")
        shutil.copy(INIT, root / "init")
        (root / "command").write_text(command + "\n")
        files = kernel.modules(*MODULES)
        for file in files:
            copy_module(file, root / "modules")
        (root / "modules" / "order").write_text("".join(f"{module_name(file)}\n" for file in files))
        names = "\n".join(str(entry.relative_to(root)) for entry in root.rglob("*"))
        with open(path, "wb") as archive:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=root, input=names.encode(),
                           stdout=archive, check=True)
