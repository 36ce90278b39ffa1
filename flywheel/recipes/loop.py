"""The whole loop on the embedded model: measure, plan, train, decide, promote.

    flywheel demo            about five minutes on two cores
    flywheel demo --fast     SFT alone, under ninety seconds

1. Measure what there is, on dev, where candidates are chosen.
2. Ask how many items a gain takes, before anything is spent.
3. Train two seeds of each lever side by side. Exams on dev choose the checkpoint; RFT is rewarded
   by three graders and audited by another one that it is never rewarded by.
4. Choose the lever on dev. Measure it and the baseline on the sealed test split, once.
5. Let the gate decide, and promote what holds.

Every step is noted in the folder: stopped at any moment and begun again, the story goes on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel.evals.decision.decide import points
from flywheel.evals.decision.sample_size import Wish, forecast
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.results.results import Result
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.recipes.side_by_side import Notes, train_side_by_side
from flywheel.workspace.local import Local, Verdict
from flywheel.workspace.open import open_workspace

MODEL = "tiny"
SEEDS = (0, 1)
_FIELDS = ("category", "priority", "order_id")


@dataclass(frozen=True, slots=True)
class Lever:
    """One lever of the story: its name and what both seeds share."""

    name: str
    told: str
    config: Mapping[str, Any]

    def seeded(self, evalset: str, seed: int) -> TrainingConfig:
        """The config of one seed."""
        same = {"model": MODEL, "evalset": evalset, "seed": seed}
        return OBJECTIVE.validate_python({**same, **self.config})


SFT = Lever("sft", "supervised fine-tuning on 300 gold answers", {"lever": "sft", "rows": 300})
RFT = Lever(
    "rft",
    "reinforcement by the graders of the fields",
    {"lever": "rft", "reward": _FIELDS, "steps": 60, "warmup": 0, "eval_interval": 20},
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the story happens: its workspace, its notes, and the evalset it is about."""

    workspace: Local
    notes: Notes
    evalset: str


@dataclass(frozen=True, slots=True)
class Turned:
    """What came of a lever: its models and their dev results by seed, and the seconds it took."""

    lever: Lever
    models: Sequence[Path]
    results: Sequence[Result]
    seconds: float

    @property
    def mean(self) -> float:
        """The mean score of the seeds."""
        return sum(map(score, self.results)) / len(self.results)


def main(
    folder: Path, levers: Sequence[Lever] = (SFT, RFT), evalset: str = "ticket_triage"
) -> Verdict:
    """Tell the story in this folder, and return what the gate decided."""
    folder.mkdir(parents=True, exist_ok=True)
    db = folder / "flywheel.duckdb"
    with open_workspace(db) as workspace:
        place = Place(workspace, Notes(folder / "demo.json"), evalset)
        # 1. Measure first. Nothing is trained before there is something to beat.
        print("1. What there is")
        dev = measure(place, MODEL, "dev", "baseline")
        tell("baseline on dev", dev)

        # 2. How many items would decide?
        planned = forecast(load_evalset(evalset), Wish(effect=0.1))
        print(f"\n2. You need {planned.items} items to detect 10 points with 80% power")

        # 3. Train, two seeds each: one seed may be luck.
        turned: list[Turned] = []
        for lever in levers:
            print(f"\n3. {lever.name}: {lever.told}, seeds 0 and 1")
            turned.append(turn(place, lever))

        # 4. Choose on dev, where looking costs nothing.
        print("\n4. The levers on dev, against the baseline")
        table(workspace, dev.run.run, turned)
        best = max(turned, key=lambda one: one.mean)
        order = sorted(SEEDS, key=lambda seed: -score(best.results[seed]))
        print(f"\n5. {best.lever.name} looks at the sealed test split, and so does the baseline")
        tell("baseline on test", measure(place, MODEL, "test", "baseline"))
        tested = [measure(place, str(best.models[seed]), "test") for seed in order]
        for seed, result in zip(order, tested, strict=True):
            tell(f"{best.lever.name} seed {seed} on test", result)

        # 5. The gate decides, not we.
        verdict = decided(place, [result.run.run for result in tested])
    closing(verdict, folder, best.models[order[0]])
    return verdict


def measure(place: Place, model: str, split: str, kind: str = "eval") -> Result:
    """A model's run on a split: the one that is noted, resumed where it is not finished."""
    step, workspace = f"{kind} {split} {model}", place.workspace
    if known := place.notes.get(step):
        run = workspace.run(known)
        return (run if run.status == "finished" else workspace.resume(known)).result
    begin = workspace.baseline if kind == "baseline" else workspace.eval
    run = begin(place.evalset, model=model, split=split, wait=False)
    place.notes.keep(step, run.name)
    return run.wait().result


def turn(place: Place, lever: Lever) -> Turned:
    """Train both seeds of a lever at the same time, and measure them on dev."""
    began = time.monotonic()
    jobs = {f"{lever.name} seed {seed}": lever.seeded(place.evalset, seed) for seed in SEEDS}
    models = train_side_by_side(place.workspace, place.notes, jobs)
    seconds = time.monotonic() - began
    results = [measure(place, str(model), "dev") for model in models]
    return Turned(lever, models, results, seconds)


def table(workspace: Local, baseline: str, turned: Sequence[Turned]) -> None:
    """Score, gain and seconds of every lever and seed."""
    print(f"{'lever':<12} {'exact':>6} {'points':>7} {'low':>6} {'high':>6} {'seconds':>8}")
    for one in turned:
        runs = [result.run.run for result in one.results]
        found = workspace.compare(baseline, *runs).comparison
        for seed, result in enumerate(one.results):
            primary = found.candidates[seed].primary
            assert primary is not None and primary.paired is not None
            gain = primary.paired
            bounds = (points(gain.low or 0.0), points(gain.high or 0.0))
            print(
                f"{one.lever.name + f' seed {seed}':<12} {score(result):>6.3f}"
                f" {points(gain.difference):>7} {bounds[0]:>6} {bounds[1]:>6} {one.seconds:>8.0f}"
            )


def decided(place: Place, tested: Sequence[str]) -> Verdict:
    """What the gate decides on the first run, with the others as its seeds; promoted if it wins."""
    baseline = place.notes.get(f"baseline test {MODEL}")
    assert baseline is not None, "it was measured before"
    verdict = place.workspace.gate(tested[0], baseline=baseline, seeds=tested[1:])
    print(f"\n{verdict}")
    return verdict.promote() if verdict.outcome == "promote" else verdict


def closing(verdict: Verdict, folder: Path, model: Path) -> None:
    """What a reader may want to do next."""
    db = folder / "flywheel.duckdb"
    print(f"\nthe promoted model: {model}" if verdict.outcome == "promote" else "")
    print("next, all with --db " + str(db))
    runs = f"{verdict.decided.baseline.run} {verdict.decided.candidate.run}"
    print(f"  flywheel compare {runs} --html demo.html")
    print("  flywheel jobs")
    print("  flywheel review")


def tell(what: str, result: Result) -> None:
    """One line of a result."""
    found: dict[str, Any] = {**result.as_json()["primary"]}
    print(
        f"   {what}: {100 * found['mean']:.1f}% exact"
        f" (95% {100 * found['low']:.1f} to {100 * found['high']:.1f})",
        flush=True,
    )


def score(result: Result) -> float:
    """The primary mean of a result."""
    primary = result.primary
    assert primary is not None and primary.interval is not None, "the story's grader never fails"
    return primary.interval.mean
