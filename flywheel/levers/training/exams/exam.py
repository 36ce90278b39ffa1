# pyright: standard
"""An exam: dev items, answered by the weights as they are now and graded as in any run.

It is asked before the first step, every so many steps and at the end: what a training is judged by
while it goes on, and which checkpoint is the best, come from here and never from loss or reward.
Sampling is the evalset's own, so that the first exam is what the baseline measured. Everything that
the exam touches is put back: a training with exams ends in the same weights as one without.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

from flywheel.engines.engine import Answerer
from flywheel.errors import BadItem, BadOption
from flywheel.evals.evalset.evalset import EvalsetDefinition, load_evalset
from flywheel.evals.grading.grade import Verdict, grade_answered, grade_samples
from flywheel.evals.results.summary import Summary
from flywheel.evals.run.execute import sample_of
from flywheel.evals.run.plan import Plan
from flywheel.evals.run.requests import Pair, pairs, request
from flywheel.levers.training.config import TrainConfig
from flywheel.levers.training.exams.live import ask_live
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.order import Order, dev_plan
from flywheel.levers.training.trackers.progress import Progress
from flywheel.samplers.failures import reasons, summary
from flywheel.samplers.sampler import Output
from graders.grader import Grade, Grader
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded

Scores = tuple[float | None, ...]


class Roles(NamedTuple):
    """What the graders of an evalset are to one training, by name.

    `rewards` have their weights, and are empty when nothing is rewarded. `audits` are never among
    them. `guards` have the margin by which they may fall.
    """

    primary: str
    rewards: Mapping[str, float]
    audits: tuple[str, ...]
    guards: Mapping[str, float]

    @property
    def asked(self) -> frozenset[str]:
        """Every grader that has a role."""
        return frozenset({self.primary, *self.rewards, *self.audits, *self.guards})


def roles_of(config: TrainConfig, definition: EvalsetDefinition) -> Roles:
    """The roles that an evalset and a training give. Raises BadOption for a reward it cannot have.

    An RFT on an evalset without `audit` is audited by every grader that is not its reward. The
    primary grader, where it is no reward, audits too: it is what the reward stands in for.
    """
    names = [grader.name for grader in definition.graders]
    rewarded = (config.reward or (definition.primary,)) if config.lever == "rft" else ()
    for name in rewarded:
        if name not in names:
            raise BadOption(f"reward {name!r} is none of the graders {', '.join(names)}")
        if name in definition.audit:
            raise BadOption(
                f"{name!r} audits this evalset, so it cannot be a reward as well; take it out of"
                " `audit` in evalset.yaml, or reward with another grader"
            )
    weights = config.reward_weights or (1.0,) * len(rewarded)
    audits = definition.audit
    if rewarded and not audits:
        audits = tuple(name for name in names if name not in rewarded)
    elif rewarded and definition.primary not in (*rewarded, *audits):
        audits = (*audits, definition.primary)
    rewards = dict(zip(rewarded, weights, strict=True))
    return Roles(definition.primary, rewards, audits, definition.guards)


@dataclass(frozen=True, slots=True)
class ExamResult:
    """What one exam found. Items and graders are in the same order in every exam of a training.

    `scores` hold None where there was no verdict; `ungraded` counts those by their kind. `spans`
    are the lowest and the highest score that a grader gives, as it declares them. `gold` are the
    scores of the gold answers, where they were graded too. `floor` is what the most frequent gold
    answer, given to every item, scores by the primary grader; None where that has to ask.
    """

    step: int
    ids: tuple[str, ...]
    groups: tuple[str, ...] | None
    answers: tuple[str, ...]
    scores: Mapping[str, Scores]
    ungraded: Mapping[str, Mapping[str, int]]
    spans: Mapping[str, tuple[float, float]]
    seconds: float
    gold: Mapping[str, Scores] = field(default_factory=dict[str, Scores])
    floor: float | None = None

    @property
    def distinct_answers(self) -> int:
        """How many answers differ by more than blanks around them."""
        return len({answer.strip() for answer in self.answers})

    def mean(self, grader: str) -> float | None:
        """The mean of what was graded, None when nothing was."""
        found = [score for score in self.scores[grader] if score is not None]
        return sum(found) / len(found) if found else None

    def told(self) -> dict[str, Any]:
        """What the event `exam` says of it."""
        graders = {
            name: {
                "mean": self.mean(name),
                "n": sum(score is not None for score in scores),
                "ungraded": sum(self.ungraded[name].values()),
            }
            for name, scores in self.scores.items()
        }
        return {
            "step": self.step,
            "graders": graders,
            "distinct_answers": self.distinct_answers,
            "floor": self.floor,
            "seconds": self.seconds,
        }

    def by_item(self) -> dict[str, dict[str, float | None]]:
        """item -> grader -> score, as the event `exam_items` has it."""
        return {
            name: {grader: scores[i] for grader, scores in self.scores.items()}
            for i, name in enumerate(self.ids)
        }

    def as_json(self) -> dict[str, Any]:
        """All of it, for a training that goes on in another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """The result that `as_json` wrote."""
        return cls(
            step=found["step"],
            ids=tuple(found["ids"]),
            groups=None if found["groups"] is None else tuple(found["groups"]),
            answers=tuple(found["answers"]),
            scores={name: tuple(scores) for name, scores in found["scores"].items()},
            ungraded=found["ungraded"],
            spans={name: (low, high) for name, (low, high) in found["spans"].items()},
            seconds=found["seconds"],
            gold={name: tuple(scores) for name, scores in found.get("gold", {}).items()},
            floor=found.get("floor"),
        )


def better(a: ExamResult, b: ExamResult, roles: Roles) -> bool:
    """Whether the primary grader gained more from b to a than the audits and guards lost.

    Each in shares of its span; a guard may lose its margin. What was not graded at all is no
    better than anything.
    """
    gain = _moved(a, b, roles.primary)
    if gain is None:
        return a.mean(roles.primary) is not None
    allowed = {**dict.fromkeys(roles.audits, 0.0), **roles.guards}
    lost = 0.0
    for name, margin in allowed.items():
        low, high = a.spans[name]
        moved = _moved(a, b, name) if name != roles.primary else 0.0
        lost += max(0.0, -(moved or 0.0) - margin / (high - low))
    return gain > lost


def _moved(a: ExamResult, b: ExamResult, grader: str) -> float | None:
    now, then = a.mean(grader), b.mean(grader)
    low, high = a.spans[grader]
    return None if now is None or then is None else (now - then) / (high - low)


class Exam:
    """The same dev items, asked of one model again and again while it learns."""

    def __init__(
        self, plan: Plan, roles: Roles, engine: Answerer, samples: int | None = None, seed: int = 0
    ) -> None:
        """`samples` items are drawn by the seed, None takes all, in the order of the file."""
        self.roles = roles
        self._plan = replace(plan, repeats=1)
        self._engine = engine
        self._pairs = _drawn(self._plan, samples, seed)
        self._graders = [grader for grader in plan.graders if grader.name in roles.asked]

    @property
    def n(self) -> int:
        """How many items are asked."""
        return len(self._pairs)

    def sit(self, base: Base, step: int, progress: Progress | None = None) -> ExamResult:
        """Answer and grade every item with the model as it is, and leave it as it was.

        Where something is rewarded, the exam before the first step grades the gold answers too.
        `progress` hears how far it is and why verdicts are missing, and may end it: raises
        Stopped then.
        """
        began, progress = time.monotonic(), progress or Progress()
        name, asked = f"exam at step {step}", [request(self._plan, one) for one in self._pairs]

        def answered(count: int) -> None:
            progress.report(f"{name}: {count} of {self.n} answers")

        outputs = ask_live(base, self._plan.model, asked, progress, answered)
        scores: dict[str, Scores] = {}
        ungraded: dict[str, dict[str, int]] = {}
        for grader in self._graders:
            progress.report(f"{name}: grading by {grader.name}")
            verdicts = progress.wait(self._grade(grader, outputs))
            scores[grader.name] = tuple(v.score if isinstance(v, Grade) else None for v in verdicts)
            missing = [v for v in verdicts if isinstance(v, Ungraded)]
            ungraded[grader.name] = dict(Counter(v.kind.value for v in missing))
            if missing:
                why = summary(reasons((v.detail or v.kind.value, 1) for v in missing))
                count = f"{len(missing)} of {self.n} answers have no verdict of {grader.name}"
                progress.tell("notice", {"text": f"{name}: {count}: {why}"})
        gold = self._gold(progress) if step == 0 and self.roles.rewards else {}
        return ExamResult(
            step=step,
            ids=tuple(str(pair.item.get("id", pair.position)) for pair in self._pairs),
            groups=self._groups(),
            answers=tuple(output.text for output in outputs),
            scores=scores,
            ungraded=ungraded,
            spans={grader.name: span(grader) for grader in self._graders},
            seconds=time.monotonic() - began,
            gold=gold,
            floor=self._floor,
        )

    @cached_property
    def _floor(self) -> float | None:
        primary = next(one for one in self._graders if one.name == self.roles.primary)
        if not primary.is_pure():
            return None
        try:
            golds = [self._plan.evalset.gold(pair.item) for pair in self._pairs]
        except BadItem:
            return None
        answer = Counter(golds).most_common(1)[0][0]
        verdicts = [grade_answered(primary, Sample(pair.item, answer)) for pair in self._pairs]
        return Summary.of(verdicts).mean

    async def _grade(self, grader: Grader, outputs: Sequence[Output]) -> list[Verdict]:
        good = [i for i, output in enumerate(outputs) if output.error is None]
        samples = [sample_of(self._pairs[i].item, outputs[i]) for i in good]
        found = dict(zip(good, await grade_samples(grader, samples, self._engine), strict=True))
        return [
            found.get(i) or Ungraded(Kind.SAMPLE, output.error or "", "no_answer")
            for i, output in enumerate(outputs)
        ]

    def _gold(self, progress: Progress) -> dict[str, Scores]:
        """What the graders give to the gold answers."""
        evalset = self._plan.evalset
        outputs = [Output(evalset.gold(pair.item)) for pair in self._pairs]
        found: dict[str, Scores] = {}
        for grader in self._graders:
            progress.report(f"grading the gold answers by {grader.name}")
            verdicts = progress.wait(self._grade(grader, outputs))
            found[grader.name] = tuple(v.score if isinstance(v, Grade) else None for v in verdicts)
        return found

    def _groups(self) -> tuple[str, ...] | None:
        field = self._plan.evalset.definition.group
        if field is None:
            return None
        return tuple(str(pair.item.get(field)) for pair in self._pairs)


def open_exam(order: Order, engine: Answerer) -> Exam:
    """The exam of an order: the dev split, or as many of its items as the config asks for."""
    config = order.config
    roles = roles_of(config, load_evalset(config.evalset).definition)
    return Exam(dev_plan(config), roles, engine, config.eval_samples, config.seed)


def span(grader: Grader) -> tuple[float, float]:
    """The lowest and the highest score that a grader declares; 0 and 1 when it declares none."""
    low, high = getattr(grader, "range", (0.0, 1.0))
    return float(low), float(high)


def _drawn(plan: Plan, samples: int | None, seed: int) -> list[Pair]:
    found = list(pairs(plan, bytes(plan.count)))
    if samples is None or samples >= len(found):
        return found
    chosen = random.Random(f"exam {seed}").sample(range(len(found)), samples)
    return [found[i] for i in sorted(chosen)]
