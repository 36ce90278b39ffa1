"""Item keys: an item known by what it asks, whatever its file, position, id or evalset is called.

The key is the digest of the values that the evalset's prompt reads from the item, in a normal
form: NFKC, case folded, no invisible characters, blanks collapsed. Names of fields, the prompt's
own words, the gold answer and unread fields do not count, nor does the order of the fields. An
item that shows images has two keys, one with their addresses and one with what they show.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, cast

from flywheel.store.rows.digest import digest
from graders.sample import Sample
from graders.template import template
from graders.text.strict_json import parse_json
from graders.ungraded import Ungraded

_SLOT = re.compile(r"\{\{([^{}]*)\}\}")
# What is no part of the question where no prompt says what is read.
_UNREAD = {"id", "tags", "group", "assert", "description"}
_DIGITS = 32


def slots_of(prompt: Any) -> tuple[str, ...]:
    """The paths of an item that a prompt, as JSON, reads."""
    found = dict.fromkeys(slot for text in texts_in(prompt) for slot in _SLOT.findall(text))
    return tuple(slot.strip() for slot in found)


def item_keys(
    slots: Sequence[str], item: Mapping[str, Any], named: str = "", images: Sequence[str] = ()
) -> list[str]:
    """The keys of an item. `images` are digests of what it shows.

    An item without any text, such as an imported one, is known by its id within the evalset
    `named`.
    """
    values = _values(slots, item)
    if not values and not images:
        values = {f"{named}\0{item.get('id', '')}"}
    return [_key(values), *([_key({*values, *images})] if images else [])]


def longest_value(slots: Sequence[str], item: Mapping[str, Any]) -> str:
    """The longest of the values that are read from an item, in normal form."""
    return max(_values(slots, item), key=len, default="")


def normal(text: str) -> str:
    """The text as it is compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return " ".join(text.casefold().split())


def _key(values: Iterable[str]) -> str:
    return digest(sorted(values))[:_DIGITS]


def _values(slots: Sequence[str], item: Mapping[str, Any]) -> set[str]:
    """The values that are read, in normal form; all of them where the prompt names none."""
    read: list[Any] = []
    if slots and "item" not in slots:
        try:
            read = [_slot(slot)(Sample(item)) for slot in slots]
        except Ungraded:
            read = []
    if not read:
        read = [value for name, value in item.items() if name not in _UNREAD]
    return {text for value in read for leaf in _leaves(value) if (text := normal(leaf))}


@lru_cache(maxsize=256)
def _slot(path: str) -> Any:
    return template(f"{{{{ {path} }}}}").render


def _leaves(value: Any) -> Iterator[str]:
    """The texts and numbers in a value. Of a conversation, what is asked."""
    match value:
        case str():
            yield from _leaves_of_text(value)
        case Mapping():
            fields = cast("Mapping[str, Any]", value)
            if fields.get("role") not in ("system", "developer"):
                for name, field in fields.items():
                    if name not in ("role", "type"):
                        yield from _leaves(field)
        case list() | tuple():
            for element in cast("Sequence[Any]", value):
                yield from _leaves(element)
        case int() | float() if not isinstance(value, bool):
            yield str(value)
        case _:
            pass


def _leaves_of_text(text: str) -> Iterator[str]:
    """Those of the JSON that a text is, else the text."""
    value: Any = text
    if text[:1] in ("{", "["):
        with suppress(ValueError):
            value = parse_json(text)
    if value is text:
        yield text
    else:
        yield from _leaves(value)


def texts_in(prompt: Any) -> Iterator[str]:
    """Every template in a prompt, as JSON."""
    match prompt:
        case str():
            yield prompt
        case Mapping():
            for value in cast("Mapping[str, Any]", prompt).values():
                yield from texts_in(value)
        case list() | tuple():
            for value in cast("Sequence[Any]", prompt):
                yield from texts_in(value)
        case _:
            pass
