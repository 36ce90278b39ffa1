"""The gain of each lever for the embedded model on ticket_triage, with three seeds.

    make bench-levers

Every setting (steps, rates, rewards) was chosen on dev and is in LEVERS. The seeds of a lever train
two at a time, one thread each; then each model is measured once on the sealed test split and
compared with the baseline, paired by item and clustered by wording. One JSON line per lever and
seed, also in benchmarks/results/levers.jsonl; `value` is the lower bound of the interval in points,
which must be above zero for the levers that Flywheel recommends. DPO on sampled pairs is only
reported; RFT after SFT is compared with the SFT. The folder with the store is kept between runs, so
finished work is reused.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records import Record
from flywheel.jobs.records.journal import read_events
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.recipes.loop import MODEL, Place, measure
from flywheel.recipes.side_by_side import Notes, train_side_by_side
from flywheel.stats.paired import Paired
from flywheel.workspace.open import open_workspace

SEEDS = (0, 1, 2)
MOST_SECONDS = 180.0
_RFT: Mapping[str, Any] = {
    "lever": "rft",
    "reward": ("category", "priority", "order_id"),
    "steps": 60,
    "warmup": 0,
    "eval_interval": 20,
    "max_completion_tokens": 40,
}
_DPO: Mapping[str, Any] = {"lever": "dpo", "epochs": 2, "learning_rate": 1e-3, "sft_weight": 0.5}
LEVERS: dict[str, Mapping[str, Any]] = {
    "sft": {"lever": "sft", "rows": 300},
    "dpo, minimal pairs": {**_DPO, "pairs": "minimal"},
    "dpo, sampled pairs": {**_DPO, "pairs": "sampled"},
    "rft": _RFT,
    "sft then rft": {**_RFT, "learning_rate": 1e-3},
}
# Only reported, since it is known not to help.
_REPORTED = ("dpo, sampled pairs",)


def config_of(lever: str, seed: int, evalset: str, sft: Sequence[Path]) -> TrainingConfig:
    """The config of one seed; RFT after SFT starts from the SFT of the same seed."""
    model = str(sft[seed]) if lever == "sft then rft" else MODEL
    same = {"model": model, "evalset": evalset, "seed": seed}
    return OBJECTIVE.validate_python({**same, **LEVERS[lever]})


def train(place: Place, lever: str, sft: Sequence[Path]) -> list[Path]:
    """The trained models of the seeds, two jobs at a time."""
    models: list[Path] = []
    for some in (SEEDS[:2], SEEDS[2:]):
        jobs = {f"{lever} seed {seed}": config_of(lever, seed, place.evalset, sft) for seed in some}
        models += train_side_by_side(place.workspace, place.notes, jobs)
    return models


def report(
    record: Record, place: Place, lever: str, models: Sequence[Path], sft: Sequence[Path]
) -> None:
    """Compare every seed with the baseline on test, and record the cost."""
    base = measure(place, MODEL, "test", "baseline").run.run
    for seed, model in zip(SEEDS, models, strict=True):
        dev = measure(place, str(model), "dev")
        test = measure(place, str(model), "test")
        found = paired_gain(place, base, test.run.run, "exact")
        seconds = seconds_of(model)
        told: dict[str, Any] = {
            "gain": points(found.difference),
            "high": points(found.high),
            "dev": dev.as_json()["primary"]["mean"],
            "seconds": round(seconds),
            "like_gold": interval(paired_gain(place, base, test.run.run, "like_gold")),
            "valid_json": interval(paired_gain(place, base, test.run.run, "valid_json")),
        }
        if lever == "sft then rft":
            taught = measure(place, str(sft[seed]), "test").run.run
            told["over_sft"] = interval(paired_gain(place, taught, test.run.run, "exact"))
        low = points(found.low)
        if lever in _REPORTED:
            record.add(f"{lever}, seed {seed}: gain on test, from", low, "points", **told)
            continue
        record.add(f"{lever}, seed {seed}: gain on test, from", low, "points", least=0.01, **told)
        record.add(f"{lever}, seed {seed}: time", seconds, "s", most=MOST_SECONDS)


def seconds_of(model: Path) -> float:
    """The working time of its job, including exams and checks."""
    (over,) = [event for event in read_events(model.parent) if event.kind == "finished"]
    return float(over.detail["seconds"])


def paired_gain(place: Place, base: str, run: str, grader: str) -> Paired:
    """The paired difference of a grader between two runs."""
    found = place.workspace.compare(base, run).comparison.candidates[0].graders[grader].paired
    assert found is not None, "both graded every item"
    return found


def interval(found: Paired) -> list[float]:
    """The difference and its bounds in points."""
    return [points(found.difference), points(found.low), points(found.high)]


def points(share: float | None) -> float:
    """A share in points. None is an error, since hundreds of items always give an interval."""
    assert share is not None
    return round(100 * share, 1)


def main(folder: Path) -> None:
    """Measure every lever; exit with 1 if one misses its target."""
    record = Record("levers")
    folder.mkdir(parents=True, exist_ok=True)
    db = folder / "levers.duckdb"
    with open_workspace(db) as workspace:
        place = Place(workspace, Notes(folder / "levers.json"), "ticket_triage")
        measure(place, MODEL, "dev", "baseline")
        sft: list[Path] = []
        for lever in LEVERS:
            models = train(place, lever, sft)
            sft = models if lever == "sft" else sft
            report(record, place, lever, models, sft)
    if record.missed:
        sys.exit(f"missed: {', '.join(record.missed)}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "bench-levers"))
