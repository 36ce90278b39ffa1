"""Customer requests, each with the function call that fulfils it.

`routed` has a rule of the shop that no prompt mentions: a refund of REVIEWED dollars or more goes
to review.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel.tiny.desk.desk import PRODUCTS, order_id
from flywheel.tiny.desk.phrases import REQUESTS, Split

FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "track_order": ("order_id",),
    "cancel_order": ("order_id",),
    "refund_order": ("order_id", "amount"),
    "review_refund": ("order_id", "amount"),
    "move_delivery": ("order_id", "day"),
    "find_store": ("city",),
    "check_stock": ("product",),
    "book_call": ("order_id", "day"),
}
CITIES = ("Oslo", "Lima", "Paris", "Cairo", "Delhi", "Boston")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
REVIEWED = 100
_PRODUCTS = PRODUCTS[:6]


@dataclass(frozen=True, slots=True)
class Request:
    """A request, with the function that its wording asks for and the arguments of the call."""

    text: str
    name: str
    arguments: Mapping[str, str | int]
    template: str


def write_request(rng: random.Random, split: Split) -> Request:
    """A random request in the wordings of this split. Refunds are worded alike for any amount."""
    asked = rng.choice(tuple(REQUESTS[split]))
    number = rng.randrange(len(REQUESTS[split][asked]))
    amount = rng.randint(5, REVIEWED - 1) if rng.random() < 0.6 else rng.randint(REVIEWED, 480)
    values: dict[str, str | int] = {
        "order_id": order_id(rng),
        "amount": amount,
        "city": rng.choice(CITIES),
        "product": rng.choice(_PRODUCTS),
        "day": rng.choice(DAYS),
    }
    return Request(
        text=REQUESTS[split][asked][number].format(**values),
        name=asked,
        arguments={argument: values[argument] for argument in FUNCTIONS[asked]},
        template=f"{split}-{asked}-{number}",
    )


def routed(request: Request) -> str:
    """The function that the shop calls for this request, after applying its rule."""
    large = int(request.arguments.get("amount", 0)) >= REVIEWED
    return "review_refund" if request.name == "refund_order" and large else request.name


def signatures(names: Sequence[str]) -> str:
    """The functions for a prompt: `track_order(order_id), find_store(city)`."""
    return ", ".join(f"{name}({', '.join(FUNCTIONS[name])})" for name in names)
