"""The synthetic support desk: tickets, and the house rules for their priority.

A ticket's priority follows from its wording unless a rule overrides it. No prompt mentions the
house rules (HOUSE), so a model must learn them from answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from flywheel.tiny.desk.phrases import COMPLAINTS, URGENCY, Split

CATEGORIES = ("billing", "shipping", "returns", "account", "technical", "feedback")
PRIORITIES = ("low", "normal", "high")
PRODUCTS = (
    *("kettle", "lamp", "headset", "router", "backpack", "blender", "keyboard", "tent"),
    *("camera", "monitor", "jacket", "toaster", "drone", "printer", "speaker", "watch"),
)
PEOPLE = (
    *("Maria", "Tom", "Ana", "Lukas", "Priya", "Chen", "Omar", "Julia"),
    *("Noah", "Ines", "Peter", "Fatima", "Hugo", "Mei", "Sara", "Ivan"),
)
# (subject, priority); the subject is a category or "vip".
Rule = tuple[str, str]
HOUSE: tuple[Rule, ...] = (("account", "high"), ("feedback", "low"), ("vip", "high"))
_VIP_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Ticket:
    """A customer's message. `urgency` is the priority that its wording asks for."""

    text: str
    category: str
    urgency: str
    vip: bool
    order_id: str
    template: str


def order_id(rng: random.Random) -> str:
    """A hash sign and five distinct digits, so that the next digit to copy is unambiguous."""
    return "#" + "".join(rng.sample("0123456789", 5))


def write_ticket(rng: random.Random, split: Split) -> Ticket:
    """A random ticket in the wordings of this split."""
    category = rng.choice(CATEGORIES)
    order = order_id(rng)
    number = rng.randrange(len(COMPLAINTS[split][category]))
    complaint = COMPLAINTS[split][category][number].format(
        o=order,
        p=rng.choice(PRODUCTS),
        a=f"${rng.randint(5, 480)}",
        d=rng.randint(3, 30),
        n=rng.randint(10, 99),
    )
    urgency = rng.choice(("high", "normal", "normal", "low"))
    cue = "" if urgency == "normal" else rng.choice(URGENCY[split][urgency])
    parts = (complaint, cue) if rng.random() < 0.6 else (cue, complaint)
    vip = rng.random() < _VIP_SHARE
    sender = f"From: {rng.choice(PEOPLE)}{' (VIP)' if vip else ''}"
    return Ticket(
        text=f"{sender}\n{' '.join(parts).strip()}",
        category=category,
        urgency=urgency,
        vip=vip,
        order_id=order,
        template=f"{split}-{category}-{number}",
    )


def priority(ticket: Ticket, rules: Sequence[Rule]) -> str:
    """The ticket's priority under these rules. A rule for VIPs overrides one for a category."""
    result = ticket.urgency
    for subject, wanted in rules:
        if subject == ticket.category:
            result = wanted
    for subject, wanted in rules:
        if subject == "vip" and ticket.vip:
            result = wanted
    return result
