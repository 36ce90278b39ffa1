"""A candidate: the result of a lever, and its origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model, a prompt, or both; None means the baseline's.

    `order` is the digest of the order that produced it.
    """

    lever: str
    seed: int
    order: str
    model: Path | None = None
    prompt: Any | None = None

    def __post_init__(self) -> None:
        assert self.model is not None or self.prompt is not None, "a candidate changes something"
