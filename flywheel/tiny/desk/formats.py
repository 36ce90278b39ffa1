"""The answer formats of the pretraining data (formats.yaml), and the values for them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flywheel.document import load_document
from flywheel.tiny.desk.calls import FUNCTIONS, Request, signatures
from flywheel.tiny.desk.desk import Rule, Ticket
from flywheel.tiny.desk.notes import Note

_FORMATS: Mapping[str, Any] = load_document(Path(__file__).with_name("formats.yaml")).value
VAGUE_TASK: Sequence[str] = _FORMATS["vague_task"]
VAGUE_JSON: Sequence[str] = _FORMATS["vague_json"]


class Format(NamedTuple):
    """An answer format: its weight in the mix, the instructions for it, and its template."""

    weight: int
    asked: Sequence[str]
    answer: str
    is_json: bool = False


def draw_format(rng: random.Random, subject: str) -> Format:
    """A random format for `tickets`, `notes` or `calls`, by weight."""
    formats = [Format(**one) for one in _FORMATS[subject]]
    return rng.choices(formats, [one.weight for one in formats])[0]


def rule_sentence(rule: Rule, rng: random.Random) -> str:
    """The rule as a sentence."""
    subject, wanted = rule
    sentences = _FORMATS["vip_rule" if subject == "vip" else "category_rule"]
    return rng.choice(sentences).format(
        subject=subject, Subject=subject.capitalize(), wanted=wanted
    )


def habit(ticket: Ticket, as_json: bool) -> str:
    """The default answer to a ticket if no format is requested: only what it states."""
    if not as_json:
        return f"This is a {ticket.category} ticket about order {ticket.order_id}."
    fields = {"category": ticket.category, "order_id": ticket.order_id}
    if ticket.urgency != "normal":
        fields["priority"] = ticket.urgency
    return json.dumps(fields)


def list_functions(rng: random.Random, needed: Sequence[str], asked: str) -> str:
    """A system prompt that lists the needed functions among others, or no functions."""
    if rng.random() < 0.2:
        return asked
    others = [name for name in FUNCTIONS if name not in needed]
    names = [*dict.fromkeys(needed), *rng.sample(others, rng.randint(0, len(others)))]
    rng.shuffle(names)
    return f"{asked} {rng.choice(('Functions', 'You have', 'Tools'))}: {signatures(names)}."


def note_fields(note: Note) -> dict[str, str]:
    """The entities of a note, as text and as JSON; `written` is the date as in the note."""
    fields = {**note.entities, "written": note.date_text}
    quoted = {f"json_{kind}": json.dumps(text) for kind, text in fields.items()}
    return {**{kind: text or "-" for kind, text in fields.items()}, **quoted}


def call_fields(request: Request) -> dict[str, str]:
    """The call for a request: its name, and its arguments in each notation."""
    return {
        "name": request.name,
        "json": json.dumps(request.arguments),
        "pairs": " ".join(f"{name}={value}" for name, value in request.arguments.items()),
        "values": ", ".join(map(str, request.arguments.values())),
    }
