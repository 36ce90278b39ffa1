"""Trainings as plain rows: the jobs that the store was told of, and one of them from exam to exam.

A change is since the first exam, item by item, as the alarm takes it. Which grader is the reward
and which audits it follows from the order and from the evalset as it is now; where that cannot be
read any more, the means are all that there is.
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
from flywheel.review.rows import AlarmTold, Curve, Series, Suspect, Training, TrainingLine
from flywheel.store.reader import Reader
from flywheel.store.tables.jobs import JobEventRow, JobRow, job_events, list_jobs, newest_events

# What is worth a chart of a training with rewards, whose loss says nothing.
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
    told: dict[str, list[JobEventRow]] = {row.job: [] for row in rows}
    for event in newest_events(store, list(told)):
        told[event.job].append(event)
    primary = lru_cache(None)(_primary)
    return [
        _line(row, summed(row, events_of(told[row.job])), primary(_config(row)[0])) for row in rows
    ]


def training(store: Reader, job: str) -> Training:
    """All that is shown of one job. Raises NoJob."""
    row = next((row for row in list_jobs(store) if row.job == job), None)
    if row is None:
        raise NoJob(f"no job {job!r} in {store.path}; flywheel jobs lists them")
    events = list(events_of(job_events(store, job)))
    view = summed(row, events)
    setting, trouble = _known(row)
    curves: list[Curve] = []
    if setting is not None:
        try:
            curves = changes(_scores(view, events), setting.evalset, setting.roles)
        except FlywheelError as error:
            trouble = str(error)
    if not curves and view.exams:
        trouble = trouble or "the store has no scores of single items"
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
        alarms=len(_told_once(view)),
    )


def _mean(view: View, step: int | None, grader: str | None) -> float | None:
    told: Mapping[str, Any] = view.exams.get(step, {}) if step is not None else {}
    return told.get("graders", {}).get(grader, {}).get("mean")


def _status(row: JobRow, view: View) -> str:
    """What became of the job: its own word, and for one that said none, what its folder shows."""
    folder = Path(row.folder)
    if is_held(folder):
        return "queued" if view.status == "queued" else "running"
    if view.status in ENDS:
        return view.status
    return "died" if folder.is_dir() else "unknown"


def _config(row: JobRow) -> tuple[str, int | None]:
    """The evalset as it was named, and the seed."""
    config: Mapping[str, Any] = order_of(row).get("config", {})
    seed = config.get("seed")
    return str(config.get("evalset", "")), seed if isinstance(seed, int) else None


def _primary(evalset: str) -> str | None:
    try:
        return load_evalset(evalset).definition.primary
    except FlywheelError:
        return None


def _known(row: JobRow) -> tuple[_Setting | None, str | None]:
    """The evalset of a job and what its graders are to it, or why nobody can tell any more."""
    order = order_of(row)
    try:
        config = OBJECTIVE.validate_python(stored_config(order.get("config", {})))
        evalset = load_evalset(config.evalset)
        roles = config.roles(evalset.definition)
    except ValidationError as error:
        return None, f"its config is none that this version knows: {error}"
    except FlywheelError as error:
        return None, str(error)
    then = order.get("digests", {}).get("evalset")
    return _Setting(evalset, roles, then is not None and then != evalset.digest), None


def _scores(
    view: View, events: Sequence[Event]
) -> dict[int, Mapping[str, Mapping[str, float | None]]]:
    """step -> item -> grader -> score, of the exams that hold, in their order."""
    found: dict[int, Mapping[str, Mapping[str, float | None]]] = {}
    for event in events:
        if event.kind == "exam_items" and fits(event):
            found[event.detail["step"]] = event.detail["items"]
    return {step: found[step] for step in sorted(found) if step in view.exams}


def _notes(view: View, setting: _Setting | None) -> list[str]:
    notes: list[str] = []
    if setting and setting.changed:
        notes.append(
            "The evalset was changed since this job was ordered; roles and groups are those that"
            " it gives now."
        )
    if setting and setting.roles.rewards and not setting.roles.audits:
        notes.append("Every grader is a reward, so nothing here can tell when it is hacked.")
    if view.resumed:
        notes.append(f"It stopped and went on {view.resumed} times; later words hold.")
    return notes


def _told_once(view: View) -> list[Mapping[str, Any]]:
    """A job that went on may have told an alarm twice."""
    return list({str(alarm.get("told")): alarm for alarm in view.alarms}.values())


def _alarms(view: View, setting: _Setting | None) -> list[AlarmTold]:
    told = _told_once(view)
    samples: list[list[dict[str, Any]]] = [alarm.get("samples") or [] for alarm in told]
    wanted = {str(one.get("item")) for each in samples for one in each}
    items = _items(setting.evalset, wanted) if setting and wanted else {}
    roles = curve_roles(setting.roles) if setting else {}
    return [
        AlarmTold(
            str(alarm.get("name")),
            str(alarm.get("told")),
            [_suspect(one, items, roles) for one in each],
        )
        for alarm, each in zip(told, samples, strict=True)
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
    """The fields of these dev items, as text; none where the split is gone."""
    found: dict[str, dict[str, str]] = {}
    try:
        for position, item in enumerate(evalset.split("dev")):
            name = str(item.get("id", position))
            if name in wanted:
                found[name] = {field: as_text(value) for field, value in item.items()}
    except FlywheelError:
        return found
    return found


def _series(view: View) -> list[Series]:
    rewarded = any("reward" in told for told in view.steps.values())
    names = _OF_REWARDS if rewarded else {"loss": "loss"}
    found = [
        Series(
            title,
            _thinned(
                [
                    (step, float(told[name]))
                    for step, told in sorted(view.steps.items())
                    if isinstance(told.get(name), int | float)
                ]
            ),
        )
        for name, title in names.items()
    ]
    return [series for series in found if series.values]


def _thinned(values: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most so many points: each the mean of its neighbours, at the last step of them."""
    size = -(-len(values) // _MOST_POINTS)
    if size < 2:
        return values
    parts = (values[i : i + size] for i in range(0, len(values), size))
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]
