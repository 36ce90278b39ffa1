"""Content digests: what a definition is called, whoever stores it and whenever.

The digest of a value is the sha256 of its canonical JSON: keys sorted, no blanks, UTF-8, no NaN.
Two values that JSON cannot tell apart (a tuple and a list, 1 and "1" as keys) have one digest;
1 and 1.0 have two.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """The one way to write a value. Raises ValueError for NaN, TypeError for what is no JSON."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """The digest of a JSON value, 64 hexadecimal digits."""
    return digest_bytes(canonical_json(value).encode("utf-8", "surrogatepass"))


def digest_bytes(data: bytes) -> str:
    """The digest of bytes as they are."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
