#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares what the headers declare with what libbdevkit.so exports.

Every BDK_API function of <bdevkit/*.h> is exported under BDK_1.0, nothing else is, and whatever else the
library exports is C++ of ours under BDEVKIT_PRIVATE.

usage: exported_symbols.py LIBRARY INCLUDE_FOLDER
"""

import pathlib
import re
import subprocess
import sys


def declared_functions(include_folder):
    functions = set()
    for header in sorted(pathlib.Path(include_folder, "bdevkit").glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
        text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
        functions |= set(re.findall(r"\bBDK_API\b[^;()]*?\b(bdk_\w+)\s*\(", text))
    return functions


def exported_symbols(library):
    """Pairs of symbol and version."""
    output = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--with-symbol-versions", "--format=posix", library],
        check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        name, kind = line.split()[:2]
        symbol, _, version = name.partition("@")
        if kind != "A":  # the version's own name
            yield symbol, version.lstrip("@")


def main():
    library, include_folder = sys.argv[1:]
    declared = declared_functions(include_folder)
    exported = set(exported_symbols(library))
    abi = {symbol for symbol, version in exported if version == "BDK_1.0"}

    complaints = [f"{name}: declared in a header, not exported under BDK_1.0" for name in declared - abi]
    complaints += [f"{name}: exported under BDK_1.0, declared in no header" for name in abi - declared]
    complaints += [
        f"{symbol}@{version}: neither of the ABI nor C++ under BDEVKIT_PRIVATE"
        for symbol, version in exported
        if version != "BDK_1.0" and not (version == "BDEVKIT_PRIVATE" and symbol.startswith("_Z"))
    ]
    if not declared:
        complaints.append(f"no declarations found in {include_folder}")
    print("\n".join(sorted(complaints)))
    print(f"{len(declared)} functions declared, {len(abi)} exported under BDK_1.0, "
          f"{len(exported) - len(abi)} private symbols, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
