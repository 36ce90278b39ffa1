"""Seeds from what is compared, so that a resampled figure is the same whoever computes it."""

from __future__ import annotations

import hashlib


def seed_of(*parts: str) -> int:
    """A seed of 64 bits from sha256 over the parts, such as the digests of two runs.

    Each part goes in behind its length: ("ab", "c") and ("a", "bc") are different seeds.
    """
    digest = hashlib.sha256()
    for part in parts:
        text = part.encode()
        digest.update(f"{len(text)}:".encode() + text)
    return int.from_bytes(digest.digest()[:8], "big")
