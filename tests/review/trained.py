"""Jobs for the tests of the page of trainings: told by a real journal, kept by the real ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from flywheel.evals.evalset.evalset import load_evalset
from flywheel.jobs.folder import job_folders, jobs_root
from flywheel.jobs.records.journal import Journal
from flywheel.jobs.records.ledger import update_store
from flywheel.levers.training.exams.alarm import emit_alarm
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.levers.training.orders.order import Order, digests_of
from flywheel.store.store import open_store
from tests.evals.world import CHECK, write_evalset
from tests.jobs.world import order

ITEMS = 40
GRADERS = [{**CHECK, "name": name} for name in ("fields", "exact", "readable")]
Scores = Mapping[str, Sequence[float | None]]
# The reward goes to its top while one audit falls; the guard stays.
HACKED: dict[int, Scores] = {
    0: {"fields": [1.0, 0.0] * 20, "exact": [1.0, 0.0] * 20, "readable": [1.0] * ITEMS},
    20: {
        "fields": [1.0] * 30 + [0.0] * 10,
        "exact": [0.0] * 36 + [1.0] * 4,
        "readable": [1.0] * ITEMS,
    },
    40: {"fields": [1.0] * ITEMS, "exact": [0.0] * 39 + [1.0], "readable": [1.0] * 39 + [None]},
}


def evalset(folder: Path, **fields: Any) -> Path:
    """Forty items, a primary grader, a reward and a guard."""
    named = {"graders": GRADERS, "primary": "exact", "guards": {"readable": 0.02}, **fields}
    return write_evalset(folder, ITEMS, **named)


def ordered(folder: Path, lever: str = "rft", **config: Any) -> Order:
    """An order to train on this evalset; of an RFT, `fields` is the reward."""
    reward = {"reward": ("fields",)} if lever == "rft" else {}
    named = {"lever": lever, "evalset": str(folder), **reward, **config}
    chosen = OBJECTIVE.validate_python(named)
    return order(steps=40).model_copy(
        update={"config": chosen, "digests": digests_of(chosen, load_evalset(str(folder)))}
    )


class Job:
    """A job's folder beside a store, and its journal. `keep` tells the store what it says."""

    def __init__(self, root: Path, name: str, what: Order) -> None:
        self.db = root / "s.duckdb"
        self.name = name
        self.order = what
        self.folder = jobs_root(self.db) / name
        what.save(self.folder)
        self.tell("accepted")

    def tell(self, kind: str, **detail: Any) -> None:
        """One event."""
        self._told([(kind, detail)])

    def _told(self, events: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        with closing(Journal(self.folder)) as journal:
            for kind, detail in events:
                journal.append(kind, detail)

    def steps(self, *told: Mapping[str, float]) -> None:
        """Steps from 1 on, each with these figures."""
        self._told(
            ("step", {"step": step, "seconds": 0.1, **each}) for step, each in enumerate(told, 1)
        )

    def sit(self, exams: Mapping[int, Scores], answer: str = "an answer") -> None:
        """Tell these exams as a training does, and the alarm where they raise it."""
        roles = self.order.config.roles(load_evalset(self.order.config.evalset).definition)
        taken: list[ExamResult] = []
        for step, scores in exams.items():
            taken.append(result(step, scores, answer))
            self.tell("exam", **taken[-1].describe())
            self.tell("exam_items", step=step, items=taken[-1].by_item())
            emit_alarm(roles, taken, lambda kind, detail: self._told([(kind, detail)]))

    def finish(self, best: int) -> None:
        """The last word of a job that ended well."""
        self.tell("finished", out="out", best_step=best, seconds=1.0)

    def keep(self) -> None:
        """Bring the store up to date."""
        with open_store(self.db) as store:
            update_store(store, job_folders(jobs_root(self.db)))


def result(step: int, scores: Scores, answer: str) -> ExamResult:
    """What an exam found, item by item."""
    n = len(next(iter(scores.values())))
    return ExamResult(
        step=step,
        ids=tuple(f"i{k}" for k in range(n)),
        groups=None,
        answers=(answer,) * n,
        scores={name: tuple(values) for name, values in scores.items()},
        ungraded={name: {} for name in scores},
        spans=dict.fromkeys(scores, (0.0, 1.0)),
        seconds=0.0,
    )


def hacked(root: Path, name: str = "job-hacked", answer: str = "an answer", **fields: Any) -> Job:
    """A finished RFT whose reward was hacked, steps and all, and its store."""
    job = Job(root, name, ordered(evalset(root / "e", **fields)))
    job.tell("started", resumed_from=None)
    job.steps(
        *(
            {
                "loss": 0.01,
                "reward": 0.5 + step / 80,
                "entropy": 0.5 - step / 100,
                "completions/mean_length": 20.0,
                "no_spread": 0.25,
            }
            for step in range(1, 41)
        )
    )
    job.sit(HACKED, answer)
    job.finish(20)
    job.keep()
    return job
