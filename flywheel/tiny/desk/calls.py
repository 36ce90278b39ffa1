"""Requests that one function of the shop can meet, with the call that meets them.

The shop's own rule is in `routed`, and no prompt tells it: a refund of REVIEWED dollars or more is
not made but sent to review.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flywheel.tiny.desk.desk import PRODUCTS, order_id
from flywheel.tiny.desk.phrases import Split

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

REQUESTS: Mapping[Split, Mapping[str, Sequence[str]]] = {
    "train": {
        "track_order": (
            "Where is order {order_id}?",
            "Has {order_id} been shipped yet?",
            "Track {order_id} for me.",
            "When does {order_id} arrive?",
        ),
        "cancel_order": (
            "Please cancel {order_id}.",
            "I do not want order {order_id} any more.",
            "Stop order {order_id}, I changed my mind.",
        ),
        "refund_order": (
            "Refund ${amount} for order {order_id}.",
            "I want ${amount} back for {order_id}.",
            "Please pay back ${amount}, the order was {order_id}.",
        ),
        "move_delivery": (
            "Send order {order_id} on {day} instead.",
            "I am away until {day}, please deliver {order_id} then.",
            "The new delivery day for {order_id} is {day}.",
        ),
        "find_store": (
            "Where is your store in {city}?",
            "Do you have a shop in {city}?",
            "Find a store near {city}.",
        ),
        "check_stock": (
            "Do you still have the {product}?",
            "Is the {product} in stock?",
            "How many of the {product} are left?",
        ),
        "book_call": (
            "Please call me on {day} about {order_id}.",
            "I want a call on {day}, my order is {order_id}.",
            "Book a call for {day} about order {order_id}.",
        ),
    },
    "dev": {
        "track_order": (
            "Is {order_id} shipped, and when does it arrive?",
            "Please track {order_id}.",
        ),
        "cancel_order": ("I want to stop order {order_id}.", "Cancel my order, it is {order_id}."),
        "refund_order": (
            "Pay ${amount} for {order_id} back to me.",
            "The refund for {order_id} is ${amount}.",
        ),
        "move_delivery": (
            "Deliver {order_id} on {day}, please.",
            "I am away, send {order_id} on {day}.",
        ),
        "find_store": ("I am in {city}, where is a store?", "Which shop is near {city}?"),
        "check_stock": (
            "Are there any {product} left in stock?",
            "Do you have one more {product}?",
        ),
        "book_call": (
            "On {day} I would like a call about {order_id}.",
            "Call me about order {order_id}, {day} is good.",
        ),
    },
    "test": {
        "track_order": ("Where is {order_id} now?", "When is {order_id} shipped?"),
        "cancel_order": ("Order {order_id}: please cancel.", "I changed my mind about {order_id}."),
        "refund_order": (
            "For order {order_id} I want a refund of ${amount}.",
            "Give me ${amount} back, order {order_id}.",
        ),
        "move_delivery": (
            "Please send {order_id} on {day}, I am away.",
            "Is {day} a good delivery day for {order_id}?",
        ),
        "find_store": ("Is there a shop near {city}?", "I want to find your store in {city}."),
        "check_stock": (
            "I want the {product}, is it in stock?",
            "Is there any {product} left?",
        ),
        "book_call": (
            "Can you call me about {order_id} on {day}?",
            "Book {day} for a call, it is about {order_id}.",
        ),
    },
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request, the function that its words ask for and the arguments of the call."""

    text: str
    name: str
    arguments: Mapping[str, str | int]
    template: str


def write_request(rng: random.Random, split: Split) -> Request:
    """A request in the wordings of this split. Small refunds and large ones read alike."""
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
    """The function that the shop calls for this request, its own rule applied."""
    large = int(request.arguments.get("amount", 0)) >= REVIEWED
    return "review_refund" if request.name == "refund_order" and large else request.name


def signatures(names: Sequence[str]) -> str:
    """The functions as a prompt lists them: `track_order(order_id), find_store(city)`."""
    return ", ".join(f"{name}({', '.join(FUNCTIONS[name])})" for name in names)
