"""A store that asks much of the pages: long names, many graders, small gains, gaps and alarms."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from flywheel.errors import GaveUp
from flywheel.review.data import Review
from flywheel.store.store import open_store
from flywheel.workspace.local import Local
from tests.evals.world import CHECK, write_evalset
from tests.review.trained import Job, ordered
from tests.review.world import run_of

ITEMS = 40
_SIMILAR = {"type": "text_similarity", "input": "{{ sample.output_text }}"}
_METRICS = ("fuzzy_match", "bleu", "gleu", "rouge_1", "rouge_l", "levenshtein", "numeric_diff")
LONG = "the_answer_names_the_right_department_and_gives_the_order_number_without_any_other_text"
GRADERS: list[dict[str, Any]] = [
    {**CHECK, "name": LONG},
    {
        **CHECK,
        "name": "a name of several words with blanks between them, and a comma",
        "operation": "like",
    },
    {**CHECK, "name": "wörtlich_übereinstimmend_大文字と小文字を区別しない", "operation": "ilike"},
    *(
        {
            **_SIMILAR,
            "name": f"similarity_to_the_reference_answer_measured_by_{metric}",
            "evaluation_metric": metric,
            "reference": "It is {{ item.gold }}, as asked.",
        }
        for metric in _METRICS
    ),
]


class Gallery(NamedTuple):
    """Where the store is, its runs by name, and its jobs."""

    db: Path
    runs: dict[str, str]
    jobs: list[str]


def wordy(right: Callable[[int], bool], tail: str = "") -> Callable[[int], str]:
    """Answers of several words, right on some items."""
    return lambda n: str(n) if right(n) else f"It is perhaps {n + 1}{tail}, or so they say"


def make_gallery(folder: Path) -> Gallery:
    """Six runs, 24 votes and four jobs."""
    named: dict[str, Any] = {
        "graders": GRADERS,
        "primary": LONG,
        "guards": {GRADERS[3]["name"]: 0.02},
        "tags": ["kind"],
    }
    source = write_evalset(folder / "a-folder-with-a-name-that-says-what-it-is-for", ITEMS, **named)
    few = write_evalset(folder / "few", 1)
    answers: dict[str, Callable[[int], str | None]] = {
        "base": wordy(lambda n: n % 2 == 0),
        "better": wordy(lambda n: n % 8 != 1, tail="7"),
        "a-model-with-a-long-name-of-many-parts-70b-instruct-v2.5-awq": wordy(lambda n: n > 30),
        "barely": wordy(lambda n: n % 2 == 0, tail="."),
        "flaky": lambda n: None if n % 4 == 1 else str(n),
    }
    jobs = _jobs(folder, source)
    with open_store(folder / "s.duckdb") as store:
        runs = {name: run_of(store, source, answer, name) for name, answer in answers.items()}
        with suppress(GaveUp):  # a run without one answer stays, interrupted
            run_of(store, source, lambda _: None, "silent")
        runs["one"] = run_of(store, few, str, "one")
        runs["other"] = run_of(store, few, lambda _: "no", "other")
    return Gallery(folder / "s.duckdb", runs, jobs)


def vote(gallery: Gallery) -> None:
    """Two people judge all pairs of the baseline and the better run; one of them skips all."""
    with Local(gallery.db) as workspace:
        review = Review(workspace)
        a, b = gallery.runs["base"], gallery.runs["better"]
        choices: tuple[Literal["left", "right", "tie"], ...] = ("left", "right", "tie")
        for who, skips in (("ada", False), ("a person with a long name, of the third shift", True)):
            number = 0
            while pair := review.turn(a, b, who).pair:
                number += 1
                choice = "skip" if skips else choices[number % 3]
                review.vote(a, b, who, pair, choice, seconds=3.25 + number / 7)


def _jobs(folder: Path, source: Path) -> list[str]:
    """One that raised the alarm, one that failed, one of an SFT, and one that has just begun."""
    names = [str(grader["name"]) for grader in GRADERS]
    rft = ordered(source).model_copy()
    config = rft.config.model_copy(update={"reward": (names[1],)})
    rft = rft.model_copy(update={"config": config})
    half = ITEMS // 2
    exams = {
        0: {name: [1.0, 0.0] * half for name in names},
        20: {name: [1.0, 0.0, 1.0, 1.0] * (half // 2) for name in names}
        | {names[0]: [0.0] * (ITEMS - 4) + [1.0] * 4, names[3]: [0.0] * (ITEMS - 1) + [None]},
        40: {name: [1.0] * ITEMS for name in names}
        | {names[0]: [0.0] * ITEMS, names[3]: [0.0] * (ITEMS - 1) + [None]},
    }
    hacked = Job(folder, "job-hacked", rft)
    hacked.tell("started", resumed_from=None)
    hacked.steps(
        *(
            {
                "loss": 0.01,
                "reward": 0.5 + step / 80,
                "entropy": 0.000012345 * (41 - step),
                "kl": -0.00001 * step,
                "completions/mean_length": 20.0 + 1000 * step,
                "no_spread": 0.25,
            }
            for step in range(1, 41)
        )
    )
    hacked.sit(exams, "The department of returns has order 17 " * 12)
    hacked.finish(20)
    failed = Job(folder, "job-failed-a-name-that-somebody-chose", ordered(source, "sft"))
    failed.tell("started", resumed_from=None)
    failed.steps({"loss": 2.5})
    failed.tell("failed", error="CUDA is out of memory", remedy="Use a smaller batch.")
    tuned = Job(folder, "job-sft", ordered(source, "sft", seed=7))
    tuned.tell("started", resumed_from=None)
    tuned.steps(*({"loss": 2.5 - step / 50} for step in range(40)))
    tuned.sit({0: exams[0]})
    fresh = Job(folder, "job-fresh", ordered(source, "sft"))
    fresh.keep()
    return [hacked.name, failed.name, tuned.name, fresh.name]
