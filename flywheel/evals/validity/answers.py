"""How the answers of the probes are made: pure functions of gold answers and prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from flywheel.evals.validity.golds import (
    Path,
    anywhere,
    apart,
    changed,
    leaves,
    mutated,
    read_json,
    renumbered,
)
from flywheel.evals.validity.probe import Material
from flywheel.evals.validity.texts import LOOKALIKES, TEXTS, UNSEEN
from graders.grader import Grader
from graders.sample import Sample
from graders.text.strict_json import dump_json

_HEDGED = 10
_REPEATED = 40
_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def echo(material: Material, at: int) -> str:
    """The prompt said back."""
    messages = material.evalset.ask(material.items[at])
    contents = [message.get("content") or "" for message in messages]
    return "\n".join(one if isinstance(one, str) else dump_json(one) for one in contents)


def hedge(material: Material, grader: Grader, at: int) -> Sequence[Sample]:
    """Every gold answer that occurs, or ten of them; of JSON also every value."""
    del grader
    mine, item = material.golds[at], material.items[at]
    if len(material.counts) < 2:
        return []
    rest = [gold for gold in sorted(material.counts) if gold != mine]
    listed = _among(mine, material.random("hedge", at).sample(rest, min(len(rest), _HEDGED - 1)))
    answers = [(" or ", "\n")[at % 2].join(listed)]
    value = read_json(mine)
    if value is not None:

        def every(path: Path, leaf: Any) -> str:
            values = [str(one) for one in material.fields.get(path, ()) if one != leaf]
            values = values[: _HEDGED - 1] or [str(mutated(leaf))]
            return " or ".join(_among(str(leaf), values))

        answers.append(dump_json(changed(value, every)))
        full = _with_full_lists(material, value)
        if full != value:
            answers.append(dump_json(full))
    return [Sample(item, answer) for answer in answers]


def _with_full_lists(material: Material, value: Any, path: Path = ()) -> Any:
    """The JSON value with every list of plain values holding what such lists hold elsewhere too."""
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {k: _with_full_lists(material, one, (*path, k)) for k, one in fields.items()}
    if not isinstance(value, list):
        return value
    rows = cast("list[Any]", value)
    if any(isinstance(one, dict | list) for one in rows):
        return [_with_full_lists(material, one, (*path, at)) for at, one in enumerate(rows)]
    place = anywhere((*path, 0))
    known = [counts for other, counts in material.fields.items() if anywhere(other) == place]
    seen = dict.fromkeys(one for counts in known for one in counts)
    others = [one for one in seen if one not in rows]
    return [*rows, *others[: _HEDGED - 1]]


def _among(mine: str, others: Sequence[str]) -> list[str]:
    """In the middle: a grader that reads the first or the last must not be right by luck."""
    middle = (len(others) + 1) // 2
    return [*others[:middle], mine, *others[middle:]]


def majority(material: Material, at: int) -> str | None:
    """The most frequent gold answer, on items with which it has nothing in common."""
    ((common, count),) = material.counts.most_common(1)
    if count == 1:
        value = read_json(common)
        if value is None or all(c.most_common(1)[0][1] == 1 for c in material.fields.values()):
            return None
        common = dump_json(changed(value, lambda p, _: material.fields[p].most_common(1)[0][0]))
    return common if apart(common, material.golds[at]) else None


def constant(material: Material, at: int) -> str | None:
    """A word that is no part of the gold answer."""
    words = set(re.findall(r"\w+", material.golds[at].casefold()))
    constants = TEXTS["constant"]
    for step in range(len(constants)):
        word = constants[(at + step) % len(constants)]
        if not words & set(re.findall(r"\w+", word.casefold())):
            return word
    return None


def wrong(material: Material, at: int) -> str | None:
    """The gold's format with other content: other values in JSON, other numbers in a text."""
    gold = material.golds[at]
    value = read_json(gold)
    if value is None:
        numbered = "```" not in gold and renumbered(gold) != gold
        return renumbered(gold) if numbered else None
    drawn = material.random("wrong", at)
    right: dict[tuple[str, ...], list[Any]] = {}
    for path, leaf in leaves(value).items():
        right.setdefault(anywhere(path), []).append(leaf)

    def another(path: Path, leaf: Any) -> Any:
        own = [None, *right[anywhere(path)]]
        values = [one for one in material.fields.get(path, ()) if one not in own]
        return drawn.choice(values) if values else mutated(leaf)

    return dump_json(changed(value, another))


def repetition(material: Material, at: int) -> str | None:
    """Another item's answer again and again."""
    other = material.other(at)
    return None if other is None else "\n".join([other] * _REPEATED)


def hidden(material: Material, at: int) -> str | None:
    """Another item's answer with characters that cannot be seen or look like others."""
    other = material.other(at)
    if other is None or at % 6 == 5:
        return UNSEEN
    value = read_json(other)
    if value is None:
        return _disguised(other, at % 6)
    return dump_json(
        changed(value, lambda _, leaf: _disguised(leaf, at % 6) if isinstance(leaf, str) else leaf)
    )


def _disguised(text: str, way: int) -> str:
    match way:
        case 0:
            return "\u200d".join(text)
        case 1:
            return f"\u202e{text[::-1]}\u202c"
        case 2:
            return text.translate(LOOKALIKES)
        case 3:
            return f"{text}\0"
        case _:
            return "".join(f"{character}\u0301" for character in text)


def fragment(material: Material, at: int) -> str | None:
    """One letter of a longer gold answer: inside it, and no answer."""
    gold = material.golds[at]
    letters = [one for one in "srloimupgvhk" if one in gold]
    return letters[0] if letters and len(gold) > 3 else None


def pattern(material: Material, grader: Grader, at: int) -> Sequence[Sample]:
    """What matches everything, where an answer is taken for a pattern or a template."""
    slots = sorted(slot for slot in grader.slots() if slot.startswith("item."))
    patterns = [*TEXTS["pattern"], *(f"{{{{ {slot} }}}}" for slot in slots)]
    return [Sample(material.items[at], patterns[at % len(patterns)])]


def schema(material: Material, grader: Grader, at: int) -> Sequence[Sample]:
    """The names of types where values should be, and the response schema itself."""
    del grader
    answers: list[str] = []
    value = read_json(material.golds[at])
    if value is not None:
        answers.append(dump_json(changed(value, lambda _, leaf: _TYPES[type(leaf)])))
    if material.evalset.definition.response_schema:
        answers.append(dump_json(material.evalset.definition.response_schema))
    return [Sample(material.items[at], answer) for answer in answers]


def with_leaf(gold: str, path: Path, leaf: str) -> str | None:
    """A JSON answer with one leaf replaced, None where there is no such place."""
    value = read_json(gold)
    if value is None or path not in leaves(value):
        return None
    return dump_json(changed(value, lambda place, old: leaf if place == path else old))
