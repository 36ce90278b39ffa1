"""Leaks: texts of an evalset that also occur in another split, the prompt's examples or a file.

Only the fields of an item that the prompt uses are compared: the prompt's own text is the same for
all items, and two items with the same label are not a leak. A long field that many items share,
such as a set of rules, counts as a leak: it belongs in the prompt's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from flywheel.data.leakage.leakage import Overlaps, Text, count_overlaps
from flywheel.data.rows.row_texts import Turn, content_text, row_texts, turns
from flywheel.data.rows.sources import read_raw
from flywheel.data.rows.training_row import BadRow
from flywheel.errors import BadFile, BadItem
from flywheel.evals.evalset.evalset import SPLITS, Evalset, Prompt, Split, ask, fill
from flywheel.evals.evalset.items import Item
from graders.template import template

_SLOT = re.compile(r"\{\{([^{}]*)\}\}")
_HEADS = ("system", "developer")
_MOST = 100


class Leak(NamedTuple):
    """Two sides, how many texts the right one has, and what they share: nothing, if all is well."""

    left: str
    right: str
    items: int
    overlaps: Overlaps


def check_evalset(evalset: Evalset, most: int = _MOST) -> list[Leak]:
    """Compare the splits with each other, and the prompt's examples with dev and test.

    Splits without a file are skipped. Raises BadFile for an item that does not fill the prompt.
    """
    texts = {
        name: evalset_texts(evalset, name) for name in SPLITS if evalset.split(name).path.is_file()
    }
    leaks = [
        _leak((one, texts[one]), (other, texts[other]), most)
        for one, other in combinations(texts, 2)
    ]
    examples = prompt_texts(evalset.definition.prompt)
    if examples:
        for name in ("dev", "test"):
            if name in texts:
                leaks.append(_leak(("examples", examples), (name, texts[name]), most))
    return leaks


def check_train(evalset: Evalset, most: int = _MOST) -> list[Leak]:
    """Compare the train split with dev and test. Raises BadFile at an item that cannot be asked."""
    return _measured("train", evalset_texts(evalset, "train"), evalset, most)


def check_file(evalset: Evalset, path: Path, most: int = _MOST) -> list[Leak]:
    """Compare a file to be trained on with dev and test. Raises BadFile."""
    return _measured(str(path), file_texts(evalset, path), evalset, most)


def evalset_texts(evalset: Evalset, split: Split) -> list[Text]:
    """What the items of a split ask, with their groups. Raises BadFile at one that asks nothing."""
    items = evalset.split(split)
    found: list[Text] = []
    for _, number, line in items.lines():
        item = items.read(number, line)
        try:
            text = _asked(evalset.definition.prompt, item)
        except (BadItem, ValueError) as gap:
            raise BadFile(f"{items.path}:{number}:1: {gap}") from None
        found.append(Text(f"{items.path.name}:{number}", text, _group(evalset, item)))
    return found


def prompt_texts(prompt: Prompt) -> list[Text]:
    """The prompt's own words: each message, each line of it, and examples in turns before the last.

    A prompt that each item brings along has none.
    """
    if isinstance(prompt, str):
        return []
    found: list[Text] = []
    for number, message in enumerate(prompt, 1):
        words = _SLOT.sub(" ", message.text)
        shown = [words, *words.splitlines()]
        if message.role == "user" and message is not prompt[-1] and words == message.text:
            shown.append(_unfilled(prompt, [Turn("user", words)]))
        found += [Text(f"prompt:{number}", text) for text in dict.fromkeys(shown) if text.strip()]
    return found


def file_texts(evalset: Evalset, path: Path) -> list[Text]:
    """The texts of the rows of a file, several a row. Raises BadFile at what is no row.

    A turn that the evalset's prompt could have asked counts as the fields that filled it.
    """
    prompt = evalset.definition.prompt
    found: list[Text] = []
    for row in read_raw(path):
        if isinstance(row, BadRow):
            raise BadFile(f"{row.where}: {row.story}")
        texts = [*row_texts(row.fields), _unfilled(prompt, turns(row.fields))]
        # What cannot be asked is no item of this evalset; its text was taken above.
        with suppress(BadItem, ValueError):
            texts.append(_asked(prompt, row.fields))
        group = _group(evalset, row.fields)
        found += [Text(row.where, text, group) for text in dict.fromkeys(texts) if text]
    return found


def _measured(name: str, texts: list[Text], evalset: Evalset, most: int) -> list[Leak]:
    """Compare texts with those of dev and test, as far as the evalset has them."""
    return [
        _leak((name, texts), (split, evalset_texts(evalset, split)), most)
        for split in ("dev", "test")
        if evalset.split(split).path.is_file()
    ]


def _leak(left: tuple[str, list[Text]], right: tuple[str, list[Text]], most: int) -> Leak:
    return Leak(left[0], right[0], len(right[1]), count_overlaps(left[1], right[1], most))


def _group(evalset: Evalset, item: Mapping[str, Any]) -> str | None:
    field = evalset.definition.group
    value = item.get(field) if field else None
    return None if value is None else str(value)


def _asked(prompt: Prompt, item: Item) -> str:
    if isinstance(prompt, str):
        messages = [turn for turn in ask(prompt, item) if turn.get("role") not in _HEADS]
        return "\n".join(content_text(message.get("content")) for message in messages)
    slots = dict.fromkeys(slot for part in prompt for slot in template(part.text).slots)
    return "\n".join(fill(f"{{{{ {slot} }}}}", item) for slot in slots)


def _unfilled(prompt: Prompt, said: Sequence[Turn]) -> str:
    """What filled the prompt's slots, if these turns are that prompt filled; else nothing."""
    if isinstance(prompt, str):
        return ""
    values: dict[str, str] = {}
    for part in prompt:
        for turn in reversed(said):
            found = _slots_of(part.text, turn.text) if turn.role == part.role else None
            if found is not None:
                values.update(found)
                break
    return "\n".join(values.values())


def _slots_of(content: str, text: str) -> dict[str, str] | None:
    """The value of each slot when the text is this template filled. Takes the first that fits."""
    first, *pieces = _SLOT.split(content)
    if not pieces or not text.startswith(first):
        return None
    values: dict[str, str] = {}
    begin = len(first)
    last = len(pieces) - 2
    for at in range(0, len(pieces), 2):
        slot, literal = pieces[at], pieces[at + 1]
        end = len(text) - len(literal) if at == last else text.find(literal, begin)
        if end < begin or not text.startswith(literal, end):
            return None
        values.setdefault(slot.strip(), text[begin:end])
        begin = end + len(literal)
    return values
