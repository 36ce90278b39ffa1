"""Landlock: the files that a confined process may read, and no other right at all.

A rule grants reading, or only listing, of everything beneath a path. What Landlock cannot hide:
that a path exists, its size and its times (`stat`), and the target of a symbolic link.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from graders.sandbox.confinement import kernel

# The first version with rules for the network; older ones are not worth a tier of their own.
OLDEST = 4

_WRITE_FILE, _READ_FILE, _READ_DIR = 2, 4, 8
_RIGHTS = {"list": _READ_DIR, "read": _READ_FILE | _READ_DIR, "null": _READ_FILE | _WRITE_FILE}
_FOR_FILES = _READ_FILE | _WRITE_FILE


def open_ruleset(grants: Iterable[tuple[str, str]]) -> int:
    """A rule set of (path, "list" | "read" | "null"); a path that is missing is left out."""
    version = kernel.landlock_abi()
    files = 0x7FFF if version < 5 else 0xFFFF
    network = 0b11
    # Version 6 also keeps signals and abstract sockets inside.
    scoped = struct.pack("=Q", 0b11) if version >= 6 else b""
    ruleset = kernel.landlock_create(struct.pack("=QQ", files, network) + scoped)
    for path, right in grants:
        _grant(ruleset, path, _RIGHTS[right])
    return ruleset


def _grant(ruleset: int, path: str, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        kernel.landlock_allow(
            ruleset, rights if os.path.isdir(path) else rights & _FOR_FILES, opened
        )
    finally:
        os.close(opened)
