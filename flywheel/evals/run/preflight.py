"""Preflight: finds errors that would stop a run halfway, before the first request.

The prompt, the gold answer and the options are filled for every item; its id must be unique and its
content must match the evalset's schema.
"""

from __future__ import annotations

from array import array

import numpy as np

from flywheel.errors import BadFile, BadItem
from flywheel.evals.evalset.items import Item
from flywheel.evals.run.plan import Plan
from flywheel.samplers.schema import Unchecked
from flywheel.samplers.structured import violation
from graders.text.strict_json import dump_json


def check_items(plan: Plan) -> None:
    """Check all items of a plan. Raises BadFile with the line of the first fault."""
    names, numbers = array("q"), array("q")
    for position, number, line in plan.items.lines():
        if position == plan.count:
            break
        item = plan.items.read(number, line)
        fault = _fault(plan, item, number, line)
        if fault:
            raise BadFile(f"{plan.items.path}:{number}:1: {fault}")
        # An item without an id is identified by its content, so two equal items are refused.
        names.append(hash(str(item["id"]) if "id" in item else line.strip()))
        numbers.append(number)
    if not names:
        raise BadFile(f"{plan.items.path}: no items in it; wanted one JSON object a line")
    _refuse_doubles(plan, names, numbers)


def _fault(plan: Plan, item: Item, number: int, line: bytes) -> str | None:
    schema = plan.evalset.definition.item_schema
    try:
        if schema is not None and (found := violation(dump_json(item), schema)):
            return f"the item does not fit item_schema: {found}"
        plan.read(number, line)
        plan.ask(item)
        plan.evalset.gold(item)
        plan.evalset.options(item)
    except BadItem as gap:
        return str(gap)
    except Unchecked as error:
        return f"the item cannot be checked against item_schema: {error}; simplify the schema"
    except ValueError as error:
        return f"the prompt or the options are no JSON: {error}"
    return None


def _refuse_doubles(plan: Plan, names: array[int], numbers: array[int]) -> None:
    """Refuse duplicates. Uses eight bytes per name, since a dict of a million names is large."""
    found = np.frombuffer(names, dtype=np.int64)
    order = np.argsort(found, kind="stable")
    doubled = np.flatnonzero(np.diff(found[order]) == 0)
    if doubled.size:
        first, again = (numbers[int(order[doubled[0] + step])] for step in (0, 1))
        raise BadFile(
            f"{plan.items.path}:{again}:1: the same id, or without an id the same item, as on"
            f" line {first}; give each its own"
        )
