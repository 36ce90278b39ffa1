"""Notes that mention people, orders, amounts and dates, labelled with these entities.

Sentences are split like the desk's. Dev and test also use names that train does not have, so a
model must copy an unknown word from a known position.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass

from flywheel.tiny.desk.desk import PEOPLE, order_id
from flywheel.tiny.desk.phrases import NOTES, Split

KINDS = ("person", "order_id", "amount", "date")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
SOME_PEOPLE = PEOPLE[:8]
_NEW_PEOPLE = ("Elena", "Jonas", "Amara", "Victor")
_NEW_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence and its entities by kind, None for a kind that it lacks.

    `entities` has the date as YYYY-MM-DD, `date_text` as in the sentence.
    """

    text: str
    entities: Mapping[str, str | None]
    date_text: str | None
    template: str


def write_date(rng: random.Random) -> tuple[str, str]:
    """A random date as text, and as YYYY-MM-DD."""
    year, month, day = rng.randint(2015, 2029), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[month - 1]
    figures = f"{day:02d}.{month:02d}.{year}"
    text = rng.choice((figures, figures, f"{day} {name} {year}", f"{name} {day}, {year}"))
    return text, f"{year}-{month:02d}-{day:02d}"


def write_note(rng: random.Random, split: Split) -> Note:
    """A random note in the wordings of this split."""
    number = rng.randrange(len(NOTES[split]))
    sentence = NOTES[split][number]
    date_text, date = write_date(rng)
    fresh = split != "train" and rng.random() < _NEW_SHARE
    named = {
        "person": rng.choice(_NEW_PEOPLE if fresh else SOME_PEOPLE),
        "order_id": order_id(rng),
        "amount": f"${rng.randint(5, 480)}",
        "date": date,
    }
    slots = {field for _, field, _, _ in string.Formatter().parse(sentence) if field}
    return Note(
        text=sentence.format(**{**named, "date": date_text}),
        entities={kind: named[kind] if kind in slots else None for kind in KINDS},
        date_text=date_text if "date" in slots else None,
        template=f"{split}-note-{number}",
    )
