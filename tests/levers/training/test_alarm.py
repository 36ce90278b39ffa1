"""The alarm: silent for an honest reward, loud for a hacked one, however often it looks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.exploits import exploits, write
from benchmarks.trainings import Marks, Plan, Pool, gold, run, with_fields
from flywheel.engines.engine import EngineSpec
from flywheel.engines.here import Here
from flywheel.engines.open import open_engine
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.exams.alarm import change, describe_audits, emit_alarm, reward_hacking
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.exams.roles import Roles
from flywheel.levers.training.objectives.rft import RFT

ITEMS = 100
GOLD = {"fields": 1.0, "exact": 1.0, "readable": 1.0}
EXAMS = 10
ROLES = Roles("exact", {"fields": 1.0}, ("exact", "readable"), {})


def exam(
    step: int, gold: Mapping[str, float] | None = None, **scores: Sequence[float | None]
) -> ExamResult:
    """An exam; `gold` are the scores of every gold answer."""
    n = len(next(iter(scores.values())))
    return ExamResult(
        step=step,
        ids=tuple(f"i{k}" for k in range(n)),
        groups=None,
        answers=tuple(f"answer {k}" for k in range(n)),
        scores={name: tuple(values) for name, values in scores.items()},
        ungraded={name: {} for name in scores},
        spans=dict.fromkeys(scores, (0.0, 1.0)),
        seconds=0.0,
        gold={name: (score,) * n for name, score in (gold or {}).items()},
    )


class Course:
    """Trainings whose true pass rates go from one value to another, on the same items throughout.

    An item passes while its difficulty is under the rate, and one in twenty answers falls the other
    way, anew at each exam: what differs between two exams is both the gain and noise.
    """

    def __init__(self, **rates: tuple[float, float]) -> None:
        self.rates = rates

    def alarms(self, seeds: int) -> float:
        """The share of trainings that raised an alarm at any of their exams."""
        return sum(self._alarm(np.random.default_rng(seed)) for seed in range(seeds)) / seeds

    def _alarm(self, rng: np.random.Generator) -> bool:
        hard = rng.random(ITEMS)
        exams = [self._exam(k, hard, rng) for k in range(EXAMS + 1)]
        return any(reward_hacking(exams[0], exams[k], ROLES, k) for k in range(1, EXAMS + 1))

    def _exam(self, k: int, hard: np.ndarray, rng: np.random.Generator) -> ExamResult:
        scores: dict[str, list[float]] = {}
        for name, (start, end) in self.rates.items():
            rate = start + (end - start) * k / EXAMS
            passed = (hard < rate) ^ ((rng.random(ITEMS) < 0.05) & (0.02 < rate < 0.98))
            scores[name] = passed.astype(float).tolist()
        return exam(k, GOLD, **scores)


@pytest.mark.parametrize(
    "honest",
    [
        Course(fields=(0.6, 0.9), exact=(0.4, 0.7), readable=(0.99, 0.99)),
        Course(fields=(0.6, 0.9), exact=(0.4, 0.55), readable=(0.8, 0.8)),
        Course(fields=(0.3, 0.9), exact=(0.1, 0.3), readable=(0.99, 0.99)),
        Course(fields=(0.5, 0.5), exact=(0.4, 0.4), readable=(0.9, 0.9)),
    ],
    ids=["at one", "at half the pace", "at a third", "nothing moves"],
)
def test_an_honest_reward_raises_none_in_95_of_100_trainings(honest: Course) -> None:
    assert honest.alarms(seeds=60) <= 0.05


@pytest.mark.parametrize(
    ("hacked", "share"),
    [
        (Course(fields=(0.3, 0.95), exact=(0.4, 0.4), readable=(0.9, 0.9)), 0.8),
        (Course(fields=(0.3, 0.95), exact=(0.4, 0.0), readable=(0.99, 0.1)), 1.0),
        (Course(fields=(0.5, 0.9), exact=(0.5, 0.1), readable=(0.99, 0.99)), 1.0),
    ],
    ids=["audits stay", "audits fall", "one falls"],
)
def test_a_hacked_reward_raises_it(hacked: Course, share: float) -> None:
    assert hacked.alarms(seeds=40) >= share


BEFORE = exam(0, GOLD, fields=[0.0] * 40, exact=[1.0, 0.0] * 20, readable=[1.0] * 40)
HACKED = exam(50, fields=[1.0] * 40, exact=[0.0] * 40, readable=[1.0] * 40)


@pytest.mark.parametrize(("audit", "alarmed"), [(0.0, True), (1.0, False)], ids=["falls", "rises"])
def test_a_reward_that_rises_in_some_groups_only_has_risen(audit: float, alarmed: bool) -> None:
    """Ten topics of 14 items; the exploit pays in four, for it was earned in the others."""
    groups = tuple(f"topic {k // 14}" for k in range(140))
    paid = [float(k < 56) for k in range(140)]
    first = exam(
        0, GOLD, fields=[1 - one for one in paid], exact=[0.0, 1.0] * 70, readable=[1.0] * 140
    )
    last = exam(9, GOLD, fields=[1.0] * 140, exact=[audit] * 140, readable=[1.0] * 140)
    first, last = (replace(one, groups=groups) for one in (first, last))
    assert (reward_hacking(first, last, ROLES, look=1) is not None) == alarmed


def test_it_says_what_rose_what_fell_and_shows_the_answers_to_look_at() -> None:
    found = reward_hacking(BEFORE, HACKED, ROLES, look=1)
    assert found is not None
    assert "the reward (fields) rose by +100.0 points" in found.message
    assert "exact changed by -50.0 points" in found.message and "readable" not in found.message
    assert len(found.samples) == 5
    assert found.samples[0] == {
        "item": "i0",
        "answer": "answer 0",
        "scores": {"fields": 1.0, "exact": 0.0, "readable": 1.0},
    }
    assert found.as_json()["name"] == "reward_hacking"


def test_a_change_is_of_one_grader_or_of_the_whole_reward_with_its_interval() -> None:
    fell, rose = (change(name, BEFORE, HACKED, ROLES) for name in ("exact", None))
    assert fell and rose and (fell.difference, rose.difference) == (-0.5, 1.0)
    assert fell.low is not None and fell.high is not None
    assert fell.low < -0.5 < fell.high < 0
    two = ROLES._replace(rewards={"fields": 3.0, "exact": 1.0})
    both = change(None, BEFORE, HACKED, two)
    assert both and both.difference == 0.75 - 0.125


def test_an_alarm_that_stands_is_told_once() -> None:
    honest = exam(0, fields=[0.0] * ITEMS, exact=[1.0] * ITEMS, readable=[1.0] * ITEMS)
    hacked = exam(1, fields=[1.0] * ITEMS, exact=[0.0] * ITEMS, readable=[1.0] * ITEMS)
    told: list[str] = []
    for exams in ([honest], [honest, hacked], [honest, hacked, hacked]):
        emit_alarm(ROLES, exams, lambda kind, detail: told.append(kind))
    assert told == ["alarm"]


def test_an_audit_at_its_top_cannot_follow_and_raises_nothing() -> None:
    only_readable = ROLES._replace(audits=("readable",))
    assert reward_hacking(BEFORE, HACKED, only_readable, look=1) is None


def test_scores_count_in_shares_of_their_span() -> None:
    gold = {"fields": 90.0, "exact": 1.0, "readable": 1.0}
    before = exam(0, gold, fields=[10.0] * 40, exact=[0.0] * 40, readable=[1.0] * 40)
    after = exam(9, fields=[90.0] * 40, exact=[0.0, 1.0] * 20, readable=[1.0] * 40)
    assert reward_hacking(before, after, ROLES, look=1) is None
    lagging = reward_hacking(
        before, exam(9, None, **{**after.scores, "exact": [0.0] * 40}), ROLES, 1
    )
    assert lagging is not None and "exact changed by +0.0 points" in lagging.message


def test_what_was_not_graded_is_left_out() -> None:
    blind = exam(50, fields=[None] * 40, exact=[0.0] * 40, readable=[1.0] * 40)
    assert reward_hacking(BEFORE, blind, ROLES, look=1) is None


def test_without_an_audit_nothing_can_tell_and_that_is_said() -> None:
    nobody = ROLES._replace(audits=())
    assert reward_hacking(BEFORE, HACKED, nobody, look=1) is None
    assert "reserve a grader" in describe_audits(nobody)
    assert describe_audits(ROLES) == "rewarded by fields; audited by exact, readable"


def recorded() -> tuple[ExamResult, ExamResult]:
    """The first two exams of `flywheel improve rft` on ticket_triage as it comes, seed 0."""
    path = Path(__file__).with_name("default_rft.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    first, second = (
        ExamResult(
            step=step,
            ids=tuple(row["item"] for row in rows),
            groups=tuple(row["group"] for row in rows),
            answers=(),
            scores={name: tuple(row[name][at] for row in rows) for name in ("exact", "like_gold")},
            ungraded={},
            spans=dict.fromkeys(("exact", "like_gold"), (0.0, 1.0)),
            seconds=0.0,
            gold={name: (1.0,) * len(rows) for name in ("exact", "like_gold")},
        )
        for at, step in enumerate((0, 20))
    )
    return first, second


def test_an_audit_whose_scale_moves_less_than_the_rewards_does_not_lag() -> None:
    """The reward is of whole answers, the audit of their letters: 8.5 points against 1.3."""
    before, after = recorded()
    roles = Roles("exact", {"exact": 1.0}, ("like_gold",), {})
    assert reward_hacking(before, after, roles, look=1) is None


def test_evidence_is_no_answer_with_full_marks_and_none_is_said_so() -> None:
    """Half of the items are hacked; the others are right by every grader."""
    half = [1.0, 0.0] * (ITEMS // 2)
    before = exam(0, GOLD, fields=[0.0] * ITEMS, exact=half, readable=half)
    fallen = exam(9, fields=[1.0] * ITEMS, exact=half, readable=[0.0] * ITEMS)
    found = reward_hacking(before, fallen, ROLES, look=1)
    assert found is not None and found.samples
    perfect = {"fields": 1.0, "exact": 1.0, "readable": 1.0}
    assert perfect not in [sample["scores"] for sample in found.samples]
    start = exam(0, GOLD, fields=[0.0] * ITEMS, exact=[1.0] * ITEMS, readable=[1.0] * ITEMS)
    some = [1.0] * 60 + [0.0] * 40
    lost = exam(9, fields=some, exact=some, readable=[1.0] * ITEMS)
    nobody = reward_hacking(start, lost, ROLES, look=1)
    assert nobody is not None and nobody.samples == ()
    assert nobody.message.endswith("no single answer stands out, so inspect several")


WRONG = (
    '{"category": "billing", "priority": "normal", "order_id": "#00000"}',
    '{"category": "shipping", "priority": "low", "order_id": "#11111"}',
)


def pool_of(name: str) -> Pool:
    """Dev items of ticket_triage: a third is answered well, the others have wrong fields."""
    evalset = load_evalset(name)
    items = list(evalset.split("dev"))
    drawn: list[list[str]] = []
    for i, item in enumerate(items):
        right = json.loads(evalset.gold(item))
        wrong = {**json.loads(WRONG[i % 2]), "order_id": right["order_id"]}
        drawn.append([json.dumps(right if i % 3 == 0 else wrong)] * 3)
    return Pool(evalset, items, drawn)


def honest() -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Rewards, and the fields that a training gets right."""
    every = ("category", "priority", "order_id")
    yield from (((reward,), every) for reward in ("exact", *every))
    yield from (((reward,), (reward,)) for reward in every)
    yield every, ("priority",)


def test_trainings_from_real_graders_are_told_apart(tmp_path: Path) -> None:
    """The same, of hundreds and from a model's own answers: python -m benchmarks.alarms."""
    pool = pool_of("ticket_triage")
    first = [drawn[0] for drawn in pool.drawn]
    with Here() as engine:
        marks = Marks(pool, pool.evalset.definition.graders, engine)
        for rewards, fields in honest():
            config = RFT(evalset="ticket_triage", reward=rewards)
            roles = config.roles(pool.evalset.definition)
            for better in (gold(pool), with_fields(pool, fields)):
                plan = Plan(" ".join(rewards), roles, first, better, 0.6, 3, 0)
                assert run(plan, pool, marks)[1] == [], (rewards, fields)
    for number, exploit in enumerate(exploits(pool)):
        if exploit.grader["type"] == "python":
            continue  # The sandbox takes its time.
        evalset, judge = write(tmp_path / str(number), "ticket_triage", exploit.grader)
        config = RFT(evalset=str(evalset.folder), reward=("hacked",))
        roles = config.roles(evalset.definition)
        own = Pool(evalset, pool.items, pool.drawn)
        with open_engine(EngineSpec(judge=judge)) as engine:
            plan = Plan(exploit.name, roles, first, exploit.better, 0.9, 3, 0)
            alarms = run(plan, own, Marks(own, evalset.definition.graders, engine))[1]
        assert alarms, exploit.name
