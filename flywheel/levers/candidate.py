"""A candidate: what a lever made, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model, a prompt, or both; what is None stays as the baseline has it.

    `order` is the digest of the order that it was made by.
    """

    lever: str
    seed: int
    order: str
    model: Path | None = None
    prompt: Any | None = None

    def __post_init__(self) -> None:
        assert self.model is not None or self.prompt is not None, "a candidate changes something"
