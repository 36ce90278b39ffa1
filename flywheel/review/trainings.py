"""Trainings as rows: the jobs in the store, and one job's exams, alarms and logged values.

Changes are since the first exam, paired by item, as in the alarm. The graders' roles are read from
the job's order and the current evalset; without them, only means are available.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from pydantic import ValidationError

from flywheel.errors import FlywheelError, NoJob
from flywheel.evals.evalset.evalset import Evalset, load_evalset
from flywheel.jobs.outcomes import ENDS
from flywheel.jobs.records.event_shape import fits
from flywheel.jobs.records.job_state import View, events_of, order_of, summed
from flywheel.jobs.records.journal import Event, is_held
from flywheel.levers.training.exams.roles import Roles
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.levers.training.orders.order import stored_config
from flywheel.review.answers import as_text
from flywheel.review.exams import changes, curve_roles, means
from flywheel.review.rows import Alarm, Curve, Series, Suspect, Training, TrainingLine
from flywheel.store.reader import Reader
from flywheel.store.tables.jobs import JobEventRow, JobRow, job_events, list_jobs, newest_events

# The charts of a training with rewards, whose loss is not informative.
_OF_REWARDS: Mapping[str, str] = {
    "reward": "mean reward",
    "entropy": "entropy",
    "kl": "KL to the base",
    "completions/mean_length": "mean length of an answer, tokens",
    "no_spread": "share of groups without spread",
}
_MOST_POINTS = 400


class _Setting(NamedTuple):
    evalset: Evalset
    roles: Roles
    changed: bool


def training_lines(store: Reader, most: int) -> list[TrainingLine]:
    """The newest jobs first."""
    rows = list_jobs(store)[:most]
    events: dict[str, list[JobEventRow]] = {row.job: [] for row in rows}
    for event in newest_events(store, list(events)):
        events[event.job].append(event)
    primary = lru_cache(None)(_primary)
    return [
        _line(row, summed(row, events_of(events[row.job])), primary(_config(row)[0]))
        for row in rows
    ]


def training(store: Reader, job: str) -> Training:
    """One job, for its page. Raises NoJob."""
    row = next((row for row in list_jobs(store) if row.job == job), None)
    if row is None:
        raise NoJob(f"no job {job!r} in {store.path}; flywheel jobs lists them")
    events = list(events_of(job_events(store, job)))
    view = summed(row, events)
    setting, trouble = _setting(row)
    curves: list[Curve] = []
    if setting is not None:
        try:
            curves = changes(_scores(view, events), setting.evalset, setting.roles)
        except FlywheelError as error:
            trouble = str(error)
    if not curves and view.exams:
        trouble = trouble or "the store has no scores per item"
        curves = means(view.exams)
    return Training(
        line=_line(row, view, setting and setting.evalset.definition.primary),
        events=len(events),
        notes=_notes(view, setting),
        trouble=trouble if view.exams else None,
        curves=curves,
        alarms=_alarms(view, setting),
        series=_series(view),
        error=view.end.get("error"),
        remedy=view.end.get("remedy"),
    )


def _line(row: JobRow, view: View, primary: str | None) -> TrainingLine:
    first, best = min(view.exams, default=None), view.best_step
    return TrainingLine(
        job=row.job,
        created=row.created,
        status=_status(row, view),
        lever=row.lever,
        model=row.model,
        evalset=row.evalset,
        seed=_config(row)[1],
        step=max(view.step, *view.checkpoints, 0),
        steps=view.total,
        before=_mean(view, first, primary),
        best=_mean(view, best, primary),
        best_step=best,
        alarms=len(_unique_alarms(view)),
    )


def _mean(view: View, step: int | None, grader: str | None) -> float | None:
    exam: Mapping[str, Any] = view.exams.get(step, {}) if step is not None else {}
    return exam.get("graders", {}).get(grader, {}).get("mean")


def _status(row: JobRow, view: View) -> str:
    """The job's state from its events; without a final event, from its folder."""
    folder = Path(row.folder)
    if is_held(folder):
        return "queued" if view.status == "queued" else "running"
    if view.status in ENDS:
        return view.status
    return "died" if folder.is_dir() else "unknown"


def _config(row: JobRow) -> tuple[str, int | None]:
    """The evalset's name or path in the config, and the seed."""
    config: Mapping[str, Any] = order_of(row).get("config", {})
    seed = config.get("seed")
    return str(config.get("evalset", "")), seed if isinstance(seed, int) else None


def _primary(evalset: str) -> str | None:
    try:
        return load_evalset(evalset).definition.primary
    except FlywheelError:
        return None


def _setting(row: JobRow) -> tuple[_Setting | None, str | None]:
    """A job's evalset and its graders' roles, or the reason why they cannot be read."""
    order = order_of(row)
    try:
        config = OBJECTIVE.validate_python(stored_config(order.get("config", {})))
        evalset = load_evalset(config.evalset)
        roles = config.roles(evalset.definition)
    except ValidationError as error:
        return None, f"this version cannot read the job's config: {error}"
    except FlywheelError as error:
        return None, str(error)
    then = order.get("digests", {}).get("evalset")
    return _Setting(evalset, roles, then is not None and then != evalset.digest), None


def _scores(
    view: View, events: Sequence[Event]
) -> dict[int, Mapping[str, Mapping[str, float | None]]]:
    """step -> item -> grader -> score, of the valid exams, by step."""
    scores: dict[int, Mapping[str, Mapping[str, float | None]]] = {}
    for event in events:
        if event.kind == "exam_items" and fits(event):
            scores[event.detail["step"]] = event.detail["items"]
    return {step: scores[step] for step in sorted(scores) if step in view.exams}


def _notes(view: View, setting: _Setting | None) -> list[str]:
    notes: list[str] = []
    if setting and setting.changed:
        notes.append(
            "The evalset has changed since this job started; roles and groups are read from its"
            " current version."
        )
    if setting and setting.roles.rewards and not setting.roles.audits:
        notes.append("Every grader is a reward, so reward hacking cannot be detected.")
    if view.resumed:
        notes.append(f"Resumed {view.resumed} times; repeated steps show their latest values.")
    return notes


def _unique_alarms(view: View) -> list[Mapping[str, Any]]:
    """The alarms without repeats: a resumed job may have reported one twice."""
    return list({str(alarm.get("told")): alarm for alarm in view.alarms}.values())


def _alarms(view: View, setting: _Setting | None) -> list[Alarm]:
    alarms = _unique_alarms(view)
    samples: list[list[dict[str, Any]]] = [alarm.get("samples") or [] for alarm in alarms]
    wanted = {str(one.get("item")) for each in samples for one in each}
    items = _items(setting.evalset, wanted) if setting and wanted else {}
    roles = curve_roles(setting.roles) if setting else {}
    return [
        Alarm(
            str(alarm.get("name")),
            str(alarm.get("told")),
            [_suspect(one, items, roles) for one in each],
        )
        for alarm, each in zip(alarms, samples, strict=True)
    ]


def _suspect(
    sample: Mapping[str, Any],
    items: Mapping[str, dict[str, str]],
    roles: Mapping[str, Sequence[str]],
) -> Suspect:
    name = str(sample.get("item"))
    scores = cast("Mapping[str, float | None]", sample.get("scores") or {})
    order = {"reward": 0, "audit": 1}
    rows = [(grader, ", ".join(roles.get(grader, ())), score) for grader, score in scores.items()]
    rows.sort(key=lambda row: order.get(row[1].split(", ")[0], 2))
    return Suspect(name, items.get(name, {}), str(sample.get("answer", "")), rows)


def _items(evalset: Evalset, wanted: set[str]) -> dict[str, dict[str, str]]:
    """The fields of these dev items, as text; empty if the split no longer exists."""
    fields: dict[str, dict[str, str]] = {}
    try:
        for position, item in enumerate(evalset.split("dev")):
            name = str(item.get("id", position))
            if name in wanted:
                fields[name] = {field: as_text(value) for field, value in item.items()}
    except FlywheelError:
        return fields
    return fields


def _series(view: View) -> list[Series]:
    rewarded = any("reward" in values for values in view.steps.values())
    names = _OF_REWARDS if rewarded else {"loss": "loss"}
    charts = [
        Series(
            title,
            _thinned(
                [
                    (step, float(values[name]))
                    for step, values in sorted(view.steps.items())
                    if isinstance(values.get(name), int | float)
                ]
            ),
        )
        for name, title in names.items()
    ]
    return [series for series in charts if series.values]


def _thinned(values: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `_MOST_POINTS` points: each the mean of its neighbours, at their last step."""
    size = -(-len(values) // _MOST_POINTS)
    if size < 2:
        return values
    parts = (values[i : i + size] for i in range(0, len(values), size))
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]
