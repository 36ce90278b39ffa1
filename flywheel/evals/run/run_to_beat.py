"""The run that a lever has to beat: an existing baseline of the same plan, or a new one."""

from __future__ import annotations

from collections.abc import Collection

from flywheel.engines.engine import Engine
from flywheel.errors import ChangedPlan
from flywheel.evals.results.results import the_run
from flywheel.evals.run.measure import Bench, begin, go_on
from flywheel.evals.run.plan import Plan
from flywheel.store.reader import Reader
from flywheel.store.store import Store
from flywheel.store.tables.decisions import find_baseline
from flywheel.synchronous import result_of


def find_run_to_beat(
    plan: Plan, store: Reader, graders: Collection[str] | None = None
) -> tuple[str | None, str]:
    """The baseline that measured just this plan, and where there is none, why.

    Of these graders, None being all: what nobody asks in the training may have another judge.
    """
    named = f"no baseline of {plan.evalset.name} dev with {plan.model}"
    same = plan.identity
    found = find_baseline(
        store,
        same["evalset"],
        "dev",
        model=same["model"],
        prompt=same["prompt"],
        sampling=same["sampling"],
    )
    if found is None:
        return None, named
    try:
        plan.check_same(the_run(store, found.run), graders)
    except ChangedPlan as change:
        difference = str(change).partition(" changed: ")[2].partition(". Start")[0]
        return None, f"{named}: {found.run} measured something else ({difference})"
    return found.run, ""


def measure_baseline(plan: Plan, store: Store, engine: Engine) -> str:
    """Measure the unchanged model, make the run the baseline, and return its name."""
    engine.open(plan.model)
    row = begin(plan, store, "baseline")
    result_of(go_on(plan, row, Bench(store, engine)))
    return row.run
