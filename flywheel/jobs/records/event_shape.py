"""The shape that an event's detail must have, of the kinds that are shown.

A journal that was edited, or that another program wrote, can hold any JSON. An event of another
shape is damaged: it is counted and left out, like a line that is no JSON. Kinds and fields that are
not named here may hold anything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, cast

from flywheel.jobs.records.journal import Event

_MOST_STEPS = 2**53
Check = Callable[[object], bool]


def fits(event: Event) -> bool:
    """Whether every field of the event that is shown has its type. A missing field is None."""
    if event.kind == "step" and not all(map(_is_number, _numbers(event.detail))):
        return False
    fields = _FIELDS.get(event.kind, {})
    return all(check(event.detail.get(name)) for name, check in fields.items())


def _numbers(detail: Mapping[str, Any]) -> list[int | float]:
    return [value for value in detail.values() if type(value) in (int, float)]


def _is_step(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MOST_STEPS


def _is_count(value: object) -> bool:
    return value is None or _is_step(value)


def _is_number(value: object) -> bool:
    """Finite, and no integer that a float cannot hold."""
    if value is None:
        return True
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _is_list(value: object) -> bool:
    return value is None or isinstance(value, list)


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(name, str) for name in cast("list[object]", value)
    )


def _is_table(value: object, check: Check) -> bool:
    """Whether it is an object whose values all pass."""
    return isinstance(value, Mapping) and all(
        check(inner) for inner in cast("Mapping[str, object]", value).values()
    )


def _is_figure(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    figure = cast("Mapping[str, object]", value)
    numbers = all(_is_number(figure.get(name)) for name in ("mean", "low", "high"))
    return numbers and all(_is_count(figure.get(name)) for name in ("n", "ungraded"))


def _is_scores(value: object) -> bool:
    return _is_table(value, _is_number)


def _are_samples(value: object) -> bool:
    """The answers that an alarm shows, each with its scores."""
    if not _is_list(value):
        return False
    return all(
        isinstance(one, Mapping)
        and _is_scores(cast("Mapping[str, object]", one).get("scores") or {})
        for one in cast("list[object]", value or [])
    )


_END: Mapping[str, Check] = {"best_step": _is_count}
_FIELDS: Mapping[str, Mapping[str, Check]] = {
    "step": {"step": _is_step, "loss": _is_number},
    "exam": {
        "step": _is_step,
        "graders": lambda value: _is_table(value, _is_figure),
        "floor": _is_number,
    },
    "exam_items": {"step": _is_step, "items": lambda value: _is_table(value, _is_scores)},
    "checkpoint": {"step": _is_step},
    "queued": {"behind": _are_names},
    "alarm": {"samples": _are_samples},
    "masks": {"told": _is_list},
    "preflight": {"told": _is_list},
    **dict.fromkeys(("finished", "failed", "paused", "cancelled", "stalled", "died"), _END),
}
