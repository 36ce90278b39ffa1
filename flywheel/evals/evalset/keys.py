"""Keys of an evalset's items: what its reads are counted by, and its leaks are found by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, cast

from flywheel.errors import BadFile, BadItem
from flywheel.evals.evalset.evalset import SPLITS, Evalset, Split
from flywheel.evals.evalset.items import Item
from flywheel.store.reads.item_keys import item_keys, slots_of
from flywheel.store.reads.item_sets import keep_item_set, keep_split_set
from flywheel.store.rows.digest import digest
from flywheel.store.store import Store
from flywheel.store.tables.batches import has_batch
from graders.content import images_of


def keep_split(store: Store, evalset: Evalset, split: Split, count: int) -> str:
    """Write down which items the first ones of a split are, and give the name of their set.

    Of the sealed split, what the other splits hold is written down beside it: an item of theirs is
    no item that no lever saw.
    """
    if split != "test":
        return keep_split_set(store, evalset.name, split, split_keys(evalset, split, count))
    for other in SPLITS:
        if other != "test" and evalset.split(other).path.is_file():
            version = evalset.split(other).digest
            known = f"split_file/{evalset.name}/{evalset.digest}/{other}/{version}"
            if not has_batch(store, known):
                keep_split_set(store, evalset.name, other, split_keys(evalset, other))
                store.write(known, {})
    return keep_item_set(store, split_keys(evalset, split, count))


def split_keys(evalset: Evalset, split: Split, count: int | None = None) -> Iterator[str]:
    """The keys of the first items of a split, or of all. Lines that hold no item have none."""
    prompt = evalset.definition.prompt
    slots = slots_of(evalset.definition.model_dump(include={"prompt"})["prompt"])
    named = not isinstance(prompt, str) and any(images_of(turn.content) for turn in prompt)
    items = evalset.split(split)
    with suppress(BadFile):
        for _, number, line in islice(items.lines(), count):
            with suppress(BadFile):
                item = items.read(number, line)
                images = _images(evalset, item) if named or b"image_url" in line else ()
                yield from item_keys(slots, item, evalset.name, images)


def _images(evalset: Evalset, item: Item) -> list[str]:
    """The digests of the images that the prompt shows of an item."""
    with suppress(BadItem, ValueError):
        messages = evalset.ask(item)
        return [digest(url) for message in messages for url in _urls(message.get("content"))]
    return []


def _urls(content: Any) -> Iterator[str]:
    for part in cast("list[Any]", content) if isinstance(content, list) else []:
        if "image_url" in part:
            yield part["image_url"]["url"].partition(",")[2]
