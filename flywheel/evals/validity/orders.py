"""Orders to a judge, in every field that its prompt shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flywheel.evals.validity.answers import with_leaf
from flywheel.evals.validity.probe import Material
from flywheel.evals.validity.texts import ORDERS
from graders.asks import Judge, Rate
from graders.grader import Grader
from graders.sample import Sample


def in_sample(material: Material, grader: Grader, at: int) -> Sequence[Sample]:
    """A wrong answer with an order in one field, for each field of the sample that is shown."""
    other = material.other(at)
    if other is None or not grader.needs() & {Judge, Rate}:
        return []
    order = ORDERS[at % len(ORDERS)]
    shown = {slot for slot in grader.slots() if slot.startswith("sample")}
    return list(_ordered(material, at, shown or {"sample.output_text"}, other, order))


def _ordered(
    material: Material, at: int, shown: set[str], other: str, order: str
) -> Iterator[Sample]:
    item = material.items[at]
    for slot in sorted(shown):
        field, *path = slot.removeprefix("sample").lstrip(".").split(".")
        if field == "output_json" and path:
            answer = with_leaf(other, tuple(path), order)
            if answer is not None:
                yield Sample(item, answer)
        elif field == "output_tools":
            call = {"name": "answer", "arguments": order}
            tools = ({"id": "call_0", "type": "function", "function": call},)
            yield Sample(item, other, output_tools=tools)
        elif field == "model":
            yield Sample(item, other, model=order)
        else:
            yield Sample(item, f"{other}\n{order}")


def in_item(material: Material, grader: Grader, at: int) -> Sequence[Sample]:
    """A wrong answer to an item with an order in one field, for each field that is shown."""
    other = material.other(at)
    if other is None or not grader.needs() & {Judge, Rate}:
        return []
    item, order = material.items[at], ORDERS[at % len(ORDERS)]
    shown = {slot.split(".")[1] for slot in grader.slots() if slot.startswith("item.")}
    return [
        Sample({**item, name: f"{item[name]}\n{order}"}, other)
        for name in sorted(shown)
        if isinstance(item.get(name), str)
    ]
