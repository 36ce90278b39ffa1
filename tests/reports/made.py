"""Reports made of given scores, without a store: what a model wrote may then be anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from flywheel.evals.decision.compare import Candidate, Comparison, Spending, compare_pairs
from flywheel.evals.decision.compare import SliceComparison as Slice
from flywheel.evals.decision.flips import Flip
from flywheel.evals.decision.pairs import ItemFacts, Pairs, Side
from flywheel.reports.report import Report
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import Cost

# What no model should write, and some do.
HOSTILE = (
    "\x1b[31mred\x1b[0m \x00 \x07 \x9b \r\n"
    "</pre></script><script>alert(1)</script><img src=//evil.example/x onerror=alert(1)>\n"
    "]]> <!-- & &amp; \"quoted\" 'quoted' <![CDATA[\n"
    "````text\n``` | pipe | ![x](https://evil.example/x.png) @everyone [[ATTACHMENT|/etc/passwd]]\n"
    "\u202egnp.exe\u202c \u2066\ufeff\u2028\ufffe lone \ud800 and \udfff end\n"
    "~~~ </details> {{ item.gold }} $x$"
)


def run_row(run: str, split: str = "test", model: str = "scripted:m.jsonl") -> RunRow:
    """A run that differs from others in its name, split and model."""
    return RunRow(
        run=run,
        created=datetime(2026, 1, 2, 3, 4, 5),
        kind="eval",
        parent=None,
        evalset="desk",
        evalset_digest="e" * 64,
        split=split,
        split_digest="5" * 64,
        model=model,
        model_digest="a" * 64,
        prompt_digest="b" * 64,
        sampling="{}",
        sampling_digest="c" * 64,
        repeats=1,
        items=100,
        graders="[]",
        primary_grader="right",
        version="0.1.0",
        note=None,
    )


def pairs_of(grader: str, before: Sequence[float], after: Sequence[float]) -> Pairs:
    """Pairs with these item means; an item passes from 0.5 on."""
    a, b = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    sides = (Side(a.size, 0), Side(a.size, 0))
    items = tuple(f"{number:064x}" for number in range(a.size))
    passed = ((a >= 0.5).astype(np.float64), (b >= 0.5).astype(np.float64))
    return Pairs(grader, items, a, b, *passed, None, 0, sides)


def flip(change: str, id: str, before: str, after: str) -> Flip:
    """A fixed or a broken item with these two answers."""
    was, is_now = (1.0, 0.0) if change == "broken" else (0.0, 1.0)
    assert change in ("broken", "fixed")
    return Flip("broken" if was else "fixed", id, "d" * 64, was, is_now, before, after, "why", "so")


def candidate(
    run: str, graders: Sequence[tuple[Pairs, str]], slices: Sequence[Slice] = ()
) -> Candidate:
    """A candidate by these pairs, each with the role of its grader."""
    found = {pairs.grader: compare_pairs(pairs, role) for pairs, role in graders}
    for name, one in found.items():
        if one.role == "primary" and one.paired is not None:
            found[name] = replace(one, adjusted=one.paired.p)
    return Candidate(run_row(run), found, tuple(slices), SPENT)


SPENT = Spending(Cost(100, 0, 3, 0, 0, 1200, 345, 0.0123, None), 12.5, 0.25)
GAIN = pairs_of("right", [0.0] * 60 + [1.0] * 40, [1.0] * 40 + [0.0] * 20 + [1.0] * 36 + [0.0] * 4)
FALL = pairs_of("right", [1.0] * 40 + [0.0] * 60, [0.0] * 30 + [1.0] * 10 + [0.0] * 60)
SAME = pairs_of("right", [1.0] * 40 + [0.0] * 60, [0.0] + [1.0] * 39 + [1.0] + [0.0] * 59)
FEW = pairs_of("right", [1.0], [0.5])


def report_of(*candidates: Candidate, flips: Sequence[Flip] = (), split: str = "test") -> Report:
    """A report of candidates that all have the same flips."""
    comparison = Comparison(run_row("run-base", split), SPENT, tuple(candidates), ItemFacts())
    return Report(comparison, {one.run.run: flips for one in candidates})
