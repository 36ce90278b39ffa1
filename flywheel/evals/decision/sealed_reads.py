"""Reads of a sealed split: it is spent by reading it, so each read is counted.

The store chains every read of a test split. A read is of a candidate (weights, prompt, sampling;
of an import its answers), on a set of items known by their content, with graders that mean
something. A pair of runs has the number 1 + the most earlier reads that any of its items had, in
the order of the chain: files, evalsets, names and ids change nothing. The baseline that is named
does not count, if it was the baseline before or read first; seeds and rejected candidates do.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from flywheel.evals.decision.compare import Comparison
from flywheel.store.errors import wrong_data
from flywheel.store.reader import Reader
from flywheel.store.reads.identity import scoring_changes
from flywheel.store.reads.ledger import Entry, keep_reads, shared_items
from flywheel.store.rows.digest import canonical_json
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.reads import (
    Look,
    Read,
    gates_of,
    looks_at,
    read_counts,
    read_of,
    read_time,
    run_read,
    set_items,
    was_appointed,
)
from flywheel.store.tables.runs import RunRow

# Rules that make no promotion easier, so that another value of them is not another look.
_NO_RULE = ("effect", "power", "ledger")


class LookNumber(NamedTuple):
    """Which look a decision is, and which rules changed since the first look.

    `items` are the keys of the only items that it may be about, None for all of the run. `ledger`
    says why the reads by other stores are not counted, "" where they are.
    """

    number: int
    changes: tuple[str, ...] = ()
    items: frozenset[str] | None = None
    ledger: str = ""


def read_by(store: Reader, run: RunRow) -> Read:
    """What a run on a sealed split reads. Raises BrokenStore where the store does not say."""
    read = run_read(store, run)
    if read is None:
        raise wrong_data(store.path, f"the read of run {run.run} is missing from the chain")
    return read


def note_read(store: Store, comparison: Comparison, purpose: str) -> None:
    """Record that somebody read candidates' scores on the test split."""
    if comparison.baseline.split != "test":
        return
    now = utc_now()
    rows = [
        read_of(one.run, purpose, read_by(store, one.run), now) for one in comparison.candidates
    ]
    store.write(f"{purpose}/{uuid.uuid4().hex}", {"reads_chain": rows})
    keep_reads(store)


def look_number(
    store: Reader, pair: tuple[Read, Read], rules: str, elsewhere: Sequence[Entry] = ()
) -> LookNumber:
    """Which look at its items a gate is. `pair` reads as baseline and candidate.

    `rules` are as the chain has them, and `elsewhere` are the reads by other stores. The read of
    the gate itself is in the chain already, so that two gates at once differ.
    """
    candidate = pair[1]
    looks = looks_at(store, candidate.item_set)
    position = _position([row for row in looks if _read(row) == candidate], rules)
    counts = _counts(store, looks, pair, (position, rules), elsewhere)
    return LookNumber(1 + max(counts.values(), default=0), tuple(_changes(looks, candidate, rules)))


def fresh_items(
    store: Reader, pair: tuple[Read, Read], rules: str, elsewhere: Sequence[Entry] = ()
) -> list[str]:
    """The items of a candidate that no other read; of a gate that is repeated, those that it had.

    Items that the candidate was gated on are not fresh.
    """
    candidate = pair[1]
    gates = [
        row for row in gates_of(store, candidate.candidate) if row.scoring == candidate.scoring
    ]
    same = [row.item_set for row in gates if _same_rules(row.rules, rules)]
    if same:
        return set_items(store, same[0])
    looks = looks_at(store, candidate.item_set)
    own = [row for row in looks if _read(row) == candidate]
    if any(row.rules is not None for row in own):
        return []
    counts = _counts(store, looks, pair, (own[0].n, rules), elsewhere)
    return [item for item in set_items(store, candidate.item_set) if item not in counts]


def fresh_look(store: Reader, candidate: Read, rules: str, elsewhere: Sequence[Entry] = ()) -> int:
    """Which look a gate on fresh items is: each gate of the same candidate on others was one."""
    here = gates_of(store, candidate.candidate)
    there = [row for row in elsewhere if row.candidate == candidate.candidate and row.rules]
    gates = [(row.item_set, row.scoring, _rule(row.rules or "{}")) for row in (*there, *here)]
    own = (candidate.item_set, candidate.scoring, _rule(rules))
    return 1 + list(dict.fromkeys(gates)).index(own)


def _counts(
    store: Reader,
    looks: list[Look],
    pair: tuple[Read, Read],
    gate: tuple[int, str],
    elsewhere: Sequence[Entry],
) -> dict[str, int]:
    """How often each item of a candidate was read before it could be compared with its baseline."""
    baseline, candidate = pair
    position, rules = gate
    theirs = [row for row in looks if row.candidate == baseline.candidate]
    # A baseline that was read after the candidate may have been chosen among those before it.
    shared = (row.n for row in theirs if row.item_set == candidate.item_set)
    position = max(position, next(shared, 0))
    first = next(row.n for row in looks if _read(row) == candidate)
    left_out = baseline.candidate if _is_baseline(store, baseline, first, theirs) else None
    earlier = [row for row in looks if row.n < position and row.candidate != left_out]
    counts = read_counts(store, candidate.item_set, _weights(earlier, candidate, rules))
    before = read_time(store, position)
    others = [
        Look(0, row.candidate, row.item_set, row.scoring, row.rules)
        for row in elsewhere
        if row.at < before and row.candidate != left_out
    ]
    # Another measurement of this candidate in another store is a read like any other.
    for name, count in _weights(others).items():
        for item in shared_items(name, set_items(store, candidate.item_set)):
            counts[item] = counts.get(item, 0) + count
    return counts


def _position(own: list[Look], rules: str) -> int:
    """Where in the chain a candidate's gate under these rules is.

    It was read when it was measured, and that read is the one of the first rules it is gated by.
    Other rules are a look of their own, where they are first used.
    """
    gates = [row for row in own if row.rules is not None]
    same = [row.n for row in gates if _same_rules(row.rules, rules)]
    is_first = not gates or _same_rules(gates[0].rules, rules)
    return own[0].n if is_first else min(same)


def _weights(
    rows: Iterable[Look], candidate: Read | None = None, rules: str = "{}"
) -> dict[str, int]:
    """How many reads there were of each set of items: one for each candidate, graders and rules.

    Of the candidate itself only other rules count.
    """
    used: dict[Read, set[str]] = {}
    for row in rows:
        kinds = used.setdefault(_read(row), set())
        if row.rules is not None:
            kinds.add(_rule(row.rules))
    weights: dict[str, int] = {}
    for read, kinds in used.items():
        own = read == candidate
        count = len(kinds - {_rule(rules)}) if own else max(1, len(kinds))
        weights[read.item_set] = weights.get(read.item_set, 0) + count
    return {name: count for name, count in weights.items() if count}


def _is_baseline(store: Reader, baseline: Read, first: int, theirs: list[Look]) -> bool:
    """Whether the run that is named as the baseline is one, and no candidate of an earlier look."""
    gated = any(row.rules is not None for row in theirs)
    before = bool(theirs) and theirs[0].n < first
    return (before and not gated) or was_appointed(store, baseline.candidate)


def _changes(looks: list[Look], candidate: Read, rules: str) -> list[str]:
    """What differs from the first look at these items, in words."""
    changes = scoring_changes(looks[0].scoring, candidate.scoring)
    first = next((row.rules for row in looks if row.rules is not None), rules)
    then, now = json.loads(_rule(first)), json.loads(_rule(rules))
    names = [name for name in then | now if name != "baseline"]
    return changes + [
        f"{name} was {then.get(name, False)}" for name in names if then.get(name) != now.get(name)
    ]


def rules_json(rules: dict[str, Any], baseline: Read) -> str:
    """The rules of a gate as the chain has them, with the baseline that it compares with."""
    return canonical_json({**rules, "baseline": baseline.candidate})


def _same_rules(one: str | None, other: str) -> bool:
    return one is not None and _rule(one) == _rule(other)


def _rule(rules: str) -> str:
    found: dict[str, Any] = json.loads(rules)
    # What nobody asked for is not in the rules of an older version.
    asked = {name: one for name, one in found.items() if name not in _NO_RULE and one is not False}
    return canonical_json(asked)


def _read(row: Look) -> Read:
    return Read(row.candidate, row.item_set, row.scoring)
