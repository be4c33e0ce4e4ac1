# SPDX-License-Identifier: BSD-3-Clause
"""The partitions of a disk made by sgdisk, with file systems made by mkfs, copied by qemu-img."""

import shutil
import subprocess

import pytest

from conftest import BUILD, PATIENCE, SOURCE

MIB = 1 << 20


def run(*command, ok=True):
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 3,
                            env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    if ok:
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result


@pytest.fixture
def run_disk(run_stack):
    """Runs examples/modules/gpt.yaml, or another stack, in a folder with the module `image` and a disk of 512 MiB."""
    def start(partition, text=(SOURCE / "examples" / "modules" / "gpt.yaml").read_text()):
        def prepare(folder):
            (folder / "plugins").mkdir(mode=0o755)
            shutil.copy(BUILD / "lib" / "image.so", folder / "plugins")
            with open(folder / "disk.img", "wb") as disk:
                disk.truncate(512 * MIB)
            partition(folder / "disk.img")

        return run_stack(text, "--listen", "unix:nbd.sock", prepare=prepare)

    return start


def two_partitions(disk):
    run("sgdisk", "--new=1:0:+64MiB", "--new=2:0:0", "--change-name=1:first", "--typecode=2:8300", disk)


@pytest.fixture(params=["ext4", "xfs"])
def file_system(request, tmp_path):
    """A file system with files in it, the number of the partition that it fits, and its check."""
    image = tmp_path / f"{request.param}.img"
    size, partition = {"ext4": (64, 1), "xfs": (320, 2)}[request.param]
    with open(image, "wb") as file:
        file.truncate(size * MIB)
    if request.param == "ext4":
        run("mkfs.ext4", "-q", "-d", SOURCE / "docs", image)
        return image, partition, ["fsck.ext4", "-f", "-n"]
    run("mkfs.xfs", "-q", image)
    return image, partition, ["xfs_repair", "-n", "-f"]


def test_file_systems_go_through_partitions(run_disk, file_system, tmp_path):
    image, number, check = file_system
    stack = run_disk(two_partitions)
    uri = stack.uri(f"partp{number}")
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, uri)
    run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, uri)
    back = tmp_path / "back.img"
    run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, back)
    run(*check, back)
    assert stack.stop() == 0, stack.log

    disk = stack.file.parent / "disk.img"
    assert "No problems found" in run("sgdisk", "--verify", disk).stdout
    start = int(run("sgdisk", f"--info={number}", disk).stdout.split("First sector: ")[1].split()[0]) * 512
    with open(disk, "rb") as partition, open(image, "rb") as expected:
        partition.seek(start)
        while data := expected.read(16 * MIB):
            assert partition.read(len(data)) == data, "the partition lies where sgdisk put it"


def test_partitions_as_sgdisk_tells_them(run_disk):
    def many(disk):
        for number in range(1, 21):
            run("sgdisk", f"--new={number}:0:+1MiB", disk)
        run("sgdisk", "--delete=7", disk)

    exports = ", ".join(f"{{ bdev: partp{number} }}" for number in range(1, 21) if number != 7)
    stack = run_disk(many, f"""
version: 1
plugins: {{ path: [ ./plugins ] }}
bdevs:
  - {{ name: disk, module: image, path: disk.img }}
  - {{ name: part, module: gpt, base: disk }}
frontends:
  - nbd: {{ listen: "unix:nbd.sock", exports: [ {exports} ] }}
""")
    assert len(stack.uris) == 19
    assert run("nbdinfo", "--size", stack.uri("partp20")).stdout.strip() == str(MIB)
    assert stack.stop() == 0, stack.log


def test_the_backup_made_by_sgdisk_is_used(run_disk):
    def damaged(disk):
        two_partitions(disk)
        with open(disk, "r+b") as file:
            file.seek(512)
            file.write(bytes(33 * 512))

    stack = run_disk(damaged)
    assert run("nbdinfo", "--size", stack.uri("partp1")).stdout.strip() == str(64 * MIB)
    assert stack.stop() == 0, stack.log
    assert "the backup GPT of 'disk' is used" in stack.log


def test_a_disk_without_spdks_partitions_is_exported_as_a_whole(run_disk):
    stack = run_disk(two_partitions, """
version: 1
plugins: { path: [ ./plugins ] }
bdevs: [ { name: disk, module: image, path: disk.img } ]
frontends: [ nbd: { listen: "unix:nbd.sock", exports: [ { bdev: disk } ] } ]
""")
    run("qemu-io", "-f", "raw", "-c", "write -P 0xab 3M 64k", stack.uri("disk"))


def test_spdks_partitions_appear_by_themselves(run_disk):
    def of_spdk(disk):
        run("sgdisk", "--new=1:0:+16MiB", "--new=2:0:+32MiB", "--typecode=2:6527994E-2C5A-4EEC-9613-8F5944074E8B", disk)

    stack = run_disk(of_spdk, """
version: 1
plugins: { path: [ ./plugins ], examine: [gpt] }
bdevs:
  - { name: top, module: passthru, base: diskp2 }
  - { name: disk, module: image, path: disk.img }
frontends: [ nbd: { listen: "unix:nbd.sock", exports: [ { bdev: top } ] } ]
""")
    assert run("nbdinfo", "--size", stack.uri("top")).stdout.strip() == str(32 * MIB)


# ---- tables that a client writes ----

def of_spdk(disk):
    """A table that gpt's examination takes, as any client may write one."""
    run("sgdisk", "--new=1:0:+16MiB", "--typecode=1:6527994E-2C5A-4EEC-9613-8F5944074E8B", disk)


EXPORTED = """
version: 1
plugins: {{ path: [ ./plugins ]{plugins} }}
host: {{ {host} }}
bdevs:
  - {{ name: disk, module: image, path: disk.img }}
{bdevs}
frontends:
  - nbd: {{ listen: "unix:nbd.sock", exports: [ {{ bdev: {exported} }} ] }}
"""


def write_table(uri, tmp_path):
    """Writes a table like a guest."""
    image = tmp_path / "table.img"
    with open(image, "wb") as file:
        file.truncate(512 * MIB)
    of_spdk(image)
    run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, uri)


OTHER = "  - { name: other, module: malloc, size: 1MiB }\n  - { name: view, module: passthru, base: disk }"


@pytest.mark.parametrize("bdevs, exported", [("", "disk"), (OTHER, "view")], ids=["disk", "layer"])
def test_a_table_that_a_client_wrote_does_not_stop_the_next_start(run_disk, tmp_path, bdevs, exported):
    text = EXPORTED.format(plugins=", examine: [gpt]", host="", bdevs=bdevs, exported=exported)
    stack = run_disk(lambda _: None, text)
    write_table(stack.uri(exported), tmp_path)
    assert stack.stop() == 0, stack.log
    again = run_disk(lambda disk: shutil.copy(stack.file.parent / "disk.img", disk), text)
    run("qemu-io", "-f", "raw", "-c", "write -P 0xab 3M 64k", again.uri(exported))
    assert again.stop() == 0, again.log


def test_a_module_that_the_stack_does_not_name_claims_nothing(run_disk):
    stack = run_disk(of_spdk, EXPORTED.format(plugins="", host="", bdevs="", exported="disk"))
    run("qemu-io", "-f", "raw", "-c", "write -P 0xab 3M 64k", stack.uri("disk"))


def test_an_export_that_fails_has_its_place(tmp_path):
    """A disk that the stack names is examined in any case; so the disk is claimed."""
    (tmp_path / "plugins").mkdir(mode=0o755)
    shutil.copy(BUILD / "lib" / "image.so", tmp_path / "plugins")
    with open(tmp_path / "disk.img", "wb") as disk:
        disk.truncate(512 * MIB)
    of_spdk(tmp_path / "disk.img")
    (tmp_path / "stack.yaml").write_text(
        EXPORTED.format(plugins=", examine: [gpt]", host="examine: [disk]", bdevs="", exported="disk"))
    ended = subprocess.run([BUILD / "bin" / "bdevkit", "run", "stack.yaml"], cwd=tmp_path, capture_output=True,
                           text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 1
    assert "stack.yaml:9:56: nbd: export 'disk': bdev 'disk' is claimed by a module" in ended.stderr


def test_a_base_that_waits_says_why(run_disk):
    """Without a module that examines, and with a disk that clients write to."""
    bdevs = "  - { name: top, module: passthru, base: diskp1 }"
    stack = run_disk(of_spdk, EXPORTED.format(plugins="", host="", bdevs=bdevs, exported="disk"))
    stack.wait_for_log("bdev 'top' waits for its base 'diskp1'")
    stack.wait_for_log("name one that does, such as `plugins: { examine: [gpt] }`")
    stack = run_disk(of_spdk, EXPORTED.format(plugins=", examine: [gpt]", host="", bdevs=bdevs, exported="disk"))
    stack.wait_for_log("bdev 'top' waits for its base 'diskp1'")
    stack.wait_for_log("clients may have written to them: 'disk'")
