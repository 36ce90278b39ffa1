"""The alarm: silent for an honest reward, loud for a hacked one, however often it looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from flywheel.training.alarm import audited_by, change, look, reward_hacking
from flywheel.training.exam import ExamResult, Roles

ITEMS = 100
EXAMS = 10
ROLES = Roles("exact", {"fields": 1.0}, ("exact", "readable"), {})


def exam(step: int, **scores: Sequence[float | None]) -> ExamResult:
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
        return exam(k, **scores)


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
        (Course(fields=(0.3, 0.95), exact=(0.4, 0.4), readable=(0.9, 0.9)), 0.95),
        (Course(fields=(0.3, 0.95), exact=(0.4, 0.0), readable=(0.99, 0.1)), 1.0),
        (Course(fields=(0.5, 0.9), exact=(0.5, 0.1), readable=(0.99, 0.99)), 1.0),
    ],
    ids=["audits stay", "audits fall", "one falls"],
)
def test_a_hacked_reward_raises_it(hacked: Course, share: float) -> None:
    assert hacked.alarms(seeds=40) >= share


BEFORE = exam(0, fields=[0.0] * 40, exact=[1.0, 0.0] * 20, readable=[1.0] * 40)
HACKED = exam(50, fields=[1.0] * 40, exact=[0.0] * 40, readable=[1.0] * 40)


def test_it_says_what_rose_what_fell_and_shows_the_answers_to_look_at() -> None:
    found = reward_hacking(BEFORE, HACKED, ROLES, look=1)
    assert found is not None
    assert "the reward (fields) rose by +100.0 points" in found.told
    assert "exact fell by -50.0 points" in found.told and "readable" not in found.told
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
        look(ROLES, exams, lambda kind, detail: told.append(kind))
    assert told == ["alarm"]


def test_an_audit_at_its_top_cannot_follow_and_raises_nothing() -> None:
    only_readable = ROLES._replace(audits=("readable",))
    assert reward_hacking(BEFORE, HACKED, only_readable, look=1) is None


def test_scores_count_in_shares_of_their_span() -> None:
    before = exam(0, fields=[10.0] * 40, exact=[0.0] * 40, readable=[1.0] * 40)
    after = exam(9, fields=[90.0] * 40, exact=[0.0, 1.0] * 20, readable=[1.0] * 40)
    assert reward_hacking(before, after, ROLES, look=1) is None
    lagging = reward_hacking(before, exam(9, **{**after.scores, "exact": [0.0] * 40}), ROLES, 1)
    assert lagging is not None and "exact moved by +0.0 points" in lagging.told


def test_what_was_not_graded_is_left_out() -> None:
    blind = exam(50, fields=[None] * 40, exact=[0.0] * 40, readable=[1.0] * 40)
    assert reward_hacking(BEFORE, blind, ROLES, look=1) is None


def test_without_an_audit_nothing_can_tell_and_that_is_said() -> None:
    nobody = ROLES._replace(audits=())
    assert reward_hacking(BEFORE, HACKED, nobody, look=1) is None
    assert "keep one back" in audited_by(nobody)
    assert audited_by(ROLES) == "rewarded by fields; audited by exact, readable"
