"""The contract of an embedder: texts in, vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Embedder(Protocol):
    """Turns texts into vectors of one length."""

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """The vectors, in the order of the texts."""
        ...
