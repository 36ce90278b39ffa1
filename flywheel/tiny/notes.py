"""Notes that name people, products, dates and cities, with what each of them names.

Sentences are split like the desk's. Dev and test also use some names that train never shows, so a
model has to copy a word it does not know from a place it does.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel.tiny.desk import CITIES, PEOPLE, PRODUCTS
from flywheel.tiny.phrases import Split

KINDS = ("person", "product", "date", "city")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
# A model of this size tells eight words of a kind apart after a million tokens, sixteen not yet.
SOME_PEOPLE, SOME_PRODUCTS = PEOPLE[:8], PRODUCTS[:8]
_NEW_PEOPLE = ("Elena", "Jonas", "Amara", "Victor")
_NEW_CITIES = ("Bergen", "Tunis", "Kyoto", "Lagos")
_NEW_SHARE = 0.1

SENTENCES: Mapping[Split, Sequence[str]] = {
    "train": (
        "{person} bought a {product} in {city} on {date}.",
        "On {date} {person} ordered a {product}.",
        "The {product} was sent to {city} on {date}.",
        "{person} lives in {city} and wants a {product}.",
        "A {product} for {person}, to be delivered in {city}.",
        "{person} called on {date} about the {product}.",
        "Our store in {city} sold the last {product} on {date}.",
        "Please tell {person} that the {product} is ready.",
        "{person} moved to {city} on {date}.",
        "In {city}, {person} picked up the {product}.",
        "The {product} that {person} returned came on {date}.",
        "{date}: {person} asks for a {product} from {city}.",
        "Invoice of {date} for {person}, {city}.",
        "There is a {product} for {person} in {city}, to be picked up on {date}.",
    ),
    "dev": (
        "The {product} reached {person} in {city} on {date}.",
        "{person} from {city} sent the {product} back.",
        "{city}, {date}: the {product} is sold.",
        "On {date} we called {person} in {city}.",
        "{person} paid for the {product} on {date}.",
        "The store in {city} has a {product} for {person}.",
        "Delivery of {date}: a {product} to {city} for {person}.",
    ),
    "test": (
        "{person} picked a {product} up in {city} on {date}.",
        "For {person} in {city}: the {product} is ready.",
        "On {date} the {product} came back from {city}.",
        "{date}: {person} called about a {product}.",
        "{person}, who lives in {city}, ordered on {date}.",
        "A {product} was sold to {person} on {date} in {city}.",
        "The {product} for {person} was delivered on {date}.",
        "Our store in {city} sent {person} the {product} on {date}.",
    ),
}


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence and what it names; None where it names nothing of the kind.

    `entities` has the date as YYYY-MM-DD, `date_text` as it is written.
    """

    text: str
    entities: Mapping[str, str | None]
    date_text: str | None
    template: str


def write_date(rng: random.Random) -> tuple[str, str]:
    """A date as people write it, and as YYYY-MM-DD."""
    year, month, day = rng.randint(2015, 2029), rng.randint(1, 12), rng.randint(1, 28)
    name = MONTHS[month - 1]
    figures = f"{day:02d}.{month:02d}.{year}"
    text = rng.choice((figures, figures, f"{day} {name} {year}", f"{name} {day}, {year}"))
    return text, f"{year}-{month:02d}-{day:02d}"


def write_note(rng: random.Random, split: Split) -> Note:
    """A note in the wordings of this split."""
    number = rng.randrange(len(SENTENCES[split]))
    sentence = SENTENCES[split][number]
    date_text, date = write_date(rng)
    named = {
        "person": _pick(rng, split, SOME_PEOPLE, _NEW_PEOPLE),
        "product": rng.choice(SOME_PRODUCTS),
        "date": date,
        "city": _pick(rng, split, CITIES, _NEW_CITIES),
    }
    slots = {field for _, field, _, _ in string.Formatter().parse(sentence) if field}
    return Note(
        text=sentence.format(**{**named, "date": date_text}),
        entities={kind: named[kind] if kind in slots else None for kind in KINDS},
        date_text=date_text if "date" in slots else None,
        template=f"{split}-note-{number}",
    )


def _pick(rng: random.Random, split: Split, known: Sequence[str], new: Sequence[str]) -> str:
    fresh = split != "train" and rng.random() < _NEW_SHARE
    return rng.choice(new if fresh else known)
