"""Content digests, which identify definitions.

The digest of a value is the sha256 of its canonical JSON: keys sorted, no blanks, UTF-8, no NaN.
Values with the same JSON (a tuple and a list, 1 and "1" as keys) have the same digest; 1 and 1.0
have different ones.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """The canonical JSON of a value. Raises ValueError for NaN, TypeError for other types."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: Any) -> str:
    """The digest of a JSON value, 64 hexadecimal digits."""
    return digest_bytes(canonical_json(value).encode("utf-8", "surrogatepass"))


def digest_bytes(data: bytes) -> str:
    """The digest of bytes."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """The digest of a file's bytes, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
