# SPDX-License-Identifier: BSD-3-Clause
"""A tutorial in Markdown as a bash script that does what it says, and stops where something is not as it says.

In the Markdown: ```sh blocks are commands; a ```cpp block is the content of the file that the paragraph before names last,
in backquotes; a ```text block has lines that the commands before it have printed.

usage: tutorial.py FILE.md > script
"""

import re
import shlex
import sys

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

PROLOGUE = r"""set -euo pipefail
# The loader refuses a plugin that others can write.
umask 022
said="$(mktemp)"
trap 'code=$?; [ $code = 0 ] || { cat "$said"; echo "tutorial: stopped with exit code $code" >&2; }; rm -f "$said"' EXIT
expect() { grep -qF -- "$1" "$said" || { echo "tutorial: not printed: $1" >&2; return 1; }; }
"""


def script(markdown):
    parts = [PROLOGUE]
    for block in BLOCK.finditer(markdown):
        kind, text = block[1], block[2]
        if kind == "sh":
            parts.append(f"echo '== commands'\n{{\n{text}}} > \"$said\" 2>&1\ncat \"$said\"\n")
        elif kind == "text":
            parts += [f"expect {shlex.quote(line.strip())}\n" for line in text.splitlines()]
        elif kind == "cpp":
            paragraph = markdown[:block.start()].rstrip().rsplit("\n\n", 1)[-1]
            path = re.findall(r"`([\w./]+\.[ch]pp)`", paragraph)[-1]
            parts.append(f"echo '== {path}'\ncat > {path} <<'END_OF_LISTING'\n{text}END_OF_LISTING\n")
        else:
            raise ValueError(f"a block of kind '{kind}': expected sh, cpp or text")
    return "".join(parts)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(script(file.read()))
