"""Runs and gates of the tests of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel.evals.decision.decide import Rules
from flywheel.evals.decision.gate import Case, Verdict, judge
from flywheel.store.store import Store
from tests.evals.world import Echo, measure, plan


def run_of(store: Store, folder: Path, model: Echo, name: str, **choice: Any) -> str:
    """A finished run of that model, on the test split unless told otherwise."""
    bench: dict[str, Any] = {"use_cache": False} if choice.pop("anew", False) else {}
    of = plan(folder, name, **{"split": "test", **choice})
    return measure(store, of, model, **bench).run.run


def gate(
    store: Store, baseline: str, candidate: str, seeds: Sequence[str] = (), **rules: Any
) -> Verdict:
    return judge(store, Case(baseline=baseline, candidate=candidate, seeds=seeds), Rules(**rules))
