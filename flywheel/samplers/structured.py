"""Validates a text against a JSON schema (draft 2020-12), with short messages.

A text that cannot be checked is not a violation: the schema is at fault, not the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel.samplers.sampler import Output
from flywheel.samplers.schema import Unchecked, first_fault, show
from graders.text.strict_json import parse_json


def violation(text: str, schema: Mapping[str, Any]) -> str | None:
    """The first violation of the schema in the text, None if it is valid.

    Raises Unchecked if the text cannot be checked, and BadSchema.
    """
    try:
        value = parse_json(text)
    except ValueError as error:
        return f"not JSON: {error}"
    fault = first_fault(value, schema)
    if fault is None:
        return None
    steps = (f"[{s}]" if isinstance(s, int) else f".{s}" for s in fault.absolute_path)
    return f"${''.join(steps)}: {_story(fault)}"


def checked(output: Output, schema: Mapping[str, Any] | None) -> Output:
    """The output with the `violation` of its schema, or the reason why it is `unchecked`."""
    if schema is None:
        return output
    try:
        return output._replace(violation=violation(output.text, schema))
    except Unchecked as error:
        return output._replace(unchecked=str(error))


def _story(fault: Any) -> str:
    """The fault of one word of the schema, short."""
    word, wanted, came = fault.validator, fault.validator_value, fault.instance
    if word is None:
        return f"nothing is allowed here, got {show(came)}"
    if word == "type":
        names = [wanted] if isinstance(wanted, str) else wanted
        return f"wanted {' or '.join(names)}, got {show(came)}"
    if word in ("enum", "const"):
        return f"wanted {'one of ' if word == 'enum' else ''}{show(wanted)}, got {show(came)}"
    if word == "required":
        return f"{next(name for name in wanted if name not in came)!r} is missing"
    if word in ("anyOf", "oneOf"):
        count = "0" if fault.context else "more than one"
        return f"fits {count} of {len(wanted)} in {word}, got {show(came)}"
    if word.startswith(("min", "max", "exclusive")):
        return f"{word} is {show(wanted)}, got {show(came)}"
    return fault.message if len(fault.message) <= 200 else fault.message[:200] + "…"
