"""Which runs may be gated: those whose choice is no way past the count of looks.

A candidate's first measurement counts, on all the items that the baseline was measured on, and no
item is one that a lever could have seen. A seed is proven by how its model was made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel.errors import NotComparable
from flywheel.evals.decision.sealed_reads import read_by
from flywheel.evals.results.results import definition_of
from flywheel.store.reader import Reader
from flywheel.store.reads.item_keys import item_keys, longest_value, normal, slots_of, texts_in
from flywheel.store.tables.definitions import find_model, item_texts, prompt_messages, texts_of_run
from flywheel.store.tables.reads import also_held, runs_reading, set_differences
from flywheel.store.tables.runs import RunRow, find_run
from flywheel.store.tables.samples import has_answers

_NAMED = 3
# A shorter text may stand in a prompt by chance.
_SHORTEST = 24
_RECIPE = ("lever", "base_digest", "data_digest")


def check_items(store: Reader, baseline: RunRow, candidate: RunRow) -> None:
    """Raise NotComparable unless both runs measured the same items."""
    before, after = read_by(store, baseline).item_set, read_by(store, candidate).item_set
    if before == after:
        return
    only_before, only_after = set_differences(store, before, after)
    lacks = [
        f"{row.run} lacks {count:,} of the items of {other.run}"
        for row, other, count in (
            (candidate, baseline, only_before),
            (baseline, candidate, only_after),
        )
        if count
    ]
    raise NotComparable(
        f"{', and '.join(lacks)}: measure both on the same items, with the same --limit or none"
    )


def check_first(store: Reader, run: RunRow) -> None:
    """Raise NotComparable for a run that repeats an earlier measurement: the first one counts."""
    read = read_by(store, run)
    for name, scoring in runs_reading(store, read):
        if name == run.run:
            return
        first = find_run(store, name)
        if first is None or not has_answers(store, first.sampled):
            continue
        if scoring == read.scoring:
            raise NotComparable(
                f"{run.run} measures again what {name} measured on these items, and the first"
                f" measurement counts: gate {name}, after flywheel eval --resume {name} if it is"
                " unfinished"
            )


def check_leaks(store: Reader, run: RunRow) -> None:
    """Raise NotComparable when an item of a run stands in a split that levers see, too."""
    held = also_held(store, read_by(store, run).item_set)
    if not held:
        return
    shared = {key for one in held for key in one.items}
    keys = keys_of(store, run)
    ids = item_ids(store, [item for item in keys if shared & set(keys[item])])
    named = ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
    splits = ", ".join(f"{one.evalset} {one.split}" for one in held)
    raise NotComparable(
        f"{len(ids):,} items of {run.run} are in {splits} too, so they are not sealed: {named}."
        " Remove them from test.jsonl and measure both runs again"
    )


def check_prompt(store: Reader, run: RunRow) -> None:
    """Raise NotComparable when the run's prompt shows an item of the run, as an example or so."""
    prompt = json.loads(prompt_messages(store, run.prompt_digest) or "[]")
    words = normal("\n".join(texts_in(prompt)))
    slots = slots_of(definition_of(store, run).get("prompt"))
    shown: list[str] = []
    for digest, text in texts_of_run(store, run.sampled):
        asked = longest_value(slots, json.loads(text))
        if len(asked) >= _SHORTEST and asked in words:
            shown.append(digest)
    if shown:
        ids = item_ids(store, shown)
        raise NotComparable(
            f"the prompt of {run.run} shows {len(ids):,} of the items that it is measured on:"
            f" {', '.join(ids[:_NAMED])}. Take examples from train, and measure the prompt again"
        )


def keys_of(store: Reader, run: RunRow) -> dict[str, list[str]]:
    """The keys of the items of a run, by the digest of each."""
    slots = slots_of(definition_of(store, run).get("prompt"))
    return {
        digest: item_keys(slots, json.loads(text), run.evalset)
        for digest, text in texts_of_run(store, run.sampled)
    }


def item_ids(store: Reader, digests: Sequence[str]) -> list[str]:
    """What items are called, in the order of their names."""
    texts = item_texts(store, digests)
    return sorted(str(json.loads(texts[one]).get("id", one[:12])) for one in digests)


def check_seeds(store: Reader, candidate: RunRow, seeds: Sequence[RunRow]) -> None:
    """Raise NotComparable for a seed that is not the candidate's training with another seed."""
    runs = [candidate, *seeds]
    made = [made_by(store, run) for run in runs]
    for at, (run, seed) in enumerate(zip(seeds, made[1:], strict=True), 1):
        reason = _why_no_seed(made[0], seed)
        if not reason and seed["seed"] in [one["seed"] for one in made[:at]]:
            reason = f"its seed is {seed['seed']} too"
        if not reason and run.model_digest in [one.model_digest for one in runs[:at]]:
            reason = "its weights are the same"
        if reason:
            raise NotComparable(
                f"{run.run} is no other seed of {candidate.run}: {reason}. Leave it out; it is a"
                " candidate of its own"
            )


def _why_no_seed(own: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    if not own:
        return "no lever of Flywheel trained the candidate"
    if not other:
        return "no lever of Flywheel trained its model"
    names = [name for name in own if name != "seed" and own[name] != other[name]]
    return f"its {', '.join(names)} differs" if names else ""


def made_by(store: Reader, run: RunRow) -> dict[str, Any]:
    """How a lever that has seeds made the model of a run; nothing for any other model."""
    model = find_model(store, run.model_digest)
    made: dict[str, Any] = json.loads(model.detail) if model else {}
    if not made.get("lever"):
        return {}
    config: dict[str, Any] = made.get("config") or {}
    return {
        **{name: made.get(name) for name in (*_RECIPE, "seed")},
        "config": {name: config[name] for name in config if name != "seed"},
    }
