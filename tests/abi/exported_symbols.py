#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares what the headers declare with what libbdevkit.so exports.

Every BDK_API function of <bdevkit/*.h> is exported under BDK_1.0 or, by the version map's own list, under a later
version; nothing else is, and whatever else the library exports is C++ of ours under BDEVKIT_PRIVATE.

usage: exported_symbols.py LIBRARY INCLUDE_FOLDER VERSION_MAP
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


def later_functions(version_map):
    """Function to version, of those that came after BDK_1.0."""
    nodes = re.findall(r"^(BDK_1\.[1-9]\d*) \{(.*?)^\}", pathlib.Path(version_map).read_text(), re.MULTILINE | re.DOTALL)
    return {function: version for version, body in nodes for function in re.findall(r"\b(bdk_\w+);", body)}


def main():
    library, include_folder, version_map = sys.argv[1:]
    later = later_functions(version_map)
    declared = {(name, later.get(name, "BDK_1.0")) for name in declared_functions(include_folder)}
    exported = set(exported_symbols(library))
    abi = {(symbol, version) for symbol, version in exported if version.startswith("BDK_")}

    complaints = [f"{name}: declared in a header, not exported under {version}" for name, version in declared - abi]
    complaints += [f"{name}: exported under {version}, which no header declares" for name, version in abi - declared]
    complaints += [
        f"{symbol}@{version}: neither of the ABI nor C++ under BDEVKIT_PRIVATE"
        for symbol, version in exported - abi
        if not (version == "BDEVKIT_PRIVATE" and symbol.startswith("_Z"))
    ]
    if not declared:
        complaints.append(f"no declarations found in {include_folder}")
    print("\n".join(sorted(complaints)))
    print(f"{len(declared)} functions declared, {len(abi)} exported, {len(later)} of them since BDK_1.0, "
          f"{len(exported) - len(abi)} private symbols, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
