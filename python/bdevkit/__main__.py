# SPDX-License-Identifier: BSD-3-Clause
"""`python3 -m bdevkit STACK.yaml`: a prompt with the host running."""

from __future__ import annotations

import argparse
import asyncio
import code
import sys
from typing import Any

import bdevkit


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m bdevkit", description="Runs a stack and opens a Python prompt.",
                                     epilog="There, `host` is the bdevkit.Host; ctrl-D ends it.")
    parser.add_argument("stack", metavar="STACK.yaml", help="the stack file")
    parser.add_argument("--plugin-path", action="append", default=[], metavar="DIR",
                        help="a folder to look for plugins in before all others; may be repeated")
    arguments = parser.parse_args()
    try:
        host = bdevkit.Host(arguments.stack, plugin_path=arguments.plugin_path)
    except bdevkit.StackError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    with host:
        names: dict[str, Any] = {"host": host, "bdevkit": bdevkit, "asyncio": asyncio}
        _complete(names)
        banner = f"{host}\n\nhost.bdevs, host.open(name, write=True), help(host), ctrl-D to end"
        code.interact(banner=banner, local=names, exitmsg="")
    return 0


def _complete(names: dict[str, Any]) -> None:
    """Enables tab completion, if the terminal supports it."""
    try:
        import readline
        import rlcompleter
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")


if __name__ == "__main__":
    sys.exit(main())
