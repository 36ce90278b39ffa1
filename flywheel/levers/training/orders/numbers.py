"""The numbers of a training, with every "auto" of its config resolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Schedule = Literal["linear", "cosine", "constant", "wsd"]


class Numbers(BaseModel):
    """Intervals and `warmup` are in steps. `own` are numbers specific to the lever.

    `why` has the reason for each number that was "auto".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: float
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Schedule = "linear"
    warmup: int
    max_length: int
    eval_interval: int
    save_interval: int
    own: Mapping[str, float] = {}
    why: dict[str, str] = {}

    @property
    def flat(self) -> dict[str, Any]:
        """All numbers by name, without the reasons."""
        return {**self.model_dump(exclude={"own", "why"}), **self.own}
