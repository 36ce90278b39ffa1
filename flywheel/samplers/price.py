"""What an answer cost, by a table that its user wrote.

    gpt-4o:      {input: 2.50, output: 10.00, cached: 1.25}
    gpt-4o-mini: {input: 0.15, output: 0.60, cached: 0.075}

US dollars for a million tokens, by the beginning of the model's name; the longest that fits counts.
No prices are shipped: they change, and a wrong one is worse than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from flywheel.document import load_document
from graders.ungraded import Usage

_MILLION = 1_000_000


class Rate(BaseModel):
    """US dollars for a million tokens. Without `cached`, cached tokens cost as much as others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)
    cached: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class Prices:
    """Rates by the beginning of a model's name."""

    def __init__(self, rates: Mapping[str, Rate] | None = None) -> None:
        self._rates = dict(rates or {})

    def fit(self, model: str) -> bool:
        """Whether there is a rate for the model of this name."""
        return any(model.startswith(prefix) for prefix in self._rates)

    def price(self, model: str, usage: Usage) -> float | None:
        """US dollars for this usage, None when no rate fits the model."""
        fitting = [prefix for prefix in self._rates if model.startswith(prefix)]
        if not fitting:
            return None
        rate = self._rates[max(fitting, key=len)]
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        cached_rate = rate.input if rate.cached is None else rate.cached
        total = (usage.prompt_tokens - cached) * rate.input + cached * cached_rate
        return (total + usage.completion_tokens * rate.output) / _MILLION


def load_prices(path: Path) -> Prices:
    """Read a table from a YAML or JSON file. Raises BadFile with the place of each fault."""
    return Prices(load_document(path).read_as(TypeAdapter(dict[str, Rate])))
