"""Whether a grader's verdicts on a probe are as they must be: the one place that says BAD.

- The gold answer passes on every item; of a grader that asks a model, on nine of ten.
- An answer that must fail is wrong on an item when it passes, or scores no less than a gold that
  passes. It may be so by luck on as many items as the luckiest gold answer is right, said to all.
  Luck is no excuse for another item's answer, where the two have nothing in common.
- Beside that, an answer that is none earns at most half of what lies between another item's answer
  and gold: a partial credit for nothing is learnt as fast as a full one.
- A grader that is not the primary one, and passes every other item's answer, looks at the format
  alone. What has the format may pass then, but not everything that is said.
- Filler around the gold answer must not raise the mean score by more than a twentieth of the same
  distance.
- No verdict is BAD; of a judge, when it leaves out more than one in five.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from flywheel.evals.grading.grade import Verdict
from flywheel.evals.validity.probe import Probe
from graders.grader import Grade
from graders.ungraded import Kind, Ungraded

_GOLD_MISSED_BY_JUDGES = 0.1
_SILENT_JUDGE = 0.2
_CREDIT_FOR_NOTHING = 0.5
_RAISED = 0.05
_OF_JUDGES = {Kind.JUDGE_SERVER, Kind.JUDGE_REFUSAL, Kind.JUDGE_PARSE}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a grader makes of gold, and of other items' answers.

    `luck` is the share of items on which the luckiest constant gold answer passes. `shared` are the
    items for which every other gold answer has something in common with their own.
    """

    gold: Sequence[Verdict]
    gold_mean: float
    other_mean: float
    luck: float
    asks_model: bool
    shared: frozenset[int] = frozenset()
    format_only: bool = False

    @property
    def distance(self) -> float:
        """From another item's answer to gold; 0 where gold is no better."""
        return max(0.0, self.gold_mean - self.other_mean)


@dataclass(frozen=True, slots=True)
class Found:
    """How many verdicts are wrong, how many may be, and what is BAD about them, if anything."""

    wrong: Sequence[int]
    allowed: int = 0
    story: str = ""


def mean(verdicts: Sequence[Verdict]) -> float | None:
    """The mean score of what was graded."""
    scores = [verdict.score for verdict in verdicts if isinstance(verdict, Grade)]
    return sum(scores) / len(scores) if scores else None


def decide(probe: Probe, ats: Sequence[int], verdicts: Sequence[Verdict], by: Standing) -> Found:
    """What is BAD about these verdicts. `ats` are the items that the answers are for."""
    silent = _no_verdict(verdicts)
    if silent:
        return Found([], story=silent)
    if probe.wanted == "look":
        return Found([], story=_raised(verdicts, by) if probe.name.startswith("padded") else "")
    if probe.wanted == "pass":
        missed = [i for i, v in enumerate(verdicts) if isinstance(v, Grade) and not v.passed]
        allowed = int(len(verdicts) * _GOLD_MISSED_BY_JUDGES) if by.asks_model else 0
        much = f"the gold answer does not pass on {len(missed)} of {len(verdicts)} items"
        return Found(missed, allowed, much if len(missed) > allowed else "")
    wrong = [i for i, (at, v) in enumerate(zip(ats, verdicts, strict=True)) if _won(v, by.gold[at])]
    if by.format_only:
        return Found(wrong, len(verdicts))
    luck = math.floor(by.luck * len(verdicts) + 1e-9)
    allowed = sum(ats[i] in by.shared for i in wrong) if probe.sure else luck
    if len(wrong) > allowed:
        much = f"passes, or scores as high as gold, {len(wrong)} of {len(verdicts)} times"
        much += f", where luck explains {allowed}" if allowed else ""
        return Found(wrong, allowed, much)
    return Found(wrong, allowed, "" if probe.content else _credit(verdicts, by))


def _no_verdict(verdicts: Sequence[Verdict]) -> str:
    ungraded = [verdict for verdict in verdicts if isinstance(verdict, Ungraded)]
    own = [verdict for verdict in ungraded if verdict.kind not in _OF_JUDGES]
    if not own and len(ungraded) <= _SILENT_JUDGE * len(verdicts):
        return ""
    first = (own or ungraded)[0]
    detail = first.detail.strip().splitlines()
    return f"no verdict {len(ungraded)} of {len(verdicts)} times: {detail[-1] if detail else ''}"


def _won(verdict: Verdict, gold: Verdict) -> bool:
    if not isinstance(verdict, Grade):
        return False
    if isinstance(gold, Grade) and gold.passed and verdict.score >= gold.score:
        return True
    return verdict.passed


def _credit(verdicts: Sequence[Verdict], by: Standing) -> str:
    found = mean(verdicts)
    limit = by.other_mean + _CREDIT_FOR_NOTHING * by.distance
    if found is None or not by.distance or found <= limit + 1e-9:
        return ""
    return (
        f"earns {found:.3f} on average, where another item's answer earns {by.other_mean:.3f} and"
        f" gold {by.gold_mean:.3f}"
    )


def _raised(verdicts: Sequence[Verdict], by: Standing) -> str:
    found = mean(verdicts)
    if found is None or found <= by.gold_mean + _RAISED * (by.distance or 1.0):
        return ""
    return f"filler raises the mean score from {by.gold_mean:.3f} to {found:.3f}"
