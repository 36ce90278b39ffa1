"""Documents as scripts: the files that a page shows, and the commands that it runs.

A fenced block after a line that is just **`name`** is a file of that name. A `console` block holds
commands (`$ ...`) and what they print: `...` stands for anything, `<BLANKLINE>` for an empty line.
A `python` block without a name is a script. `sh` blocks are for the reader alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(
    r"(?:^\*\*`([\w./-]+)`\*\*\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """One fenced block."""

    name: str | None
    language: str
    text: str
    line: int


class Command(NamedTuple):
    """One command of a console block, with what it should print."""

    command: str
    printed: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2], match[3], text.count("\n", 0, match.start()) + 1)
        for match in _BLOCK.finditer(text)
    ]


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE):
        if part.startswith("$ "):
            command, _, printed = part[2:].partition("\n")
            yield Command(command, printed, block.line)


def matches(printed: str, wanted: str) -> bool:
    """Whether the output is as the page says: a line of only `...` is any lines, or none."""
    lines = wanted.replace("<BLANKLINE>\n", "\n").rstrip("\n").split("\n")
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*?") + r"\n"
        for line in lines
    )
    return re.fullmatch(pattern, printed.rstrip("\n") + "\n", re.DOTALL) is not None
