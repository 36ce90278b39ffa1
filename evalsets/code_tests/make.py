"""Makes the items of code_tests: a function in words, its tests, and one right solution.

    python evalsets/code_tests/make.py

Families of functions are split: what dev and test ask for is no variation of what train shows. The
tests of an item are the inputs and the results of its own solution.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evalsets.write import write_splits

SEED = 20261120
HERE = Path(__file__).parent
# A family: what is asked, the body of the solution, and how to draw an argument.
Family = tuple[str, str, Callable[[random.Random], Any]]


def numbers(rng: random.Random) -> list[int]:
    """A short list of numbers."""
    return [rng.randint(-9, 30) for _ in range(rng.randint(0, 8))]


def number(rng: random.Random) -> int:
    """A number that may be negative."""
    return rng.randint(-50, 200)


def words(rng: random.Random) -> str:
    """A few words of different lengths."""
    stock = [
        "a",
        "is",
        "tea",
        "lamp",
        "order",
        "parcel",
        "invoice",
        "delivery",
        "kettle",
        "to",
        "do",
    ]
    return " ".join(rng.choices(stock, k=rng.randint(0, 7)))


FAMILIES: dict[str, dict[str, Family]] = {
    "train": {
        "add": ("adds {k} to the number x", "return x + {k}", number),
        "count_above": (
            "counts the numbers in the list x that are greater than {k}",
            "return sum(1 for n in x if n > {k})",
            numbers,
        ),
        "long_words": (
            "returns the list of the words in the text x that have more than {k} letters",
            "return [word for word in x.split() if len(word) > {k}]",
            words,
        ),
        "clamp": ("returns x, but never more than {k}", "return min(x, {k})", number),
    },
    "dev": {
        "multiples": (
            "returns the numbers of the list x that can be divided by {k}",
            "return [n for n in x if n % {k} == 0]",
            numbers,
        ),
        "cut": ("returns the first {k} characters of the text x", "return x[:{k}]", words),
        "power": ("returns x to the power of {k}", "return x ** {k}", number),
    },
    "test": {
        "rotate": (
            "moves the first {k} elements of the list x to its end, or as many as there are",
            "return x[{k}:] + x[:{k}]",
            numbers,
        ),
        "digits": (
            "returns the sum of the digits of the number x, times {k}",
            "return {k} * sum(int(d) for d in str(abs(x)))",
            number,
        ),
        "every": (
            "returns every word of the text x whose length is exactly {k}, in capitals",
            "return [word.upper() for word in x.split() if len(word) == {k}]",
            words,
        ),
    },
}
SIZES = {"train": 24, "dev": 18, "test": 18}
TESTS = 8


def make(split: str) -> list[dict[str, Any]]:
    """The items of one split: each family with several constants."""
    rng = random.Random(f"{SEED}-{split}")
    families = FAMILIES[split]
    items: list[dict[str, Any]] = []
    for index in range(SIZES[split]):
        name = sorted(families)[index % len(families)]
        asked, body, draw = families[name]
        k = 2 + index // len(families)
        solution = f"def f(x):\n    {body.format(k=k)}\n"
        inputs = [draw(rng) for _ in range(TESTS)]
        key = f"{split}-{index:03}"
        task = f"Write a Python function f(x) that {asked.format(k=k)}."
        items.append(
            {
                "id": key,
                "family": name,
                "task": task,
                "solution": solution,
                "inputs": inputs,
                "results": results(solution, inputs),
            }
        )
    return items


def results(solution: str, inputs: list[Any]) -> list[Any]:
    """What the solution gives for each input. The solutions are those above, nobody else's."""
    space: dict[str, Any] = {}
    exec(solution, space)
    return [space["f"](value) for value in inputs]


def main(folder: Path = HERE) -> None:
    """Write the three files into the folder."""
    write_splits(folder, SIZES, make)


if __name__ == "__main__":
    main()
