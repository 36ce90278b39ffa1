"""Makes the items of policy_qa: questions about a shop's rules, with the one fact that answers.

    python evalsets/policy_qa/make.py

The rules give every number in words and the fact has it in digits, so that an answer which only
says the rules back does not hold the fact. Topics are split, not only numbers.
"""

from __future__ import annotations

import random
from pathlib import Path

from evalsets.write import write_splits

SEED = 20261120
HERE = Path(__file__).parent
ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
TENS = {20: "twenty", 30: "thirty", 40: "forty", 60: "sixty", 90: "ninety"}
# Topic: the rule, the question, the fact, a second rule beside it.
TOPICS: dict[str, dict[str, tuple[str, str, str]]] = {
    "train": {
        "return": (
            "Goods may be sent back within {word} days if they are unused.",
            "How long can I return something that I have not used?",
            "{n} days",
        ),
        "refund": (
            "A refund reaches the card {word} working days after the goods are back.",
            "When do I get my money after you have the goods?",
            "{n} working days",
        ),
        "gift": (
            "Gift cards can be spent for {word} months from the day of purchase.",
            "For how long is a gift card good?",
            "{n} months",
        ),
    },
    "dev": {
        "warranty": (
            "Every kettle and toaster has a warranty of {word} months.",
            "How long is the warranty on a toaster?",
            "{n} months",
        ),
        "pickup": (
            "A parcel waits at the shop for {word} days before it goes back.",
            "Until when can I collect my parcel at the shop?",
            "{n} days",
        ),
    },
    "test": {
        "price": (
            "If the price falls within {word} days of the order, the difference is paid back.",
            "The lamp got cheaper after I bought it. How long do I have to ask for the difference?",
            "{n} days",
        ),
        "loan": (
            "While a tent is repaired, a tent on loan may be kept for {word} weeks.",
            "How long may I keep the tent that you lent me?",
            "{n} weeks",
        ),
    },
}
FILLERS = (
    "Shipping within the country is free.",
    "Orders placed before noon leave the same day.",
    "Batteries must be packed apart.",
    "Questions are answered by mail and by phone.",
)
SIZES = {"train": 90, "dev": 40, "test": 60}


def in_words(n: int) -> str:
    """A number as the rules write it."""
    return TENS[n] if n in TENS else ONES[n]


def make(split: str) -> list[dict[str, object]]:
    """The items of one split."""
    rng = random.Random(f"{SEED}-{split}")
    numbers = [*range(2, 13), *TENS]
    items: list[dict[str, object]] = []
    seen: set[tuple[str, ...]] = set()
    while len(items) < SIZES[split]:
        topic = rng.choice(sorted(TOPICS[split]))
        rule, question, fact = TOPICS[split][topic]
        n = rng.choice(numbers)
        rules = [rule.format(word=in_words(n)), *rng.sample(FILLERS, 2)]
        rng.shuffle(rules)
        if tuple(rules) in seen:
            continue
        seen.add(tuple(rules))
        key = f"{split}-{len(items):03}"
        told = {"id": key, "topic": topic, "rules": " ".join(rules), "question": question}
        items.append({**told, "fact": fact.format(n=n)})
    return items


def main(folder: Path = HERE) -> None:
    """Write the three files into the folder."""
    write_splits(folder, SIZES, make)


if __name__ == "__main__":
    main()
