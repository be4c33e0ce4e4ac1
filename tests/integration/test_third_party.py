# SPDX-License-Identifier: BSD-3-Clause
"""A plugin built outside the tree with the installed headers alone, dropped into a folder, serves a client."""

import pathlib
import shutil
import subprocess

import nbd
import pytest

from conftest import BUILD, SOURCE

STACK = """
version: 1
plugins: {{ path: [./my-plugins] }}
bdevs:
  - {bdev}
frontends:
  - nbd: {{ listen: "unix:{socket}", exports: [ {{ bdev: disk }} ] }}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An installation, moved after it was made: nothing in it may name the place."""
    made = tmp_path_factory.mktemp("install") / "made"
    subprocess.run(["cmake", "--install", BUILD, "--prefix", made], check=True, stdout=subprocess.DEVNULL)
    return made.rename(made.with_name("moved"))


@pytest.fixture
def build_plugin(installed, tmp_path):
    """Compiles one file with the command line of the README; returns the plugin."""

    def build(command, source):
        shutil.copy(source, tmp_path)
        plugin = pathlib.Path(source).with_suffix(".so").name
        pkg_config = next(installed.rglob("bdevkit.pc")).parent
        subprocess.run(
            f"{command} -shared -fPIC -o {plugin} {pathlib.Path(source).name} "
            f"$(pkg-config --cflags --libs bdevkit)",
            shell=True, check=True, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(pkg_config)})
        return tmp_path / plugin

    return build


def run(run_stack, installed, tmp_path, plugin, bdev):
    socket = tmp_path / "nbd.sock"

    def drop_in(folder):
        (folder / "my-plugins").mkdir(mode=0o755)
        shutil.copy(plugin, folder / "my-plugins")

    return run_stack(STACK.format(bdev=bdev, socket=socket), prepare=drop_in,
                     program=installed / "bin" / "bdevkit")


def test_plugin_in_c(run_stack, installed, build_plugin, tmp_path):
    plugin = build_plugin("gcc -Wall -Wextra -Werror", SOURCE / "tests/integration/third_party/pattern.c")
    stack = run(run_stack, installed, tmp_path, plugin, "{ name: disk, module: pattern, size: 1MiB }")

    client = nbd.NBD()
    client.connect_uri(stack.uri("disk"))
    assert client.get_size() == 1 << 20
    assert client.is_read_only()
    data = client.pread(3 * 512, 250 * 512)
    assert data == b"".join(bytes([block % 251]) * 512 for block in (250, 251, 252))
    client.shutdown()
    assert stack.stop() == 0, stack.log


def test_plugin_in_cpp(run_stack, installed, build_plugin, tmp_path):
    plugin = build_plugin("g++ -std=c++20 -Wall -Werror", SOURCE / "examples/modules/xor.cpp")
    stack = run(run_stack, installed, tmp_path, plugin,
                "{ name: disk, module: xor, base: { name: ram, module: malloc, size: 1MiB } }")

    client = nbd.NBD()
    client.connect_uri(stack.uri("disk"))
    text = b"a third party's plugin on a module of ours".ljust(512)
    client.pwrite(text, 4096)
    assert client.pread(512, 4096) == text
    client.shutdown()
    assert stack.stop() == 0, stack.log


def test_plugins_command_lists_it(installed, build_plugin, tmp_path):
    plugin = build_plugin("gcc", SOURCE / "tests/integration/third_party/pattern.c")
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    shutil.copy(plugin, folder)
    output = subprocess.run([installed / "bin" / "bdevkit", "plugins", "--plugin-path", folder, "pattern"],
                            check=True, capture_output=True, text=True).stdout
    assert "A disk that knows its content." in output
    assert "size" in output


def test_a_plugin_that_others_can_write_is_refused(installed, build_plugin, tmp_path):
    plugin = build_plugin("gcc", SOURCE / "tests/integration/third_party/pattern.c")
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    shutil.copy(plugin, folder)
    (folder / "pattern.so").chmod(0o777)
    result = subprocess.run([installed / "bin" / "bdevkit", "plugins", "--plugin-path", folder, "pattern"],
                            capture_output=True, text=True)
    assert result.returncode == 2
    assert f"chmod go-w {folder}/pattern.so" in result.stderr
