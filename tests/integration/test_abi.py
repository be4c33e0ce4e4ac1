# SPDX-License-Identifier: BSD-3-Clause
"""The promise of docs/abi.md: the headers match sdk/abi, changes that break plugins are distinguished from additions,
and plugins of 1.0 work."""

import shutil
import subprocess

import nbd
import pytest

from conftest import BUILD, PATIENCE, SOURCE


def check(include):
    result = subprocess.run([SOURCE / "scripts" / "abi", "--check", "--include", include], capture_output=True, text=True,
                            check=False)
    return result.returncode, result.stdout + result.stderr


def changed_headers(folder, header, old, new):
    include = folder / "include"
    shutil.copytree(SOURCE / "sdk" / "include", include)
    path = include / "bdevkit" / header
    text = path.read_text()
    assert text.count(old) == 1, f"{header} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new))
    return include


def test_the_headers_are_what_was_promised():
    code, output = check(SOURCE / "sdk" / "include")
    assert code == 0, output


@pytest.mark.parametrize("header, old, new, what", [
    ("thread.h", "bdk_thread_get_count(void)", "bdk_thread_get_count(int all)", "bdk_thread_get_count"),
    ("thread.h", "BDK_API uint32_t bdk_get_current_core(void);", "", "bdk_get_current_core"),
    ("module.h", "    int (*init)(void);", "    int (*init)(int);", "init"),
    ("bdev_module.h", "    void* ctxt;                 /**<", "    uint64_t more; void* ctxt; /**<", "struct bdk_bdev:"),
    ("option.h", "    uint64_t max;", "    uint32_t max;", "bdk_option"),
    ("bdev_io.h", "    uint64_t num_blocks;\n", "", "num_blocks"),
    ("extension.h", "    uint32_t abi_minor;", "    uint64_t abi_minor;", "bdk_host_info"),
    ("option.h", "BDK_OPTION_UUID = 8", "BDK_OPTION_UUID = 11", "BDK_OPTION_UUID was 8 and is 11"),
    ("log.h", "#define BDK_LOG_DEBUG 4u", "", "BDK_LOG_DEBUG was 4 and is gone"),
])
def test_what_breaks_plugins_is_called_so(tmp_path, header, old, new, what):
    code, output = check(changed_headers(tmp_path, header, old, new))
    assert code == 1
    assert what in output
    assert "This breaks plugins" in output


@pytest.mark.parametrize("header, old, new, what", [
    ("thread.h", "BDK_API uint32_t bdk_get_current_core(void);",
     "BDK_API uint32_t bdk_get_current_core(void);\nBDK_API int bdk_new_function(void);", "bdk_new_function"),
    ("extension.h", "    const char* version; /**<", "    const char* version; uint64_t appended; /**<", "appended"),
    ("bdev_module.h", "    uint64_t (*get_spin_time)(struct bdk_io_channel* ch);",
     "    uint64_t (*get_spin_time)(struct bdk_io_channel* ch);\n    int (*appended)(void* ctxt);", "appended"),
    ("bdev_io.h", "BDK_BDEV_IO_NUM_TYPES = 21", "BDK_BDEV_IO_TYPE_NEW = 21, BDK_BDEV_IO_NUM_TYPES = 22",
     "BDK_BDEV_IO_TYPE_NEW 21"),
])
def test_what_is_added_is_told_how_to_be_described(tmp_path, header, old, new, what):
    code, output = check(changed_headers(tmp_path, header, old, new))
    assert code == 1
    assert what in output
    assert "Run `scripts/abi --update`" in output


# ---- plugins of ABI 1.0 ----

OLD_PLUGINS = BUILD / "tests" / "plugins" / "abi-1.0"
OLD_STACK = """
version: 1
plugins: {{ path: [{plugins}] }}
bdevs:
  - {{ name: disk, module: old-cpp, size: 16MiB }}
  - {{ name: scrambled, module: old-c, base: disk }}
  - {{ name: top, module: passthru, base: scrambled }}
frontends:
  - nbd: {{ listen: "unix:{socket}", exports: [ {{ bdev: top }} ] }}
"""


def test_plugins_of_abi_1_0_load_and_work(run_stack, tmp_path):
    stack = run_stack(OLD_STACK.format(plugins=OLD_PLUGINS, socket=tmp_path / "nbd.sock"))
    client = nbd.NBD()
    client.connect_uri(stack.uri("top"))
    text = b"a plugin of 1.0, compiled against its own headers ".ljust(8192, b"!")
    client.pwrite(text, 1 << 20)
    assert client.pread(len(text), 1 << 20) == text
    client.trim(4096, 1 << 20)
    client.zero(4096, (1 << 20) + 4096)
    assert client.pread(4096, (1 << 20) + 4096) == bytes(4096)
    client.flush()
    client.shutdown()
    assert stack.stop() == 0, stack.log


def test_plugins_of_abi_1_0_verify_under_load(tmp_path):
    stack = tmp_path / "stack.yaml"
    stack.write_text(OLD_STACK.format(plugins=OLD_PLUGINS, socket=tmp_path / "nbd.sock"))
    result = subprocess.run([BUILD / "bin" / "bdevkit", "perf", stack, "--bdev", "top", "--rw", "verify", "--io-size",
                             "16KiB", "--count", "2000", "--no-calibration"], capture_output=True, text=True, check=False,
                            timeout=PATIENCE)
    assert result.returncode == 0, result.stdout + result.stderr
