#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares what libbdevkit.so exports with what sdk/abi promises: each function under its version, and nothing else but
C++ of ours under BDEVKIT_PRIVATE. scripts/abi says that the headers declare just these functions.

usage: exported_symbols.py LIBRARY sdk/abi/symbols.txt
"""

import pathlib
import subprocess
import sys


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


def is_private(symbol, version):
    return version == "BDEVKIT_PRIVATE" and symbol.startswith("_Z")


def main():
    library, record = sys.argv[1:]
    promised = {tuple(line.split()) for line in pathlib.Path(record).read_text().splitlines()}
    exported = set(exported_symbols(library))
    public = {pair for pair in exported if not is_private(*pair)}

    complaints = [f"{symbol}@{version}: in sdk/abi/symbols.txt, and not exported" for symbol, version in promised - public]
    complaints += [f"{symbol}@{version}: exported, and not in sdk/abi/symbols.txt" for symbol, version in public - promised]
    if not promised:
        complaints.append(f"no symbols found in {record}")
    print("\n".join(sorted(complaints)))
    print(f"{len(promised)} symbols promised, {len(public)} exported, {len(exported) - len(public)} private, "
          f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
