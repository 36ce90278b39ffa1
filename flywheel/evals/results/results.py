"""The results of a run: means with intervals, missing answers and verdicts, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flywheel.errors import NoRun, unnamed
from flywheel.evals.floors.floors import Floors, load_floors
from flywheel.evals.grading.score_ranges import score_range
from flywheel.evals.run.run_names import steps_back
from flywheel.outputs import runs as outputs
from flywheel.samplers.failures import Reason, reasons
from flywheel.samplers.sampler import asks_provider
from flywheel.stats.intervals import Interval, mean_interval
from flywheel.store.errors import wrong_data
from flywheel.store.reader import Reader
from flywheel.store.rows.values import list_of, object_of, pairs_of
from flywheel.store.tables.definitions import evalset_definition
from flywheel.store.tables.runs import (
    RunRow,
    find_run,
    newest_names,
    nth_newest,
    run_seconds,
    run_status,
    runs_named,
)
from flywheel.store.tables.samples import Cost, answering_models, count_failures, load_cost
from flywheel.store.tables.scores import GraderSummary, count_ungraded, item_means, summarise


@dataclass(frozen=True, slots=True)
class Figure:
    """The mean of one grader.

    The interval is over item means, or over cluster means if the evalset has clusters.
    """

    summary: GraderSummary
    interval: Interval | None

    def as_json(self) -> outputs.Figure:
        """The mean with its interval; null if nothing was graded."""
        mean, low, high = self.interval or (None, None, None)
        ungraded = sum(self.summary.ungraded.values())
        return {"mean": mean, "low": low, "high": high, "n": self.summary.n, "ungraded": ungraded}


@dataclass(frozen=True, slots=True)
class Result:
    """A run with its figures.

    `failures` are the reasons of the failed requests, `no_verdict` those of the answers that the
    primary grader left ungraded. `models` counts the answers by the model's name in the response.
    """

    run: RunRow
    status: str | None
    figures: dict[str, Figure]
    cost: Cost
    seconds: float
    floors: Floors | None = None
    failures: Sequence[Reason] = ()
    no_verdict: Sequence[Reason] = ()
    models: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def other_models(self) -> dict[str, int]:
        """The answers of an endpoint or a function with another model's name than requested."""
        asked = self.run.model
        if not asks_provider(asked):
            return {}
        return {name: n for name, n in self.models.items() if not asked.endswith(name)}

    @property
    def primary(self) -> Figure | None:
        """The primary grader's figure, None if nothing was graded."""
        return self.figures.get(self.run.primary_grader)

    @property
    def n(self) -> int:
        """The number of answers, without failed requests; for an imported log, its own count."""
        imported = self.run.kind == "import"
        return self.cost.samples if imported else self.cost.samples - self.cost.errors

    @property
    def planned(self) -> int:
        """The number of planned answers; for an import, the number of imported ones."""
        planned = self.run.items * self.run.repeats
        return self.cost.samples if self.run.kind == "import" else planned

    @property
    def is_complete(self) -> bool:
        """Whether no request failed and at least one answer has a verdict."""
        return not self.failures and self.primary is not None and self.primary.summary.graded > 0

    @property
    def ungraded(self) -> int:
        """Answers without a verdict of the primary grader. Failed requests are not counted."""
        graded = self.primary.summary.graded if self.primary else 0
        return self.n - graded

    def as_json(self) -> outputs.Run:
        """The object that `eval`, `baseline` and `show` print."""
        row = self.run
        figures = {name: figure.as_json() for name, figure in self.figures.items()}
        figure = figures.get(row.primary_grader)
        mean, low, high = (figure["mean"], figure["low"], figure["high"]) if figure else [None] * 3
        return {
            "run": row.run,
            "kind": row.kind,
            "status": self.status,
            "evalset": row.evalset,
            "split": row.split,
            "model": row.model,
            "planned": self.planned,
            "n": self.n,
            "ungraded": self.ungraded,
            "errors": self.cost.errors,
            "failures": [reason.as_json() for reason in self.failures],
            "primary": {"grader": row.primary_grader, "mean": mean, "low": low, "high": high},
            "graders": figures,
            "floors": self.floors and self.floors.as_json(),
            "answered_by": dict(self.models),
            "judge_digest": row.judge_digest,
            "embedder_digest": row.embedder_digest,
            "seconds": self.seconds,
            "tokens": self.cost.prompt_tokens + self.cost.completion_tokens,
            "cached": self.cost.cached,
            "truncated": self.cost.truncated,
            "refused": self.cost.refused,
            "price": self.cost.price,
            "loss": self.cost.loss,
        }


def load_result(store: Reader, run: str) -> Result:
    """The result of a run, finished or not. Raises NoRun."""
    return result_of_run(store, the_run(store, run))


def result_of_run(store: Reader, row: RunRow) -> Result:
    """The result of the run of this row."""
    group = field_path(definition_of(store, row).get("group"))
    figures: dict[str, Figure] = {}
    for one in summarise(store, row.run):
        means, groups = item_means(store, row.run, one.grader, group)
        interval = mean_interval(means, groups, range_=score_range(store, one.grader))
        figures[one.name] = Figure(one, interval)
    order = [name for name, _ in pairs_of(row.graders)]
    ordered = {name: figures[name] for name in order if name in figures}
    status, seconds = run_status(store, row.run), run_seconds(store, row.run)
    floors = load_floors(store, row.run)
    models = answering_models(store, row.sampled)
    cost = load_cost(store, row.sampled)
    result = Result(row, status, ordered, cost, seconds, floors, models=models)
    if result.cost.errors:
        # A regrade has the answers of its parent.
        result = replace(result, failures=reasons(count_failures(store, row.sampled)))
    if result.ungraded:
        ungraded = count_ungraded(store, row.run, row.primary_grader)
        result = replace(result, no_verdict=reasons(ungraded))
    return result


def the_run(store: Reader, run: str) -> RunRow:
    """The run of this name, or the only one whose name begins so. Raises NoRun, and BrokenStore
    where its graders cannot be read.

    `latest` is the newest one, `latest~1` the one before it.
    """
    row = _find(store, run)
    try:
        pairs_of(row.graders)
    except ValueError:
        raise wrong_data(store.path, f"the graders of run {row.run} cannot be read") from None
    return row


def _find(store: Reader, run: str) -> RunRow:
    back = steps_back(run)
    row = find_run(store, run) if back is None else nth_newest(store, back)
    if row is not None:
        return row
    names = runs_named(store, run) if back is None else []
    if len(names) == 1 and (row := find_run(store, names[0])):
        return row
    listed = f"in {store.path}; flywheel runs lists them"
    raise NoRun(unnamed("run", run, names, listed, newest_names(store)))


def definition_of(store: Reader, run: RunRow) -> dict[str, Any]:
    """The evalset's definition at the start of the run."""
    try:
        return object_of(evalset_definition(store, run.evalset_digest) or "")
    except ValueError:
        raise wrong_data(store.path, f"the evalset of run {run.run} cannot be read") from None


def tags_of(store: Reader, run: RunRow) -> tuple[str, ...]:
    """The item fields by which a run is sliced: its evalset's tags at the start of the run."""
    try:
        # A run of an older version has them in its evalset's definition.
        tags = definition_of(store, run).get("tags", ()) if run.tags is None else list_of(run.tags)
    except ValueError:
        raise wrong_data(store.path, f"the tags of run {run.run} cannot be read") from None
    return tuple(map(str, tags))


def field_path(name: str | None) -> str | None:
    """The JSON path of an item's field, None for no field."""
    return None if name is None else '$."' + name.replace('"', '\\"') + '"'
