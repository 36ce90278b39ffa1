"""The whole loop on the embedded model: measure, plan, train, decide, promote.

    flywheel demo            about five minutes on two cores
    flywheel demo --fast     only SFT, under ninety seconds

1. Measure the baseline on dev, where candidates are selected.
2. Estimate the sample size needed to detect a gain, before anything is spent.
3. Train two seeds of each lever at the same time. Exams on dev select the checkpoint; RFT is
   rewarded by three graders and audited by another one.
4. Select the lever on dev. Measure it and the baseline on the sealed test split, once.
5. Let the gate decide, and promote the candidate if it wins.

Every step is recorded in the folder, so an interrupted demo can be resumed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flywheel.evals.decision.decide import Rules, points
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
    """One lever of the demo, with the config that both seeds share."""

    name: str
    description: str
    config: Mapping[str, Any]

    def seeded(self, evalset: str, seed: int) -> TrainingConfig:
        """The config for one seed."""
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
    """The demo's workspace, its record of finished steps, and its evalset."""

    workspace: Local
    notes: Notes
    evalset: str


@dataclass(frozen=True, slots=True)
class Trained:
    """A lever's models and dev results by seed, and its training time in seconds."""

    lever: Lever
    models: Sequence[Path]
    results: Sequence[Result]
    seconds: float

    @property
    def mean(self) -> float:
        """The mean score over the seeds."""
        return sum(map(score, self.results)) / len(self.results)


def main(
    folder: Path, levers: Sequence[Lever] = (SFT, RFT), evalset: str = "ticket_triage"
) -> Verdict:
    """Run the demo in this folder, and return the gate's verdict."""
    folder.mkdir(parents=True, exist_ok=True)
    db = folder / "flywheel.duckdb"
    with open_workspace(db) as workspace:
        place = Place(workspace, Notes(folder / "demo.json"), evalset)
        # 1. Measure the baseline first: a training needs one to beat.
        print("1. Measure the baseline")
        dev = measure(place, MODEL, "dev", "baseline")
        show("baseline on dev", dev)

        # 2. Estimate the sample size.
        planned = forecast(load_evalset(evalset), Wish(effect=0.1))
        print(f"\n2. You need {planned.items} items to detect 10 points with 80% power")

        # 3. Train two seeds each, since a single one may be luck.
        trained: list[Trained] = []
        for lever in levers:
            print(f"\n3. {lever.name}: {lever.description}, seeds 0 and 1")
            trained.append(train(place, lever))

        # 4. Select on dev, which may be used any number of times.
        print("\n4. The levers on dev, against the baseline")
        table(workspace, dev.run.run, trained)
        best = max(trained, key=lambda one: one.mean)
        order = sorted(SEEDS, key=lambda seed: -score(best.results[seed]))
        print(f"\n5. {best.lever.name} and the baseline on the sealed test split")
        show("baseline on test", measure(place, MODEL, "test", "baseline"))
        tested = [measure(place, str(best.models[seed]), "test") for seed in order]
        for seed, result in zip(order, tested, strict=True):
            show(f"{best.lever.name} seed {seed} on test", result)

        # 5. The gate decides.
        verdict = decide(place, [result.run.run for result in tested])
    closing(verdict, folder, best.models[order[0]])
    return verdict


def measure(place: Place, model: str, split: str, kind: str = "eval") -> Result:
    """A model's result on a split; a recorded run is reused, and resumed if unfinished."""
    step, workspace = f"{kind} {split} {model}", place.workspace
    if known := place.notes.get(step):
        run = workspace.run(known)
        return (run if run.status == "finished" else workspace.resume(known)).result
    begin = workspace.baseline if kind == "baseline" else workspace.eval
    run = begin(place.evalset, model=model, split=split, wait=False)
    place.notes.keep(step, run.name)
    return run.wait().result


def train(place: Place, lever: Lever) -> Trained:
    """Train both seeds of a lever at the same time, and measure them on dev."""
    began = time.monotonic()
    jobs = {f"{lever.name} seed {seed}": lever.seeded(place.evalset, seed) for seed in SEEDS}
    models = train_side_by_side(place.workspace, place.notes, jobs)
    seconds = time.monotonic() - began
    results = [measure(place, str(model), "dev") for model in models]
    return Trained(lever, models, results, seconds)


def table(workspace: Local, baseline: str, trained: Sequence[Trained]) -> None:
    """Print score, gain and training time of every lever and seed."""
    print(f"{'lever':<12} {'exact':>6} {'points':>7} {'low':>6} {'high':>6} {'seconds':>8}")
    for one in trained:
        runs = [result.run.run for result in one.results]
        comparison = workspace.compare(baseline, *runs).comparison
        for seed, result in enumerate(one.results):
            primary = comparison.candidates[seed].primary
            assert primary is not None and primary.paired is not None
            gain = primary.paired
            bounds = (points(gain.low or 0.0), points(gain.high or 0.0))
            print(
                f"{one.lever.name + f' seed {seed}':<12} {score(result):>6.3f}"
                f" {points(gain.difference):>7} {bounds[0]:>6} {bounds[1]:>6} {one.seconds:>8.0f}"
            )


def decide(place: Place, tested: Sequence[str]) -> Verdict:
    """Gate the first run, with the others as its seeds; promote it if it wins."""
    baseline = place.notes.get(f"baseline test {MODEL}")
    assert baseline is not None, "measured in step 4"
    # Other demos of this user read the same items, and do not count: each begins a new store.
    rules = Rules(ledger=False)
    verdict = place.workspace.gate(tested[0], baseline=baseline, seeds=tested[1:], rules=rules)
    print(f"\n{verdict}")
    return verdict.promote() if verdict.outcome == "promote" else verdict


def closing(verdict: Verdict, folder: Path, model: Path) -> None:
    """Print the next commands to try."""
    db = folder / "flywheel.duckdb"
    print(f"\nthe promoted model: {model}" if verdict.outcome == "promote" else "")
    print("next, all with --db " + str(db))
    runs = f"{verdict.decided.baseline.run} {verdict.decided.candidate.run}"
    print(f"  flywheel compare {runs} --html demo.html")
    print("  flywheel jobs")
    print("  flywheel review")


def show(what: str, result: Result) -> None:
    """Print one line about a result."""
    primary: dict[str, Any] = {**result.as_json()["primary"]}
    print(
        f"   {what}: {100 * primary['mean']:.1f}% exact"
        f" (95% {100 * primary['low']:.1f} to {100 * primary['high']:.1f})",
        flush=True,
    )


def score(result: Result) -> float:
    """The primary mean of a result."""
    primary = result.primary
    assert primary is not None and primary.interval is not None, "the demo's grader never fails"
    return primary.interval.mean
