"""How answers are written in pretraining, and how the instruction names each way.

The evalsets ask in other words than these. Their key names are among the ones here, beside others.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flywheel.tiny.desk.calls import FUNCTIONS, Request, signatures
from flywheel.tiny.desk.desk import CATEGORIES, PRIORITIES, Rule, Ticket
from flywheel.tiny.desk.notes import KINDS, Note

VAGUE_TASK = (
    "Triage the support ticket.",
    "You triage support tickets.",
    "Classify the ticket.",
    "You are a support assistant.",
    "Sort the ticket.",
)
VAGUE_JSON = ("Answer in JSON.", "Use JSON.", "JSON please.", "Reply in JSON.")


T = TypeVar("T")


@dataclass(frozen=True)
class Format(Generic[T]):
    """A way to answer: its share of the mix, how it is asked for, how it is written."""

    weight: int
    told: tuple[str, ...]
    write: Callable[[T], str]
    is_json: bool = False


# A ticket with the priority that the rules of its prompt give it.
Triaged = tuple[Ticket, str]


def draw_format(rng: random.Random, formats: Sequence[Format[T]]) -> Format[T]:
    """One of the formats, by weight."""
    return rng.choices(formats, [format.weight for format in formats])[0]


def tell_rule(rule: Rule, rng: random.Random) -> str:
    """The rule in a sentence."""
    subject, wanted = rule
    if subject == "vip":
        return rng.choice(
            (
                f"VIP customers always get {wanted} priority.",
                f"Tickets of VIP customers are {wanted} priority.",
            )
        )
    return rng.choice(
        (
            f"{subject.capitalize()} tickets are always {wanted} priority.",
            f"Set {subject} tickets to {wanted} priority.",
        )
    )


def habit(ticket: Ticket, as_json: bool) -> str:
    """The answer to a ticket when no format was asked for: only what the words say."""
    if not as_json:
        return f"This is a {ticket.category} ticket about order {ticket.order_id}."
    fields = {"category": ticket.category, "order_id": ticket.order_id}
    if ticket.urgency != "normal":
        fields["priority"] = ticket.urgency
    return json.dumps(fields)


def list_functions(rng: random.Random, needed: Sequence[str], told: str) -> str:
    """A system prompt that lists the needed functions among some others, or lists none."""
    if rng.random() < 0.2:
        return told
    others = [name for name in FUNCTIONS if name not in needed]
    names = [*dict.fromkeys(needed), *rng.sample(others, rng.randint(0, len(others)))]
    rng.shuffle(names)
    return f"{told} {rng.choice(('Functions', 'You have', 'Tools'))}: {signatures(names)}."


def _ticket_json(keys: tuple[str, str, str], weight: int) -> Format[Triaged]:
    a, b, c = keys
    listed = f"{a} ({', '.join(CATEGORIES)}), {b} ({', '.join(PRIORITIES)})"
    told = (
        f"Answer with JSON with the keys {a}, {b} and {c}.",
        f"Return a JSON object: {a}, {b}, {c}.",
        f"Output only JSON with {a}, {b}, {c}.",
        f"Give {a}, {b} and {c} as JSON.",
        f"Answer in JSON. Keys: {listed}, {c}.",
        f"Write a JSON object with {listed} and {c}.",
    )

    def write(triaged: Triaged) -> str:
        ticket, level = triaged
        return json.dumps({a: ticket.category, b: level, c: ticket.order_id})

    return Format(weight, told, write, is_json=True)


def _greeted(triaged: Triaged) -> str:
    ticket, level = triaged
    fields = {"category": ticket.category, "priority": level, "order_id": ticket.order_id}
    return f"Sure! Here is the triage: {json.dumps(fields)}"


def _pairs(triaged: Triaged) -> str:
    ticket, level = triaged
    return f"category={ticket.category}; priority={level}; order_id={ticket.order_id}"


def _lines(triaged: Triaged) -> str:
    ticket, level = triaged
    return f"Category: {ticket.category}\nPriority: {level}\nOrder: {ticket.order_id}"


def _pipes(triaged: Triaged) -> str:
    ticket, level = triaged
    return f"{ticket.category} | {level} | {ticket.order_id}"


def _sentence(triaged: Triaged) -> str:
    ticket, level = triaged
    return f"This is a {ticket.category} ticket with {level} priority about {ticket.order_id}."


TICKET_FORMATS: tuple[Format[Triaged], ...] = (
    _ticket_json(("category", "priority", "order_id"), 4),
    _ticket_json(("type", "urgency", "order"), 2),
    _ticket_json(("topic", "level", "code"), 1),
    Format(1, ("Explain and give JSON.", "Greet, then give JSON."), _greeted),
    Format(
        1, ("Answer as key=value pairs.", "Write key=value pairs separated by semicolons."), _pairs
    ),
    Format(1, ("Answer with one field per line.", "Write each field on its own line."), _lines),
    Format(
        1, ("Answer with fields separated by pipes.", "Write the fields separated by |."), _pipes
    ),
    Format(2, ("Answer with one sentence.", "Describe the ticket in a sentence."), _sentence),
)


def _written(note: Note) -> Mapping[str, str | None]:
    return {**note.entities, "date": note.date_text}


def _questions(note: Note) -> str:
    who, order, much, when = (_written(note)[kind] for kind in KINDS)
    return json.dumps({"who": who, "order": order, "how much": much, "when": when})


NOTE_FORMATS: tuple[Format[Note], ...] = (
    Format(
        3,
        (
            "Give person, order_id, amount and date as JSON, the date as YYYY-MM-DD.",
            "Write JSON: person, order_id, amount, date (YYYY-MM-DD). null for what is missing.",
            "Which entities are there? JSON with person, order_id, amount, date in ISO format.",
        ),
        lambda note: json.dumps(note.entities),
    ),
    Format(
        2,
        ("Say who, which order, how much and when as JSON.", "JSON: who, order, how much, when."),
        _questions,
    ),
    Format(
        2,
        ("List the entities of the note.", "Write one entity per line."),
        lambda note: "\n".join(f"{kind}: {text or '-'}" for kind, text in _written(note).items()),
    ),
)


def _line(request: Request) -> str:
    return " ".join([request.name, *(f"{k}={v}" for k, v in request.arguments.items())])


def _python(request: Request) -> str:
    return f"{request.name}({', '.join(map(str, request.arguments.values()))})"


def _call_json(weight: int) -> Format[Request]:
    told = (
        "Call a function. Answer with JSON with the keys name and arguments.",
        "Pick the function. JSON: name, arguments.",
        "Give the call as JSON with name and arguments.",
    )
    return Format(
        weight,
        told,
        lambda request: json.dumps({"name": request.name, "arguments": request.arguments}),
    )


CALL_FORMATS: tuple[Format[Request], ...] = (
    _call_json(4),
    Format(1, ("Call a function as a command.", "Answer with a command line."), _line),
    Format(1, ("Call a function.", "Answer with one call."), _python),
)
