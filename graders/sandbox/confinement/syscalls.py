"""The system calls that a grader may make, as syscalls.toml lists them.

A test compares the numbers with the kernel's headers.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

_TABLE = {
    name: words.split()
    for name, words in tomllib.loads(
        Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    ).items()
}
NUMBERS = {
    machine: dict(zip(_TABLE[machine][::2], map(int, _TABLE[machine][1::2]), strict=True))
    for machine in ("x86_64", "aarch64")
}
PATHS, GUARDED = frozenset(_TABLE["paths"]), frozenset(_TABLE["guarded"])
