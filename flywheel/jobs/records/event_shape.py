"""The required shape of an event's detail, for the kinds that are displayed.

A journal that was edited, or that another program wrote, can hold any JSON. An event of another
shape is damaged: it is counted and skipped, like a line that is not JSON. Kinds and fields that are
not listed here may have any value.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, create_model

from flywheel.jobs.records.journal import Event

Step = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Count = Annotated[Step | None, Field()]
# Finite, and within the range of a float.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)] | None
Scores = dict[str, Number]


class _Figure(BaseModel):
    mean: Number = None
    low: Number = None
    high: Number = None
    n: Count = None
    ungraded: Count = None


class _Sample(BaseModel):
    scores: Scores | None = None


_STEP, _NUMBER = (Step, ...), (Number, None)
_LINES = {"told": (list[Any] | None, None)}
_END = {"best_step": (Count, None)}
_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "step": {"step": _STEP, "loss": _NUMBER},
    "exam": {"step": _STEP, "graders": (dict[str, _Figure], ...), "floor": _NUMBER},
    "exam_items": {"step": _STEP, "items": (dict[str, Scores], ...)},
    "checkpoint": {"step": _STEP},
    "queued": {"behind": (list[str], ...)},
    "alarm": {"samples": (list[_Sample] | None, None)},
    "masks": _LINES,
    "preflight": _LINES,
    **dict.fromkeys(("finished", "failed", "paused", "cancelled", "stalled", "died"), _END),
}
_SHAPES = {kind: create_model(f"_{kind}", **fields) for kind, fields in _FIELDS.items()}


def fits(event: Event) -> bool:
    """Whether every displayed field of the event has its type. A missing field counts as None."""
    numbers = [value for value in event.detail.values() if type(value) in (int, float)]
    if event.kind == "step" and any(not abs(n) <= sys.float_info.max for n in numbers):
        return False
    try:
        if shape := _SHAPES.get(event.kind):
            shape.model_validate(event.detail)
    except ValidationError:
        return False
    return True
