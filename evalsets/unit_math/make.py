"""Makes the items of unit_math: small sums over units, with the number as the answer.

    python evalsets/unit_math/make.py

The same seed gives the same files. Each split has wordings of its own; `group` names the wording,
`steps` how many operations it takes. Train and dev convert units, and train shows every kind of
sum; in test half of the kinds are sums that neither of the others has: percentages.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalsets.write import write_splits
from flywheel.tiny.desk.phrases import Split
from flywheel.tiny.desk.sums import write_sum

SEED = 20261120
HERE = Path(__file__).parent
SIZES: Mapping[Split, int] = {"train": 300, "dev": 40, "test": 200}


class Question(NamedTuple):
    """A question with the number that answers it."""

    text: str
    answer: float
    unit: str
    steps: int


Make = Callable[[random.Random], Question]


def convert(wording: str) -> Make:
    """An amount of one unit in another, asked in these words."""

    def make(rng: random.Random) -> Question:
        s = write_sum(rng)
        text = wording.format(amount=s.amount, unit=s.unit, wanted=s.wanted)
        return Question(text, s.answer, s.wanted, 1)

    return make


def minutes(rng: random.Random) -> Question:
    """Hours and minutes to minutes."""
    hours, rest = rng.randint(1, 9), rng.randint(1, 59)
    text = f"A train takes {hours} h {rest} min. How many minutes is that?"
    return Question(text, hours * 60 + rest, "min", 2)


def bill(rng: random.Random) -> Question:
    """A price times a count."""
    count, cents = rng.randint(2, 12), rng.randint(5, 39) * 25
    text = f"One ticket costs ${cents / 100:.2f}. What do {count} tickets cost, in dollars?"
    return Question(text, count * cents / 100, "$", 1)


def grams(rng: random.Random) -> Question:
    """Kilograms less grams."""
    kg, used = rng.randint(2, 9), rng.randint(1, 19) * 50
    text = f"A sack holds {kg} kg of flour and a baker takes {used} g. How many grams are left?"
    return Question(text, kg * 1000 - used, "g", 2)


def speed(rng: random.Random) -> Question:
    """Distance over time."""
    hours, pace = rng.randint(2, 6), rng.randint(4, 25) * 5
    text = f"A van drives {hours * pace} km in {hours} hours. What is its speed in km/h?"
    return Question(text, pace, "km/h", 1)


def litres(rng: random.Random) -> Question:
    """Glasses from litres."""
    tenths, glasses = rng.choice((2, 5)), rng.randint(3, 30)
    text = f"How many litres fill {glasses} glasses of 0.{tenths} l each?"
    return Question(text, glasses * tenths / 10, "l", 1)


def share(rng: random.Random) -> Question:
    """A percentage of a length."""
    percent, length = rng.randint(1, 19) * 5, rng.randint(2, 40) * 20
    text = f"A rope of {length} cm is cut at {percent}% of its length. How many cm is that?"
    return Question(text, length * percent / 100, "cm", 1)


def discount(rng: random.Random) -> Question:
    """A price less a percentage."""
    percent, price = rng.randint(1, 9) * 10, rng.randint(2, 60) * 10
    text = f"A coat of {price} euros is sold {percent}% off. How many euros does it cost now?"
    return Question(text, price * (100 - percent) / 100, "euros", 2)


KINDS: Mapping[Split, Sequence[tuple[str, Make]]] = {
    "train": (
        ("how-many", convert("How many {wanted} are {amount} {unit}?")),
        ("has", convert("Something has {amount} {unit}. Give that in {wanted}.")),
        ("minutes", minutes),
        ("bill", bill),
        ("grams", grams),
    ),
    "dev": (
        ("make", convert("{amount} {unit} make how many {wanted}?")),
        ("write", convert("Write {amount} {unit} in {wanted}.")),
        ("speed", speed),
        ("litres", litres),
    ),
    "test": (
        ("give", convert("Give me {amount} {unit} in {wanted}.")),
        ("in-there", convert("How many {wanted} are there in {amount} {unit}?")),
        ("share", share),
        ("discount", discount),
    ),
}


def make(split: Split) -> list[dict[str, Any]]:
    """The items of one split. Neighbours differ in their answer: one is wrong for the other."""
    rng = random.Random(f"{SEED}-{split}")
    items: dict[str, dict[str, Any]] = {}
    last = 0.0
    while len(items) < SIZES[split]:
        name, write = rng.choice(KINDS[split])
        question = write(rng)
        if question.answer == last:
            continue
        last = question.answer
        items.setdefault(
            question.text,
            {
                "id": f"{split}-{len(items):03}",
                "question": question.text,
                "answer": f"{question.answer:g}",
                "unit": question.unit,
                "steps": question.steps,
                "group": f"{split}-{name}",
            },
        )
    return list(items.values())


def main(folder: Path = HERE) -> None:
    """Write the three files into the folder."""
    write_splits(folder, SIZES, make)


if __name__ == "__main__":
    main()
