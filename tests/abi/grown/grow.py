#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Turns a copy of this repository into the host of a later minor, in which everything that may grow has grown.

    grow.py FOLDER     FOLDER: the copy

Each struct that tests/abi/layout.h lets grow gets a field at its end, the tables of functions a function. There is a
new type of I/O, a new flag of an I/O and a new function. Plugins that are compiled against the headers of 1.0 must not
notice: .ci/grown builds the copy and runs them.
"""

import re
import sys
from pathlib import Path

INCLUDE = "sdk/include/bdevkit"
# A later minor fills the end of these with functions, which a host must not call where a plugin has none.
TABLES = {"bdk_module", "bdk_bdev_fn_table"}


def edit(path, pattern, replacement):
    """Replaces the only match of the pattern."""
    text = path.read_text()
    text, count = re.subn(pattern, replacement, text, flags=re.M)
    assert count == 1, f"{path}: {count} matches of {pattern}"
    path.write_text(text)


def grow_structs(root):
    layout = (root / "tests/abi/layout.h").read_text()
    grown = re.findall(r"^(?:GROWS_FROM|STRIDED)\((\w+),", layout, re.M)
    headers = {path: path.read_text() for path in (root / INCLUDE).glob("*.h")}
    for struct in grown:
        field = "void (*grown)(void* ctxt)" if struct in TABLES else "uint64_t grown"
        pattern = re.compile(rf"^struct {struct} \{{\n.*?^\}};", re.M | re.S)
        owners = [path for path, text in headers.items() if pattern.search(text)]
        assert len(owners) == 1, f"struct {struct} is in {owners}"
        text = headers[owners[0]]
        end = pattern.search(text).end() - len("};")
        headers[owners[0]] = text[:end] + f"    {field};\n" + text[end:]
    for path, text in headers.items():
        path.write_text(text)
    return grown


def main(root):
    edit(root / INCLUDE / "abi.h", r"BDK_ABI_MINOR 0", "BDK_ABI_MINOR 1")
    grown = grow_structs(root)
    # A type beyond those that SPDK may number, and a flag.
    edit(root / INCLUDE / "bdev_io.h", r"(BDK_BDEV_IO_TYPE_NVME_IOV_MD = 20),", r"\1, BDK_BDEV_IO_TYPE_GROWN = 40,")
    edit(root / INCLUDE / "bdev_io.h", r"^(    BDK_BDEV_IO_NO_UNMAP = .*)$", r"\1\n    BDK_BDEV_IO_GROWN = 1u << 5,")
    types = root / "sdk/src/bdev/model/io_type"
    edit(types.with_suffix(".hpp"), r"io_type_count = BDK_BDEV_IO_TYPE_NVME_IOV_MD \+ 1",
         "io_type_count = BDK_BDEV_IO_TYPE_GROWN + 1")
    edit(types.with_suffix(".hpp"), r"\{BDK_BDEV_IO_NO_UNMAP, 0\}", "{BDK_BDEV_IO_NO_UNMAP, 0}, {BDK_BDEV_IO_GROWN, 1}")
    edit(types.with_suffix(".cpp"), r"^    return table;$",
         '    table[BDK_BDEV_IO_TYPE_GROWN] = {.name = "grown", .since_minor = 1, .carries = Carries::blocks};\n'
         "    return table;")
    validate = root / "sdk/src/bdev/path/validate.cpp"
    edit(validate, r"Fua::none \? 0 : BDK_BDEV_IO_FUA;",
         "Fua::none ? uint32_t{BDK_BDEV_IO_GROWN} : BDK_BDEV_IO_GROWN | BDK_BDEV_IO_FUA;")
    # A function in a node of its own.
    guarded = "\\n#if BDK_ABI_TARGET >= 1\\n{}\\n#endif"
    edit(root / INCLUDE / "thread.h", r"^(BDK_API uint32_t bdk_get_current_core\(void\);)$",
         r"\1" + guarded.format("BDK_API uint32_t bdk_grown(void);"))
    # The C++ layer uses it where it may.
    edit(root / INCLUDE / "virtual_bdev.hpp", r"^(namespace BDEVKIT_HIDDEN bdevkit \{)$",
         r"\1" + guarded.format("inline const uint32_t grown = bdk_grown();"))
    edit(root / "sdk/src/bdevkit.map", r"^(/\* For the host)",
         "BDK_1.1 {\n  global:\n    bdk_grown;\n} BDK_1.0;\n\n" r"\1")
    (root / "sdk/src/base/grown.cpp").write_text(
        "#include <bdevkit/thread.h>\n\nuint32_t bdk_grown(void) {\n    return 1;\n}\n")
    print(f"{len(grown)} structs, a type, a flag and a function have been added")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
