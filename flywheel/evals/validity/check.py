"""Check graders: apply every probe of the battery to every grader of an evalset.

Items and answers are drawn from a seed, so a check is deterministic. A probe that does not apply to
an evalset is reported with the reason, and one that its author excuses with theirs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from flywheel.engines.engine import Answerer
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import Evalset, Split
from flywheel.evals.evalset.items import Item
from flywheel.evals.grading.grade import Verdict, grade_answered, grade_samples
from flywheel.evals.results.summary import Summary
from flywheel.evals.validity.battery import BATTERY, NAMES
from flywheel.evals.validity.decide import Found, Standing, decide, mean
from flywheel.evals.validity.probe import Material, Probe
from flywheel.outputs import work as outputs
from graders.asks import Judge, Rate
from graders.grader import Grade, Grader
from graders.sample import Sample

Status = Literal["ok", "BAD", "excused", "info", "n/a"]
MOST, MOST_JUDGED = 50, 10
_CONSTANTS = 20
_SHOWN = 300
_OPTIONS = "the model chooses from options"


@dataclass(frozen=True, slots=True)
class Example:
    """One answer of a probe, and a grader's verdict. `score` is None without a verdict."""

    item: str
    answer: str
    score: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of one probe of one grader.

    `story` says what is BAD, or why the probe does not apply. `excuse` is the evalset's reason.
    `worst` is the answer that shows the fault most clearly, or came closest to one.
    """

    grader: str
    probe: str
    status: Status
    why: str
    summary: Summary
    wrong: int = 0
    allowed: int = 0
    story: str = ""
    excuse: str = ""
    worst: Example | None = None

    @property
    def ok(self) -> bool:
        """Whether the probe found no fault."""
        return self.status != "BAD"

    def as_json(self) -> outputs.Probe:
        """All of it."""
        fields = asdict(self)
        del fields["summary"]
        return outputs.Probe(**fields, ok=self.ok, **self.summary.as_json())


@dataclass(frozen=True, slots=True)
class GraderCheck:
    """The results of the battery for one grader. `format_only`: any item's answer passes."""

    grader: str
    probes: tuple[ProbeResult, ...]
    format_only: bool

    @property
    def bad(self) -> list[ProbeResult]:
        """The probes that show a fault."""
        return [probe for probe in self.probes if not probe.ok]


def draw_items(evalset: Evalset, split: Split, most: int, seed: int = 0) -> list[Item]:
    """At most this many items of a split, drawn by the seed and in the order of the file."""
    drawn = random.Random(seed)
    kept: list[tuple[int, Item]] = []
    for at, item in enumerate(evalset.split(split)):
        if len(kept) < most:
            kept.append((at, item))
        elif (place := drawn.randrange(at + 1)) < most:
            kept[place] = (at, item)
    return [item for _, item in sorted(kept, key=lambda pair: pair[0])]


def default_most(graders: Sequence[Grader]) -> int:
    """The number of items to check with: fewer if each answer costs a judge request."""
    return MOST_JUDGED if any(Judge in grader.needs() for grader in graders) else MOST


def judge_calls(material: Material, graders: Sequence[Grader]) -> int:
    """The number of judge requests of a check."""
    asking = [grader for grader in graders if Judge in grader.needs()]
    return sum(
        isinstance(ask, Judge)
        for grader in asking
        for probe in BATTERY
        for _, sample in _samples(probe, material, grader)
        for ask in grader.asks(sample)
    )


async def check_graders(
    material: Material, graders: Sequence[Grader], engine: Answerer
) -> list[GraderCheck]:
    """Every probe, played to each of these graders of the evalset.

    Raises BadOption where `checks` of the evalset excuses a probe that there is not.
    """
    for name, excuses in material.evalset.definition.checks.items():
        for probe in excuses:
            if probe not in NAMES:
                raise BadOption(
                    f"{material.evalset.name}: checks: {name} excuses {probe!r}, which is none of"
                    f" {', '.join(NAMES)}"
                )
    return [await _check(grader, material, engine) for grader in graders]


async def _check(grader: Grader, material: Material, engine: Answerer) -> GraderCheck:
    played: dict[str, tuple[list[tuple[int, Sample]], list[Verdict]]] = {}
    for probe in BATTERY:
        answers = _samples(probe, material, grader)
        verdicts = await grade_samples(grader, [sample for _, sample in answers], engine)
        played[probe.name] = answers, verdicts
    by = _standing(grader, material, played["gold"][1], played["other"][1])
    results: list[ProbeResult] = []
    for probe in BATTERY:
        answers, verdicts = played[probe.name]
        if answers:
            found = decide(probe, [at for at, _ in answers], verdicts, by)
            results.append(_result(grader, probe, material, answers, verdicts, found))
        else:
            lacks = _OPTIONS if material.evalset.definition.options else probe.lacks
            results.append(
                ProbeResult(grader.name, probe.name, "n/a", probe.why, Summary(), story=lacks)
            )
    fail = {probe.name for probe in BATTERY if probe.wanted == "fail"}
    passed = (one.summary.passed == one.summary.n for one in results if one.probe in fail)
    if by.format_only and all(passed):
        story = "passes, as does everything that is said"
        results = [replace(one, status="BAD", story=story) if one.wrong else one for one in results]
    excuses = material.evalset.definition.checks.get(grader.name, {})
    for at, one in enumerate(results):
        if excuse := excuses.get(one.probe):
            status: Status = "excused" if one.status == "BAD" else one.status
            results[at] = replace(one, status=status, excuse=excuse)
    return GraderCheck(grader.name, tuple(results), by.format_only)


def _samples(probe: Probe, material: Material, grader: Grader) -> list[tuple[int, Sample]]:
    if material.evalset.definition.options and not probe.options:
        return []
    return [
        (at, sample)
        for at in range(len(material.items))
        for sample in probe.make(material, grader, at)
    ]


def _standing(
    grader: Grader, material: Material, gold: Sequence[Verdict], other: Sequence[Verdict]
) -> Standing:
    passes = [isinstance(verdict, Grade) and verdict.passed for verdict in other]
    return Standing(
        gold=gold,
        gold_mean=mean(gold) or 0.0,
        other_mean=mean(other) or 0.0,
        luck=_luck(grader, material),
        asks_model=bool(grader.needs() & {Judge, Rate}),
        shared=material.shared,
        format_only=grader.name != material.evalset.primary.name and bool(passes) and all(passes),
    )


def _luck(grader: Grader, material: Material) -> float:
    """The share of items on which the luckiest gold answer passes, said to all of them.

    What has to be asked is not asked for this: there the most frequent gold answer counts.
    """
    if len(material.counts) < 2:
        return 0.0
    common = material.counts.most_common(_CONSTANTS)

    def passing(answer: str) -> int:
        verdicts = (grade_answered(grader, Sample(item, answer)) for item in material.items)
        return sum(isinstance(verdict, Grade) and verdict.passed for verdict in verdicts)

    luckiest = max(passing(g) for g, _ in common) if grader.is_pure() else common[0][1]
    # Right for the item that it came from, and for no other, is no luck.
    return luckiest / len(material.items) if luckiest > 1 else 0.0


def _result(
    grader: Grader,
    probe: Probe,
    material: Material,
    answers: Sequence[tuple[int, Sample]],
    verdicts: Sequence[Verdict],
    found: Found,
) -> ProbeResult:
    shown = found.wrong or range(len(verdicts))
    sign = -1 if probe.wanted == "pass" else 1
    worst = max(shown, key=lambda i: sign * (mean([verdicts[i]]) or 0.0))
    at, sample = answers[worst]
    verdict = verdicts[worst]
    graded = isinstance(verdict, Grade)
    example = Example(
        item=str(material.items[at].get("id", at)),
        answer=sample.output_text[:_SHOWN],
        score=verdict.score if graded else None,
        reason=(verdict.reason if graded else verdict.detail)[:_SHOWN],
    )
    return ProbeResult(
        grader=grader.name,
        probe=probe.name,
        status="BAD" if found.story else "info" if probe.wanted == "look" else "ok",
        why=probe.why,
        summary=Summary.of(verdicts),
        wrong=len(found.wrong),
        allowed=found.allowed,
        story=found.story,
        worst=example,
    )
