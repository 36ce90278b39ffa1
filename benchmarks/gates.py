"""How often the gate promotes a candidate that is not better, by simulation.

Baseline and candidate are equally good: each passes 60% of the items, and 20% are passed by only
one of them. With clusters, groups of five items are correlated. A trial is a complete scenario: one
candidate or twelve, tested once or repeatedly as items arrive. It counts if anything was promoted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator

from flywheel.evals.decision.compare import compare
from flywheel.evals.decision.decide import Evidence, decide
from flywheel.evals.decision.pairs import Pairs, Side
from flywheel.stats.arrays import Floats
from flywheel.store.store import open_store

ITEMS = (30, 100, 1000)
CANDIDATES = 12
LOOKS = 10
_DISCORDANCE = 0.2
_PASSED = 0.6
_IN_A_CLUSTER = 5
_LEAN = 0.08


def equal_pairs(rng: Generator, items: int, clustered: bool, gain: float = 0.0) -> Pairs:
    """Pass/fail items of two models, one of which is better by `gain`."""
    groups = np.arange(items) // _IN_A_CLUSTER
    leans = rng.uniform(-_LEAN, _LEAN, size=int(groups[-1]) + 1)
    lean: Floats = leans[groups] if clustered else np.zeros(items)
    win = (_DISCORDANCE + gain) / 2 + lean
    lose = (_DISCORDANCE - gain) / 2 - lean
    draw = rng.uniform(size=items)
    won, lost = draw < win, (draw >= win) & (draw < win + lose)
    both = rng.uniform(size=items) < (_PASSED - _DISCORDANCE / 2) / (1 - _DISCORDANCE)
    before = np.where(lost | (both & ~won), 1.0, 0.0)
    after = np.where(won | (both & ~lost), 1.0, 0.0)
    return Pairs(
        grader="exact",
        items=tuple(map(str, range(items))),
        baseline=before,
        candidate=after,
        was_passed=before,
        is_passed=after,
        clusters=tuple(groups) if clustered else None,
        missing=0,
        sides=(Side(items, 0), Side(items, 0)),
    )


def _first(pairs: Pairs, items: int) -> Pairs:
    return pairs.only(np.arange(len(pairs.items)) < items)


def _promotes(pairs: Pairs, look: int = 1) -> bool:
    return decide(Evidence(primary=pairs, look=look)).outcome == "promote"


def one_candidate(rng: Generator, items: int, clustered: bool) -> bool:
    """One candidate, tested once."""
    return _promotes(equal_pairs(rng, items, clustered))


def best_on_dev(rng: Generator, items: int, clustered: bool) -> bool:
    """Twelve candidates; the best one on dev is tested once."""
    dev = [equal_pairs(rng, items, clustered) for _ in range(CANDIDATES)]
    test = [equal_pairs(rng, items, clustered) for _ in range(CANDIDATES)]
    gains = [float((one.candidate - one.baseline).mean()) for one in dev]
    return _promotes(test[int(np.argmax(gains))])


def twelve_looks(rng: Generator, items: int, clustered: bool) -> bool:
    """Twelve candidates tested on the same split, one after another, each at its own level."""
    return any(
        _promotes(equal_pairs(rng, items, clustered), look) for look in range(1, CANDIDATES + 1)
    )


def ten_looks(rng: Generator, items: int, clustered: bool) -> bool:
    """One candidate, tested ten times while items arrive."""
    pairs = equal_pairs(rng, items, clustered)
    counts = [items * look // LOOKS for look in range(1, LOOKS + 1)]
    return any(
        _promotes(_first(pairs, count), look) for look, count in enumerate(counts, 1) if count
    )


STORIES: dict[str, Callable[[Generator, int, bool], bool]] = {
    "one candidate, one look": one_candidate,
    "best of twelve on dev, one look": best_on_dev,
    "twelve candidates on test": twelve_looks,
    "one candidate, ten looks": ten_looks,
}


def wrong_promotions(trials: int, seed: int = 20261120) -> Iterator[tuple[str, float]]:
    """The share of trials with a wrong promotion, by scenario, number of items and clustering."""
    for name, story in STORIES.items():
        for items in ITEMS:
            for clustered in (False, True):
                rng = np.random.default_rng([seed, items, clustered, len(name)])
                wrong = sum(story(rng, items, clustered) for _ in range(trials))
                kind = "in clusters of 5" if clustered else "on their own"
                yield f"{name}, {items} items {kind}", wrong / trials


def compare_in_a_large_store(folder: Path) -> float:
    """Seconds of `compare` over two of 200 runs, each of 10,000 items by five graders."""
    with open_store(folder / "s.duckdb") as store:
        with store.cursor() as cursor:
            for statement in _FILL:
                cursor.execute(statement)
        taken: list[float] = []
        for other in (77, 101, 150):
            start = time.perf_counter()
            found = compare(store, "run-0100", [f"run-{other:04}"])
            taken.append(time.perf_counter() - start)
            assert len(found.candidates[0].graders) == 5
    return statistics.median(taken)


# The rows are created in DuckDB, since only reading them is measured.
_NAMES = '["g1","d1"],["g2","d2"],["g3","d3"],["g4","d4"],["g5","d5"]'
_FILL = (
    """INSERT INTO "evalsets" VALUES ('e', 'large', '{"primary": "g1"}', now()::TIMESTAMP)""",
    """INSERT INTO "items" SELECT sha256('item' || i), 'e', 'dev', i, 'item-' || i, '{}'
    FROM range(10000) AS t(i)""",
    f"""INSERT INTO "runs" SELECT printf('run-%04d', r), now()::TIMESTAMP, 'eval', NULL, 'large',
    'e', 'dev', 's', 'model-' || r, 'm' || r, 'p', '{{}}', 'q', 1, 10000, '[{_NAMES}]', 'g1', '0',
    NULL FROM range(200) AS t(r)""",
    """INSERT INTO "samples" SELECT printf('run-%04d', r), sha256('item' || i), i, 0,
    'key' || r || '/' || i, 'an answer', NULL, NULL, false, 50, 10, 0, 0.1, NULL, false,
    now()::TIMESTAMP FROM range(200) AS a(r), range(10000) AS b(i)""",
    """INSERT INTO "scores" SELECT printf('run-%04d', r), sha256('item' || i), i, 0, 'd' || g,
    'g' || g, s, s > 0, true, 'a reason', NULL, NULL, NULL, NULL, now()::TIMESTAMP
    FROM (SELECT *, (hash(r, i, g) % 10 < 6)::INT::DOUBLE AS s
        FROM range(200) AS a(r), range(10000) AS b(i), range(1, 6) AS c(g))""",
)
