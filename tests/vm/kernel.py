# SPDX-License-Identifier: BSD-3-Clause
"""Debian's kernel, unpacked beside the build: it is never installed."""

import dataclasses
import pathlib
import re
import shutil
import subprocess


@dataclasses.dataclass
class Kernel:
    """An unpacked kernel package."""
    root: pathlib.Path  # with boot/ and lib/modules/
    release: str

    @property
    def image(self):
        return self.root / "boot" / f"vmlinuz-{self.release}"

    def modules(self, *names):
        """The files of modules and their dependencies, in the order to load them."""
        files = []
        for name in names:
            shown = run("/sbin/modprobe", "-d", self.root, "-S", self.release, "--show-depends", name)
            files += [pathlib.Path(line.split()[1]) for line in shown.splitlines() if line.startswith("insmod")]
        return list(dict.fromkeys(files))


def run(*command, **options):
    """Its output. Throws subprocess.CalledProcessError."""
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True, **options).stdout


STABLE = "linux-image-amd64"
# Debian 12's security archive has a newer kernel beside its own. Its target authenticates hosts (DH-HMAC-CHAP).
NEWER = "linux-image-6.12-amd64"


def package_name(name):
    """The package for the name of a kernel."""
    known = subprocess.run(["apt-cache", "depends", name], stdout=subprocess.PIPE, text=True, check=False).stdout
    match = re.search(r"Depends: (linux-image-\S+)", known)
    if not match:
        raise SystemExit(f"vm: apt knows no {name}: run apt-get update")
    return match[1]


def fetch(folder, name=STABLE):
    """The kernel under `folder`, downloaded if it is not there; an older one with that name is removed."""
    folder = folder / name
    name = package_name(name)
    root = folder / name
    if not root.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"vm: downloading {name}", flush=True)
        run("apt-get", "download", "-q", name, cwd=folder, stderr=subprocess.DEVNULL)
        part = folder / "part"
        run("dpkg-deb", "-x", next(folder.glob("*.deb")), part)
        run("/sbin/depmod", "-b", part, name.removeprefix("linux-image-"))
        part.rename(root)
    return Kernel(root, name.removeprefix("linux-image-"))
