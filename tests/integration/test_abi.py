# SPDX-License-Identifier: BSD-3-Clause
"""The promise of docs/abi.md: the headers match sdk/abi, changes that break plugins are distinguished from additions,
and plugins of 1.0 work."""

import re
import shutil
import subprocess

import nbd
import pytest

from conftest import BUILD, PATIENCE, SOURCE

HEADERS = "sdk/include/bdevkit/"
MAP = "sdk/src/bdevkit.map"
LAYOUT = "tests/abi/layout.h"
END_OF_ABI = "/* For the host"  # in the version map
CURRENT_CORE = "BDK_API uint32_t bdk_get_current_core(void);"


class Copy:
    """All that scripts/abi looks at, to be edited."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("sdk/include", "sdk/abi"):
            shutil.copytree(SOURCE / name, folder / name)
        for name in (MAP, LAYOUT):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / name, folder / name)

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        path.write_text(text.replace(old, new))

    def abi(self, action):
        """Exit code and output of scripts/abi."""
        result = subprocess.run([SOURCE / "scripts" / "abi", action, "--source", self.folder], capture_output=True,
                                text=True, check=False)
        return result.returncode, result.stdout + result.stderr


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_the_abi_is_what_was_promised():
    result = subprocess.run([SOURCE / "scripts" / "abi", "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def refused(copy, edits):
    """The output of a check, which must name all of the edits."""
    for name, old, new, _ in edits:
        copy.edit(name, old, new)
    code, output = copy.abi("--update")
    assert code == 1
    assert [what for *_, what in edits if what not in output] == [], output
    return output


# Header, what is replaced, by what, and what is said about it.
BREAKING = [
    ("thread.h", "bdk_thread_get_count(void)", "bdk_thread_get_count(int all)",
     "function bdk_thread_get_count was unsigned int () and is unsigned int (int)"),
    ("bdev_module.h", "(*io_type_supported)(void* ctxt, uint32_t type)", "(*io_type_supported)(void* ctxt, uint64_t type)",
     "struct bdk_bdev_fn_table: "),
    ("bdev_module.h", "    void* ctxt;", "    uint64_t more; void* ctxt;", "struct bdk_bdev:"),
    ("option.h", "    uint64_t max;", "    uint32_t max;", "struct bdk_option: `unsigned long int max`"),
    ("extension.h", "    uint32_t abi_minor;", "    uint64_t abi_minor;", "struct bdk_host_info: `unsigned int abi_minor` at 4"),
    # Constants.
    ("option.h", "BDK_OPTION_UUID = 8", "BDK_OPTION_UUID = 28", "BDK_OPTION_UUID was 8 and is 28"),
    ("log.h", "#define BDK_LOG_DEBUG 4u", "", "BDK_LOG_DEBUG was 4 and is gone"),
    # Parameters of one type, swapped.
    ("desc.h", "dst_offset_blocks, uint64_t src_offset_blocks", "src_offset_blocks, uint64_t dst_offset_blocks",
     "bdk_bdev_copy_blocks was (desc, ch, dst_offset_blocks, src_offset_blocks, num_blocks"),
    ("histogram.h", "uint64_t first_ns, uint64_t last_ns", "uint64_t last_ns, uint64_t first_ns",
     "bdk_histogram_bucket_fn was (first_ns, last_ns"),
    # Text that plugins have compiled in.
    ("bdev_io.h", "(UINT64_C(1) << (type))", "(UINT64_C(2) << (type))", "BDK_BDEV_IO_TYPE_BIT was"),
    ("abi.h", "((ptr)->size >= offsetof", "((ptr)->size > offsetof", "BDK_HAS_FIELD was"),
    ("extension.h", '"bdevkit.host_info"\n', '"bdevkit.hostinfo"\n', 'BDK_EXTENSION_HOST_INFO was "bdevkit.host_info"'),
    ("plugin.h", '_SYMBOL "bdk_', '_SYMBOL "my_', "BDK_PLUGIN_SYMBOL was"),
    ("plugin.h", "define BDK_PLUGIN const", "define BDK_PLUGIN static const", "BDK_PLUGIN was"),
    # Structs that are passed in arrays.
    ("option.h", "    uint64_t count;", "    uint64_t count, more;",
     "struct bdk_option_list: `unsigned long int more` at 16 is new, and the struct is FROZEN"),
    ("zone.h", "    uint64_t capacity;", "    uint64_t capacity, more;", "struct bdk_bdev_zone_info"),
]


def test_what_breaks_plugins_is_called_so(copy):
    output = refused(copy, [(HEADERS + header, *edit) for header, *edit in BREAKING])
    assert "This breaks plugins" in output


@pytest.mark.parametrize("old, new, what", [
    ("    uint64_t num_blocks; ", "", "`unsigned long int num_blocks` at 24 is `void * md_buf` at 24"),
    ("    uint64_t reserved[3];", "    uint32_t gap;\n    uint64_t reserved[2];", "[3] reserved` at 72 is "),
    ("    uint64_t reserved[3];", "    uint64_t more[2];\n    uint64_t reserved[2];", "[3] reserved` at 72 is "),
    ("    uint64_t seek_offset; ", "    uint64_t reserved_too; ", "seek_offset` at 64 is "),
])
def test_what_is_no_split_of_a_reserve_is_refused(copy, old, new, what):
    assert "This breaks plugins" in refused(copy, [(HEADERS + "bdev_io.h", old, new, what)])


def later_node(function):
    return f"BDK_1.1 {{\n  global:\n    {function};\n}} BDK_1.0;\n\n{END_OF_ABI}"


def test_a_symbol_keeps_its_version(copy):
    copy.edit(MAP, "    bdk_bdev_close;\n", "")
    output = refused(copy, [(MAP, END_OF_ABI, later_node("bdk_bdev_close"), "bdk_bdev_close was BDK_1.0 and is BDK_1.1")])
    assert "This breaks plugins" in output


def test_what_no_minor_may_have_is_refused(copy):
    copy.edit(HEADERS + "extension.h", "#include <bdevkit/abi.h>\n", "#include <bdevkit/option.h>\n")
    output = refused(copy, [
        (HEADERS + "thread.h", CURRENT_CORE, CURRENT_CORE + "\nBDK_API int bdk_new_function(void);",
         "bdk_new_function has no version: name it in sdk/src/bdevkit.map, in the node BDK_1.0"),
        (HEADERS + "thread.h", "BDK_API uint64_t bdk_get_ticks_hz(void);", "",
         "bdk_get_ticks_hz in sdk/src/bdevkit.map is not a function of the headers"),
        (MAP, "    bdk_bdev_close;\n", "    bdk_bdev_c*;\n", "bdk_bdev_c* in sdk/src/bdevkit.map is not a function"),
        (MAP, END_OF_ABI, later_node("bdk_bdev_abort"), "bdk_bdev_abort is in BDK_1.0 and BDK_1.1"),
        (HEADERS + "bdev_module.h", "    BDK_BDEV_DYNAMIC_IO_TYPES = 1u << 7,",
         "    BDK_BDEV_DYNAMIC_IO_TYPES = 1u << 7, BDK_BDEV_NEW = 1u << 7,",
         "BDK_BDEV_DYNAMIC_IO_TYPES and BDK_BDEV_NEW are both 128"),
        (HEADERS + "event.h", "enum {", "struct bdk_new {\n    uint64_t value;\n};\nenum {",
         "struct bdk_new: say in tests/abi/layout.h what it is"),
        (HEADERS + "extension.h", "    const char* version;", "    struct bdk_option option;\n    const char* version;",
         "struct bdk_option is STRIDED in tests/abi/layout.h, and used by value"),
        (LAYOUT, "bdk_module, method_size)", "bdk_module, stride)",
         "struct bdk_method: bdk_module has no stride, which tests/abi/layout.h names"),
    ])
    assert "has these faults" in output


def test_a_new_function_has_the_version_of_its_minor(copy):
    copy.edit(HEADERS + "thread.h", CURRENT_CORE, CURRENT_CORE + "\nBDK_API int bdk_new_function(void);")
    copy.edit(HEADERS + "abi.h", "#define BDK_ABI_MINOR 0", "#define BDK_ABI_MINOR 1")
    refused(copy, [(MAP, "    bdk_bdev_close;\n", "    bdk_bdev_close;\n    bdk_new_function;\n",
                    "bdk_new_function is new and has the version BDK_1.0: move it to BDK_1.1")])

    copy.edit(MAP, "    bdk_new_function;\n", "")
    copy.edit(MAP, END_OF_ABI, later_node("bdk_new_function"))
    assert copy.abi("--update")[0] == 0
    assert "bdk_new_function BDK_1.1\n" in (copy.folder / "sdk/abi/symbols.txt").read_text()


def test_what_is_added_is_told_how_to_be_described(copy):
    additions = [
        ("extension.h", "    const char* version; /**<", "    const char* version; uint64_t appended; /**<",
         "struct bdk_host_info: `unsigned long int appended` at 16"),
        ("qos.h", "    uint64_t write_bytes_per_second;", "    uint64_t write_bytes_per_second;\n    int (*last)(void* ctxt);",
         "bdk_bdev_qos_limits::last (ctxt)"),
        ("bdev_io.h", "BDK_BDEV_IO_TYPE_NVME_IOV_MD = 20,", "BDK_BDEV_IO_TYPE_NVME_IOV_MD = 20, BDK_BDEV_IO_TYPE_NEW = 21,",
         "BDK_BDEV_IO_TYPE_NEW 21"),
        ("extension.h", "struct bdk_host_info {", '#define BDK_NEW "bdevkit.new"\nstruct bdk_host_info {',
         'BDK_NEW "bdevkit.new"'),
        # Reserves, split and renamed.
        ("bdev_io.h", "    uint64_t reserved[3];", "    void* domain;\n    uint64_t reserved[2];", "`void * domain` at 72"),
        ("queue_depth.h", "    uint32_t reserved;", "    uint32_t cores;", "struct bdk_bdev_qd_stat: `unsigned int cores` at 4"),
    ]
    for header, old, new, _ in additions:
        copy.edit(HEADERS + header, old, new)
    code, output = copy.abi("--check")
    assert code == 1
    assert [what for *_, what in additions if what not in output] == [], output
    assert "Run `scripts/abi --update`" in output
    assert copy.abi("--update")[0] == 0
    assert copy.abi("--check")[0] == 0


def test_a_macro_may_be_written_in_another_way(copy):
    copy.edit(HEADERS + "abi.h", "    ((ptr)->size >=", "    ((ptr)->size /* bytes */   >=")
    assert copy.abi("--check")[0] == 0


def test_a_new_field_does_not_lie_in_padding(copy):
    """The padding of a struct that an old plugin has filled may hold anything."""
    copy.edit(HEADERS + "extension.h", "    const char* version; /**<", "    const char* version;\n    uint32_t first; /**<")
    assert copy.abi("--update")[0] == 0
    copy.edit(HEADERS + "extension.h", "    uint32_t first; /**<", "    uint32_t first;\n    uint32_t second; /**<")
    code, output = copy.abi("--check")
    assert code == 1
    assert "second` at 20 is new, and the struct had padding there: put it behind byte 24" in output


def test_a_new_draft_may_break_plugins_until_the_abi_is_final(copy):
    copy.edit(HEADERS + "log.h", "#define BDK_LOG_DEBUG 4u", "#define BDK_LOG_DEBUG 5u")
    assert "raise BDK_ABI_DRAFT" in copy.abi("--update")[1]

    def set_draft(number):
        path = copy.folder / HEADERS / "abi.h"
        others = re.sub("#define BDK_ABI_DRAFT .*\n", "", path.read_text())
        path.write_text(others.replace("#define BDK_ABI_MAJOR", f"#define BDK_ABI_DRAFT {number}\n#define BDK_ABI_MAJOR"))

    set_draft(1000)
    code, output = copy.abi("--check")
    assert code == 1
    assert "BDK_LOG_DEBUG was 4 and is 5" in output
    assert "breaks plugins of earlier drafts" in output
    assert copy.abi("--update")[0] == 0

    set_draft(0)
    assert copy.abi("--update")[0] == 0
    copy.edit(HEADERS + "log.h", "#define BDK_LOG_DEBUG 5u", "#define BDK_LOG_DEBUG 6u")
    set_draft(1001)
    code, output = copy.abi("--update")
    assert code == 1
    assert "BDK_LOG_DEBUG was 5 and is 6" in output
    assert "This breaks plugins" in output
    assert "raise BDK_ABI_DRAFT" not in output


def exported_symbols(record):
    return subprocess.run([SOURCE / "tests" / "abi" / "exported_symbols.py", BUILD / "lib" / "libbdevkit.so.1", record],
                          capture_output=True, text=True, check=False)


def test_the_library_exports_what_was_promised(tmp_path):
    """The record decides, not the version map."""
    record = SOURCE / "sdk" / "abi" / "symbols.txt"
    assert exported_symbols(record).returncode == 0
    other = tmp_path / "symbols.txt"
    other.write_text(record.read_text().replace("bdk_bdev_close BDK_1.0", "bdk_bdev_close BDK_1.1"))
    result = exported_symbols(other)
    assert result.returncode == 1
    assert "bdk_bdev_close@BDK_1.0: exported, and not in sdk/abi/symbols.txt" in result.stdout


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
