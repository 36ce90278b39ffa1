"""The pretraining documents: conversations of the support desk, and copying practice.

All documents use the train wordings. Most are tickets answered in one of several formats, which the
instruction names or earlier turns show; the others ask for a single field, a date, the entities of
a note, a function call or a unit conversion. Many prompts state rules, which the answers follow;
the house rules are never implied. Without a stated format, a ticket is answered in a default way
that omits an unstated priority, so that a vague prompt scores lower.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict

from flywheel.tiny.desk.calls import write_request
from flywheel.tiny.desk.desk import (
    CATEGORIES,
    PRIORITIES,
    Rule,
    Ticket,
    order_id,
    priority,
    write_ticket,
)
from flywheel.tiny.desk.formats import (
    VAGUE_JSON,
    VAGUE_TASK,
    call_fields,
    draw_format,
    habit,
    list_functions,
    note_fields,
    rule_sentence,
)
from flywheel.tiny.desk.notes import KINDS, write_date, write_note
from flywheel.tiny.desk.sums import SHORT, write_sum

Message = dict[str, str]
Document = list[Message]


def conversation(system: str, turns: Sequence[tuple[str, str]]) -> Document:
    """A conversation from a system prompt and (question, answer) turns."""
    document = [{"role": "system", "content": system}]
    for question, answer in turns:
        document.append({"role": "user", "content": question})
        document.append({"role": "assistant", "content": answer})
    return document


def practise_copying(rng: random.Random) -> Document:
    """A task to copy codes: a short list, or the one code in a ticket."""
    if rng.random() < 0.6:
        count = 1 if rng.random() < 0.6 else rng.randint(2, 4)
        codes = " ".join(order_id(rng) for _ in range(count))
        return conversation(rng.choice(("Repeat the codes.", "Copy the list.")), [(codes, codes)])
    ticket = write_ticket(rng, "train")
    return conversation("Which order is the ticket about?", [(ticket.text, ticket.order_id)])


def draw_document(rng: random.Random) -> Document:
    """A random document of the mix."""
    kinds, shares = zip(*_MIX, strict=True)
    return rng.choices(kinds, shares)[0](rng)


def _long_lists(rng: random.Random) -> Document:
    lists = [
        ", ".join(order_id(rng) for _ in range(rng.randint(2, 6))) for _ in range(rng.randint(1, 2))
    ]
    return conversation(
        rng.choice(("Repeat the codes.", "Copy the list.")), [(line, line) for line in lists]
    )


def _dates(rng: random.Random) -> Document:
    asked = rng.choice(("Write the date as YYYY-MM-DD.", "Convert the date to ISO format."))
    return conversation(asked, [write_date(rng) for _ in range(rng.randint(2, 5))])


def _conversions(rng: random.Random) -> Document:
    turns: list[tuple[str, str]] = []
    for _ in range(rng.randint(2, 5)):
        s = write_sum(rng)
        unit, wanted = (
            (s.unit, s.wanted) if rng.random() < 0.7 else (SHORT[s.unit], SHORT[s.wanted])
        )
        question = rng.choice(
            (
                f"Convert {s.amount} {unit} to {wanted}.",
                f"{s.amount} {unit} in {wanted}?",
                f"What is {s.amount} {unit} in {wanted}?",
                f"How many {wanted} do {s.amount} {unit} make?",
            )
        )
        turns.append((question, str(s.answer)))
    return conversation(rng.choice(("Convert the unit.", "Answer with a number.")), turns)


def _single_fields(rng: random.Random) -> Document:
    asked, answer = rng.choice(_FIELDS)
    tickets = [write_ticket(rng, "train") for _ in range(rng.randint(2, 7))]
    return conversation(asked, [(ticket.text, answer(ticket)) for ticket in tickets])


def _note_fields(rng: random.Random) -> Document:
    kind = rng.choice(KINDS)
    notes = [write_note(rng, "train") for _ in range(rng.randint(3, 9))]
    asked = rng.choice((f"Which {kind} is named?", f"Find the {kind}.", f"Only the {kind}."))
    return conversation(asked, [(note.text, str(note.entities[kind] or "-")) for note in notes])


def _triage(rng: random.Random) -> Document:
    """Tickets with a format that is stated or shown by earlier turns, sometimes with rules."""
    rules = _draw_rules(rng)
    style = draw_format(rng, "tickets")
    if rng.random() < 0.6:
        asked, count = f"{rng.choice(VAGUE_TASK)} {rng.choice(style.asked)}", rng.randint(1, 4)
    else:
        asked, count = rng.choice(VAGUE_TASK), rng.randint(2, 5)
        if style.is_json and rng.random() < 0.2:
            asked += f" {rng.choice(VAGUE_JSON)}"
    system = " ".join([asked, *(rule_sentence(rule, rng) for rule in rules)])
    tickets = [write_ticket(rng, "train") for _ in range(count)]
    turns = [
        (t.text, style.answer % {**asdict(t), "priority": priority(t, rules)}) for t in tickets
    ]
    if count > 1 and rng.random() < 0.3:
        shown = "".join(f"\nTicket: {text}\nAnswer: {answer}" for text, answer in turns[:-1])
        return conversation(f"{system}\nExamples:{shown}", turns[-1:])
    return conversation(system, turns)


def _vague_triage(rng: random.Random) -> Document:
    asked, ticket = rng.choice(VAGUE_TASK), write_ticket(rng, "train")
    as_json = rng.random() < 0.7
    if as_json:
        asked += f" {rng.choice(VAGUE_JSON)}"
    return conversation(asked, [(ticket.text, habit(ticket, as_json))])


def _notes(rng: random.Random) -> Document:
    style = draw_format(rng, "notes")
    notes = [write_note(rng, "train") for _ in range(rng.randint(1, 4))]
    return conversation(
        rng.choice(style.asked), [(n.text, style.answer % note_fields(n)) for n in notes]
    )


def _calls(rng: random.Random) -> Document:
    style = draw_format(rng, "calls")
    requests = [write_request(rng, "train") for _ in range(rng.randint(1, 4))]
    system = list_functions(rng, [request.name for request in requests], rng.choice(style.asked))
    return conversation(system, [(one.text, style.answer % call_fields(one)) for one in requests])


def _draw_rules(rng: random.Random) -> list[Rule]:
    """Zero to three random rules; one for VIPs is twice as likely as any other."""
    count = rng.choice((0, 0, 0, 1, 1, 2, 3))
    subjects = dict.fromkeys(rng.sample(("vip", *CATEGORIES), count, counts=(2, *[1] * 6)))
    return [(subject, rng.choice(PRIORITIES)) for subject in subjects]


_FIELDS: tuple[tuple[str, Callable[[Ticket], str]], ...] = (
    ("Which category is the ticket?", lambda ticket: ticket.category),
    ("Which category is the ticket?", lambda ticket: ticket.category),
    ("Which order is the ticket about?", lambda ticket: ticket.order_id),
    ("Which priority does the ticket have?", lambda ticket: ticket.urgency),
)
_MIX: tuple[tuple[Callable[[random.Random], Document], float], ...] = (
    (_triage, 0.38),
    (_vague_triage, 0.09),
    (_single_fields, 0.17),
    (_long_lists, 0.08),
    (_dates, 0.03),
    (_conversions, 0.03),
    (_notes, 0.08),
    (_note_fields, 0.04),
    (_calls, 0.10),
)
