# pyright: standard
"""Can the model copy? Without that every order id is a guess, and no lever can help."""

from __future__ import annotations

import random
from typing import Any

from flywheel.errors import FlywheelError
from flywheel.tiny.desk.desk import order_id
from flywheel.tiny.generate import answer

ENOUGH = 0.8
_LISTS = 64


class NoCopying(FlywheelError):
    """Pretraining ended without copying: some seeds need more tokens than others."""


def copied(model: Any, tokenizer: Any) -> float:
    """The share of lists of two codes that the model says back without a mistake."""
    rng = random.Random("copied")
    lists = [f"{order_id(rng)}, {order_id(rng)}" for _ in range(_LISTS)]
    prompts = [
        [{"role": "system", "content": "Repeat the codes."}, {"role": "user", "content": codes}]
        for codes in lists
    ]
    answers = answer(model, tokenizer, prompts, most_tokens=20)
    return sum(a == codes for a, codes in zip(answers, lists, strict=True)) / _LISTS


def check_copying(model: Any, tokenizer: Any) -> float:
    """The share, when it is ENOUGH. Raises NoCopying otherwise."""
    share = copied(model, tokenizer)
    if share < ENOUGH:
        raise NoCopying(
            f"the model repeats {share:.0%} of the lists of codes, wanted {ENOUGH:.0%}; give it"
            " more tokens, or try another seed"
        )
    return share
