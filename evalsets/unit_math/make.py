"""Makes the items of unit_math: small sums over units, with the number as the answer.

    python evalsets/unit_math/make.py

The same seed gives the same files. Templates are split, not only numbers: no sentence of dev or
test is one that train has shown.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

SEED = 20261120
HERE = Path(__file__).parent
Make = Callable[[random.Random], tuple[str, float, str]]


def metres(rng: random.Random) -> tuple[str, float, str]:
    """Kilometres to metres."""
    km = rng.randint(2, 90)
    return f"How many metres are {km} kilometres?", km * 1000, "m"


def minutes(rng: random.Random) -> tuple[str, float, str]:
    """Hours and minutes to minutes."""
    hours, rest = rng.randint(1, 9), rng.randint(1, 59)
    return (
        f"A train takes {hours} h {rest} min. How many minutes is that?",
        hours * 60 + rest,
        "min",
    )


def bill(rng: random.Random) -> tuple[str, float, str]:
    """A price times a count."""
    count, cents = rng.randint(2, 12), rng.randint(1, 39) * 25
    text = f"One ticket costs ${cents / 100:.2f}. What do {count} tickets cost, in dollars?"
    return text, count * cents / 100, "$"


def grams(rng: random.Random) -> tuple[str, float, str]:
    """Kilograms less grams."""
    kg, used = rng.randint(2, 9), rng.randint(1, 19) * 50
    text = f"A sack holds {kg} kg of flour and a baker takes {used} g. How many grams are left?"
    return text, kg * 1000 - used, "g"


def speed(rng: random.Random) -> tuple[str, float, str]:
    """Distance over time."""
    hours, pace = rng.randint(2, 6), rng.randint(4, 25) * 5
    text = f"A van drives {hours * pace} km in {hours} hours. What is its speed in km/h?"
    return text, pace, "km/h"


def share(rng: random.Random) -> tuple[str, float, str]:
    """A percentage of a length."""
    percent, length = rng.randint(1, 19) * 5, rng.randint(2, 40) * 20
    text = f"A rope of {length} cm is cut at {percent}% of its length. How many cm is that?"
    return text, length * percent / 100, "cm"


def litres(rng: random.Random) -> tuple[str, float, str]:
    """Glasses from litres."""
    tenths, glasses = rng.choice((2, 5)), rng.randint(3, 30)
    text = f"How many litres fill {glasses} glasses of 0.{tenths} l each?"
    return text, glasses * tenths / 10, "l"


def discount(rng: random.Random) -> tuple[str, float, str]:
    """A price less a percentage."""
    percent, price = rng.randint(1, 9) * 10, rng.randint(2, 60) * 10
    text = f"A coat of {price} euros is sold {percent}% off. How many euros does it cost now?"
    return text, price * (100 - percent) / 100, "euros"


SPLITS: dict[str, tuple[int, tuple[Make, ...]]] = {
    "train": (120, (metres, minutes, bill, grams)),
    "dev": (40, (speed, litres)),
    "test": (60, (share, discount)),
}


def make(split: str) -> list[dict[str, object]]:
    """The items of one split."""
    size, templates = SPLITS[split]
    rng = random.Random(f"{SEED}-{split}")
    items: list[dict[str, object]] = []
    seen: set[str] = set()
    while len(items) < size:
        question, answer, unit = rng.choice(templates)(rng)
        if question not in seen:
            seen.add(question)
            number = f"{answer:g}" if answer != int(answer) else str(int(answer))
            items.append(
                {
                    "id": f"{split}-{len(items):03}",
                    "question": question,
                    "answer": number,
                    "unit": unit,
                }
            )
    return items


def main() -> None:
    """Write the three files beside this one."""
    for split in SPLITS:
        lines = [json.dumps(item, ensure_ascii=False) + "\n" for item in make(split)]
        (HERE / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
