# pyright: standard
"""Outputs and deltas as JSON and back: what goes between a model's process and its parent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flywheel.samplers.delta import Chance, Delta
from flywheel.samplers.sampler import Loss, Output
from graders.ungraded import Usage


def read_output(values: Sequence[Any]) -> Output:
    """An output from its list. The child is our own, and what it says is still checked by shape."""
    output = Output(*values)
    loss = output.reference_loss
    return output._replace(
        usage=Usage(*output.usage),
        tools=tuple(output.tools),
        option_nats=tuple(output.option_nats),
        option_tokens=tuple(output.option_tokens),
        reference_loss=None if loss is None else Loss(*loss),
    )


def read_delta(values: Sequence[Any]) -> Delta:
    """A delta from its list."""
    delta = Delta(*values)
    tokens = (
        Chance(text, nats, tuple((one, chance) for one, chance in top))
        for text, nats, top in delta.tokens
    )
    return delta._replace(tokens=tuple(tokens), usage=Usage(*delta.usage))
