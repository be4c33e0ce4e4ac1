# SPDX-License-Identifier: BSD-3-Clause
"""The NBD servers that are compared: each with a disk of 64 MiB in memory, or with a file, on a unix socket, on core 0."""

import contextlib
import functools
import os
import pathlib
import select
import subprocess
import tempfile

SIZE = 64 << 20
BENCH = pathlib.Path(__file__).resolve().parent


def bdevkit(program, socket, stack="malloc"):
    return [program, "run", BENCH / "stacks" / f"{stack}.yaml", "--listen", f"unix:{socket}"]


def nbdkit(_, socket, *options):
    return ["nbdkit", "--foreground", "--unix", socket, *options, "memory", str(SIZE)]


def qemu_storage_daemon(_, socket):
    return ["qemu-storage-daemon", "--blockdev", f"null-co,node-name=disk,size={SIZE}",
            "--nbd-server", f"addr.type=unix,addr.path={socket}", "--export", "nbd,id=e,node-name=disk,name=disk,writable=on"]


def bdevkit_file(program, socket, direct=True):
    stack = FILE.parent / f"uring-{'direct' if direct else 'cached'}.yaml"
    return [program, "run", stack, "--listen", f"unix:{socket}"]


def nbdkit_file(_, socket):
    return ["nbdkit", "--foreground", "--unix", socket, "file", FILE]


def qemu_storage_daemon_file(_, socket, direct=True):
    return ["qemu-storage-daemon", "--blockdev",
            f"driver=file,node-name=disk,filename={FILE},aio=io_uring,cache.direct={'on' if direct else 'off'}",
            "--nbd-server", f"addr.type=unix,addr.path={socket}", "--export", "nbd,id=e,node-name=disk,name=disk,writable=on"]


# Its command, and the name of its export.
SERVERS = {"bdevkit": (bdevkit, ""), "nbdkit": (nbdkit, ""), "qsd": (qemu_storage_daemon, "disk")}
# bdevkit offers no structured replies for a disk in memory, but nbdkit does; here both use the same kind.
REPLIES = {"bdevkit structured": (functools.partial(bdevkit, stack="malloc-structured"), ""),
           "nbdkit simple": (lambda program, socket: nbdkit(program, socket, "--no-sr"), "")}
# Like with like: nbdkit reads through the page cache, the others do either.
FILE_SERVERS = {"bdevkit file": (bdevkit_file, ""), "qsd file": (qemu_storage_daemon_file, "disk"),
                "bdevkit cached file": (functools.partial(bdevkit_file, direct=False), ""),
                "nbdkit cached file": (nbdkit_file, ""),
                "qsd cached file": (functools.partial(qemu_storage_daemon_file, direct=False), "disk")}

# The file is beside the build, because /tmp may be in memory. Stacks that use it are beside it.
FILE = BENCH.parent / "build" / "bench" / "disk.img"
FILE_STACK = """version: 1
bdevs:
  - {{ name: top, module: uring, path: disk.img, direct: {} }}
frontends:
  - nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: top }} ] }}
"""


def make_file():
    """Creates and fills the file, unless it exists: blocks that were never written are read faster than from any disk."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    for name, direct in [("direct", "true"), ("cached", "false")]:
        (FILE.parent / f"uring-{name}.yaml").write_text(FILE_STACK.format(direct))
    if FILE.exists() and FILE.stat().st_size == SIZE:
        return
    FILE.write_bytes(os.urandom(SIZE))
    os.sync()


class Running:
    def __init__(self, pid, uri):
        self.pid = pid
        self.uri = uri

    def cpu_seconds(self):
        """User and system time of all its threads."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serving(name, program):
    """The server, once it accepts connections."""
    command, export = {**SERVERS, **REPLIES, **FILE_SERVERS}[name]
    with tempfile.TemporaryDirectory() as folder:
        socket = pathlib.Path(folder) / "nbd.sock"
        server = subprocess.Popen(["taskset", "-c", "0", *command(program, socket)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            wait_for(socket, server)
            yield Running(server.pid, f"nbd+unix:///{export}?socket={socket}")
        finally:
            server.terminate()
            server.communicate()


def wait_for(socket, server):
    while not listens(socket):
        if server.poll() is not None:
            raise RuntimeError(f"{server.args} ended: {server.stderr.read().decode()}")
        select.select([], [], [], 0.01)


def listens(socket):
    """The kernel's table has a line of each socket; the fourth field holds __SO_ACCEPTCON, 0x10000."""
    lines = pathlib.Path("/proc/net/unix").read_text().splitlines()
    return any(fields[-1] == str(socket) and int(fields[3], 16) & 0x10000 for fields in map(str.split, lines[1:]))
