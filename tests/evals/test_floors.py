"""Floors: a gain counts only above what answers that take no skill score."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flywheel.engines.here import Here
from flywheel.evals.decision.compare import compare
from flywheel.evals.decision.conclude import conclude
from flywheel.evals.decision.decide import Evidence, decide
from flywheel.evals.decision.gate import Case, Verdict, judge
from flywheel.evals.decision.pairs import Pairs, Side
from flywheel.evals.floors.above_floor import AboveFloor
from flywheel.evals.floors.floors import NO_FLOOR, Answered, Effort, Floors, grade_floors
from flywheel.evals.floors.measure_floors import Limits, floors_of, measure_floors
from flywheel.evals.grading.grade import grade_samples
from flywheel.evals.grading.regrade import begin_regrade
from flywheel.evals.results.results import Result
from flywheel.samplers.sampler import Output, Request
from flywheel.store.store import Store, open_store
from graders.definition import read_grader
from graders.grader import Grade
from graders.sample import Sample
from tests.evals.world import CHECK, Echo, go_on_regrade, measure, plan, write_evalset

PYTHON: dict[str, Any] = {
    "type": "python",
    "name": "same",
    "source": "def grade(sample, item):\n    return float(sample['output_text'] == item['gold'])\n",
}
MINUS_LENGTH: dict[str, Any] = {
    "type": "python",
    "name": "short",
    "source": "def grade(sample, item):\n    return -float(len(sample['output_text']))\n",
}
JUDGED: dict[str, Any] = {
    "type": "score_model",
    "name": "same",
    "model": "judge",
    "input": [{"role": "user", "content": "{{ sample.output_text }} for {{ item.gold }}?"}],
    "range": [0, 1],
}
BLIND: dict[str, Any] = {
    "type": "string_check",
    "name": "same",
    "operation": "like",
    "input": "{{ sample.output_text }}",
    "reference": "{",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


def labels(folder: Path, items: int = 400, context: str = "", **fields: Any) -> Path:
    """An evalset of two labels, five in nine of them "yes"."""
    prompt = [{"role": "user", "content": "{{ item.gold }} {{ item.n }}"}]
    write_evalset(folder, prompt=prompt, **fields)
    for number, split in enumerate(("test", "dev", "train")):
        rows = [
            {"id": f"i{n}", "n": n, "gold": "yes" if n % 9 < 5 else "no", "context": context}
            for n in range(number * items, (number + 1) * items)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


Answer = Callable[[str, int], str]


def answering(answer: Answer) -> Echo:
    """A model that gives `answer(gold, number of the item)`."""

    def say(prompt: str) -> Output:
        gold, number = prompt.split()
        return Output(answer(gold, int(number)), "echo")

    return Echo(say)


def result_of(store: Store, folder: Path, name: str, answer: Answer, **bench: Any) -> Result:
    return measure(store, plan(folder, name, split="test"), answering(answer), **bench)


def gated(store: Store, folder: Path, before: Answer, after: Answer) -> Verdict:
    a, b = result_of(store, folder, "a", before), result_of(store, folder, "b", after)
    return judge(store, Case(baseline=a.run.run, candidate=b.run.run))


def floor_of(verdict: Verdict) -> tuple[str, str]:
    (check,) = [check for check in verdict.decision.checks if check.name == "floor"]
    return check.state, check.reason


def silent(gold: str, number: int) -> str:
    return "hm"


CASES: list[tuple[Answer, Answer, str, str]] = [
    (silent, lambda gold, n: "yes", "keep", "the same answer to every item, 400 times"),
    (silent, lambda gold, n: "no" if n % 20 == 1 else "yes", "keep", "majority answer 'yes'"),
    # Some skill, and less than a constant has: honest, and no reason to promote.
    (silent, lambda gold, n: gold if n % 2 else "hm", "keep", "majority answer 'yes'"),
    (silent, lambda gold, n: gold if n % 4 else "hm", "promote", "0.750 against 0.560"),
    (
        lambda gold, n: "yes",
        lambda gold, n: gold if n % 10 else "yes",
        "promote",
        "2 distinct answers of 400",
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "outcome", "told"),
    CASES,
    ids=["one answer", "nearly one answer", "less than the majority", "skill", "more skill"],
)
def test_the_gate_wants_more_than_the_floor(
    store: Store, tmp_path: Path, before: Answer, after: Answer, outcome: str, told: str
) -> None:
    verdict = gated(store, labels(tmp_path / "e"), before, after)
    gain = next(check for check in verdict.decision.checks if check.name.startswith("gain"))
    assert gain.state == "pass"
    assert verdict.decision.outcome == outcome
    assert told in floor_of(verdict)[1]


def test_a_small_gain_over_the_floor_asks_for_more_items(store: Store, tmp_path: Path) -> None:
    folder = labels(tmp_path / "e", items=60)
    verdict = gated(store, folder, silent, lambda gold, n: gold if n % 3 else "hm")
    assert verdict.decision.outcome == "undecided"
    state, told = floor_of(verdict)
    assert state == "open" and "needs about" in told
    assert "the baseline is not above it either" in told


def test_floors_and_distinct_answers_are_in_every_result(store: Store, tmp_path: Path) -> None:
    folder = labels(tmp_path / "e")
    found = result_of(store, folder, "a", lambda gold, n: gold if n % 4 else "hm").as_json()
    floors: Any = found["floors"]
    assert floors["distinct_answers"] == 3
    assert floors["majority"]["answer"] == "yes"
    assert floors["majority"]["mean"] == floors["constant"]["mean"] == pytest.approx(0.56)
    assert floors["chance"]["mean"] == pytest.approx(0.75 * (0.56**2 + 0.44**2), abs=0.04)


def test_compare_says_where_the_floor_is(store: Store, tmp_path: Path) -> None:
    folder = labels(tmp_path / "e")
    a = result_of(store, folder, "a", silent).run.run
    runs = [
        result_of(store, folder, "b", lambda gold, n: gold).run.run,
        result_of(store, folder, "c", lambda gold, n: "yes").run.run,
    ]
    found = compare(store, a, runs)
    said = ["\n".join(conclude(found, one)) for one in found.candidates]
    assert "above its highest floor, the majority answer 'yes' (0.560): +44.0 points" in said[0]
    assert "the same answer to every item" in said[1]
    printed: Any = found.as_json()
    assert printed["candidates"][0]["floors"]["highest"]["mean"] == pytest.approx(0.56)


def test_a_python_grader_measures_floors_in_the_sandbox(store: Store, tmp_path: Path) -> None:
    folder = labels(tmp_path / "e", items=40, graders=[PYTHON])
    found = result_of(store, folder, "a", lambda gold, n: gold).floors
    assert found is not None and found.highest is not None
    assert (found.highest.name, found.highest.answer) == ("majority", "yes")
    assert found.highest.mean == pytest.approx(24 / 40)


class Judge:
    """A judge that finds everything good, and counts its answers."""

    asked = 0

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Full marks."""
        for index in range(len(requests)):
            self.asked += 1
            yield index, Output('{"steps": [], "result": 1.0}', "judge")


def test_a_judge_is_asked_about_floors_on_request_only(store: Store, tmp_path: Path) -> None:
    folder, asked = labels(tmp_path / "e", items=20, graders=[JUDGED]), Judge()
    found = result_of(store, folder, "a", lambda gold, n: gold, judge=asked)
    assert asked.asked == 20
    assert found.floors is not None and found.floors.floors == ()
    assert "same asks a model" in found.floors.note
    b = result_of(store, folder, "b", lambda gold, n: f"{gold}.", judge=asked)
    verdict = judge(store, Case(baseline=found.run.run, candidate=b.run.run))
    state, told = floor_of(verdict)
    assert state == "pass" and told.startswith("not measured: same asks a model")
    c = result_of(store, folder, "c", lambda gold, n: f"{gold}!", judge=asked, judge_floors=True)
    assert c.floors is not None and c.floors.needs_none  # it likes everything on every item
    assert asked.asked > 60


def test_a_grader_that_looks_at_no_item_has_no_floor(store: Store, tmp_path: Path) -> None:
    folder = labels(tmp_path / "e", graders=[BLIND])
    verdict = gated(store, folder, silent, lambda gold, n: "{" if n % 50 else f"{gold}{n}")
    assert floor_of(verdict) == ("pass", f"not measured: {NO_FLOOR}")
    assert verdict.decision.outcome == "promote"


def test_an_answer_that_names_every_label_is_not_above_the_floor(
    store: Store, tmp_path: Path
) -> None:
    folder = labels(tmp_path / "e", graders=[{**CHECK, "operation": "like"}])
    verdict = gated(store, folder, silent, lambda gold, n: f"{n}: yes or no")
    state, told = floor_of(verdict)
    assert state == "fail" and "1.000 against 1.000" in told
    assert verdict.decision.outcome == "keep"


def test_an_answer_that_names_every_label_does_not_make_a_grader_blind(
    store: Store, tmp_path: Path
) -> None:
    """It passes on every item, as on a grader that looks at none."""
    folder = labels(tmp_path / "e", graders=[{**CHECK, "operation": "ilike"}])
    verdict = gated(store, folder, silent, lambda gold, n: "yes or no" if n % 2 else "no or yes")
    assert verdict.decision.outcome == "keep"
    assert "against 1.000 of the constant answer" in floor_of(verdict)[1]


def test_long_items_have_floors_too(store: Store, tmp_path: Path) -> None:
    folder = labels(tmp_path / "e", items=200, context="lorem ipsum " * 2_000)
    verdict = gated(store, folder, silent, lambda gold, n: "yes" if n else "no")
    assert verdict.decision.outcome == "keep"
    assert floor_of(verdict)[0] == "fail"


def test_as_many_items_are_read_as_memory_allows(store: Store, tmp_path: Path) -> None:
    run = result_of(store, labels(tmp_path / "e"), "a", lambda gold, n: gold).run
    with Here() as engine:
        found = asyncio.run(measure_floors(store, run, engine, Limits(text=500)))
    assert found.highest is not None
    assert 2 < len(found.highest.scores) < 40


def test_an_answer_that_names_every_label_is_found_without_gold_answers() -> None:
    hedged = ["yes or no", "no or yes"] * 10
    golds = ["yes", "no"] * 10
    found = asyncio.run(floors(hedged, golds, {**CHECK, "operation": "ilike"}, known_gold=False))
    assert found.highest is not None and found.highest.mean == 1.0


def test_a_blind_grader_with_negative_scores_has_no_floor() -> None:
    answers = ["a" * n for n in range(1, 21)]
    found = asyncio.run(floors(answers, ["yes", "no"] * 10, MINUS_LENGTH))
    assert found.needs_none


def test_gold_answers_that_all_differ_make_no_floor(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=50)
    found = measure(store, plan(folder, "a"), Echo()).floors
    assert found is not None and found.highest is not None
    assert found.highest.mean == pytest.approx(1 / 50)
    assert found.describe().endswith("50 distinct answers")


def test_a_regrade_measures_its_own_floors(store: Store, tmp_path: Path) -> None:
    run = result_of(store, labels(tmp_path / "e"), "a", lambda gold, n: gold).run.run
    other = read_grader({**CHECK, "name": "not", "operation": "ne"})
    with Here() as engine:
        found = go_on_regrade(store, begin_regrade(store, run, [other]), engine).floors
    assert found is not None and found.highest is not None
    assert (found.highest.name, found.highest.mean) == ("constant", 1.0)


def test_a_run_from_before_floors_is_measured_by_the_gate(store: Store, tmp_path: Path) -> None:
    row = result_of(store, labels(tmp_path / "e"), "a", lambda gold, n: gold).run
    before = store.query('SELECT count(*) AS "n" FROM "floors"')
    other = row._replace(run="older")
    assert floors_of(store, other._replace(run=row.run), 400).highest is not None
    assert store.query('SELECT count(*) AS "n" FROM "floors"') == before


async def floors(
    answers: Sequence[str],
    golds: Sequence[str],
    definition: dict[str, Any] = CHECK,
    *,
    known_gold: bool = True,
) -> Floors:
    grader = read_grader(definition)
    samples = [Sample({"gold": gold}, answer) for gold, answer in zip(golds, answers, strict=True)]
    with Here() as engine:
        verdicts = await grade_samples(grader, samples, engine)
        scores = [one.score if isinstance(one, Grade) else None for one in verdicts]
        answered = [
            Answered(at, sample, score, golds[at] if known_gold else None)
            for at, (sample, score) in enumerate(zip(samples, scores, strict=True))
        ]
        found, note = await grade_floors(grader, answered, engine, 0, Effort())
    return Floors(len(answers), len(set(answers)), found, note)


def test_one_gold_answer_for_all_is_a_floor_though_no_item_is_looked_at() -> None:
    found = asyncio.run(floors(["ok"] * 19 + ["no"], ["ok"] * 20))
    assert found.highest is not None and found.highest.mean == 1.0


def test_a_skill_above_the_floor_is_seldom_kept_by_it() -> None:
    """20 labels, as many items of each: a candidate that is right on half of them."""
    rng = np.random.default_rng(20261130)
    kept = opened = 0
    for _ in range(300):
        gold = rng.integers(0, 5, 80)
        right = rng.random(80) < 0.5
        answers = np.where(right, gold, rng.integers(0, 5, 80))
        ours = (answers == gold).astype(np.float64)
        floor = (np.bincount(gold).argmax() == gold).astype(np.float64)
        items = tuple(map(str, range(80)))
        whole = (Side(80, 0), Side(80, 0))
        base = np.zeros(80)
        gain = Pairs("same", items, base, ours, base, ours, None, 0, whole)
        above = Pairs("same", items, floor, ours, floor, ours, None, 0, whole)
        decision = decide(Evidence(primary=gain, floor=AboveFloor(80, 5, "majority", above, above)))
        kept += decision.outcome == "keep"
        opened += decision.outcome == "undecided"
    assert kept == 0
    assert opened <= 15


def test_a_candidate_at_the_floor_is_seldom_promoted() -> None:
    rng = np.random.default_rng(20261130)
    promoted = 0
    for _ in range(300):
        # Independent of the floor, and as often right.
        floor, ours = (rng.random((2, 120)) < 0.5).astype(np.float64)
        items, base = tuple(map(str, range(120))), np.zeros(120)
        whole = (Side(120, 0), Side(120, 0))
        gain = Pairs("same", items, base, ours, base, ours, None, 0, whole)
        above = Pairs("same", items, floor, ours, floor, ours, None, 0, whole)
        found = AboveFloor(120, 2, "majority", above, None)
        promoted += decide(Evidence(primary=gain, floor=found)).outcome == "promote"
    assert promoted <= 17  # 2.5% of 300 is 7.5; beyond 17 once in a thousand times
