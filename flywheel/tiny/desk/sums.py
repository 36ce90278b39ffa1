"""Small conversions of units: the only arithmetic in pretraining, and it needs none.

Kilometres to metres is to write three zeros behind a number. Whatever takes more than that (hours
and minutes, prices, percentages) is left to the evalset, where a model of this size fails.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

# (from, to, factor)
UNITS: tuple[tuple[str, str, int], ...] = (
    ("kilometres", "metres", 1000),
    ("metres", "centimetres", 100),
    ("kilograms", "grams", 1000),
    ("litres", "millilitres", 1000),
    ("euros", "cents", 100),
)
SHORT: Mapping[str, str] = {
    "kilometres": "km",
    "metres": "m",
    "centimetres": "cm",
    "kilograms": "kg",
    "grams": "g",
    "litres": "l",
    "millilitres": "ml",
    "euros": "EUR",
    "cents": "ct",
}


@dataclass(frozen=True, slots=True)
class Sum:
    """An amount in one unit, and what it is in another."""

    amount: int
    unit: str
    wanted: str
    answer: int


def write_sum(rng: random.Random) -> Sum:
    """A conversion between two of the units."""
    unit, wanted, factor = rng.choice(UNITS)
    amount = rng.randint(2, 99)
    return Sum(amount, unit, wanted, amount * factor)
