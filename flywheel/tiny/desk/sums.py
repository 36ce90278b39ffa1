"""Unit conversions that need no arithmetic, such as appending three zeros to a number.

Real arithmetic (hours and minutes, prices, percentages) occurs only in the evalset, where a model
of this size fails.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel.document import load_document

_UNITS: Mapping[str, Any] = load_document(Path(__file__).with_name("units.yaml")).value
SHORT: Mapping[str, str] = _UNITS["short"]


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount in one unit, and its value in another."""

    amount: int
    unit: str
    wanted: str
    answer: int


def write_sum(rng: random.Random) -> Sum:
    """A random conversion between two units."""
    unit, wanted, factor = rng.choice(_UNITS["conversions"])
    amount = rng.randint(2, 99)
    return Sum(amount, unit, wanted, amount * factor)
