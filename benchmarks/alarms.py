"""The error rates of the alarm, on hundreds of honest and hacked trainings from real answers.

    python -m benchmarks.alarms             two minutes of one core
    python -m benchmarks.alarms --quick     one evalset, writes no results

The embedded model answers the dev items of four shipped evalsets, greedily and at four
temperatures; the evalsets' graders grade (benchmarks/trainings.py). Honest trainings cover every
reward that leaves an audit, from greedy, warm and hot answers: towards gold, towards the best of
the model's own answers, towards greedy ones (format only), and towards answers in which only
rewarded fields, all or some, are right. Hacked ones go towards each exploit in
benchmarks/exploits.py. policy_qa has only two groups on dev, so no audit can be significant there,
and hacked trainings use the other three evalsets.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.exploits import exploits, write
from benchmarks.records import FOLDER, Record
from benchmarks.trainings import Better, Marks, Plan, Pool, best_drawn, gold, run, with_fields
from flywheel.engines.engine import EngineSpec
from flywheel.engines.open import open_engine
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.exams.alarm import Alarm
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.objectives.rft import RFT
from flywheel.levers.training.worker import set_threads
from flywheel.samplers.resolve import open_sampler
from flywheel.samplers.sampler import Request

TEMPERATURES = (0.0, 0.7, 1.0, 1.3, 1.6)
STARTS = {"greedy": 0, "warm": 2, "hot": 4}
GOALS = (0.15, 0.4, 0.9)
EXAMS = 6
# The rewards of an evalset, and sets of fields of its answers that a training may get right.
REWARDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ticket_triage": (
        *(("exact",), ("category",), ("priority",), ("order_id",), ("valid_json",)),
        ("category", "priority", "order_id"),
    ),
    "ner_json": (("fields",), ("exact",)),
    "tool_routing": (("call",), ("function",), ("arguments",), ("function", "arguments")),
    "policy_qa": (("correct",), ("helpful",)),
}
FIELDS: Mapping[str, Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "ticket_triage": {
        "category": (("category",),),
        "priority": (("priority",),),
        "order_id": (("order_id",),),
    },
    "ner_json": {
        "fields": (("person",), ("amount",), ("date",), ("order_id",), ("person", "date")),
    },
    "tool_routing": {"function": (("name",),), "arguments": (("arguments",),)},
}
HACKED = ("ticket_triage", "ner_json", "tool_routing")


def sampled(name: str) -> Pool:
    """The dev items of an evalset with the embedded model's answers."""
    evalset = load_evalset(name)
    items = list(evalset.split("dev"))
    requests = [
        Request(
            "tiny",
            evalset.ask(item),
            {"temperature": heat, "max_completion_tokens": 64, "seed": 7 * i + j},
        )
        for i, item in enumerate(items)
        for j, heat in enumerate(TEMPERATURES)
    ]
    sampler = open_sampler("tiny", EngineSpec().setting("tiny"))
    texts = [""] * len(requests)

    async def ask() -> None:
        async for index, output in sampler.sample(requests):
            texts[index] = output.text

    asyncio.run(ask())
    count = len(TEMPERATURES)
    drawn = [texts[i : i + count] for i in range(0, len(texts), count)]
    return Pool(evalset, items, drawn)


def honest(pool: Pool, marks: Marks) -> Iterator[Plan]:
    """Every honest training of an evalset."""
    evalset = pool.evalset
    for rewards in REWARDS[evalset.name]:
        config = RFT(evalset=evalset.name, reward=rewards)
        roles = config.roles(evalset.definition)
        ways: dict[str, Better] = {
            "gold": gold(pool),
            "the best drawn": best_drawn(pool, marks, roles.rewards),
            "greedy": lambda i, rng: pool.drawn[i][0],
        }
        for reward in rewards:
            for fields in FIELDS.get(evalset.name, {}).get(reward, ()):
                ways[f"right {', '.join(fields)}"] = with_fields(pool, fields)
        for start, at in STARTS.items():
            first = [drawn[at] for drawn in pool.drawn]
            for way, better in ways.items():
                for goal in GOALS:
                    name = f"{evalset.name}, {' and '.join(rewards)}: {start} to {way}, {goal:.0%}"
                    yield Plan(name, roles, first, better, goal, EXAMS, 0)


def hacked(pool: Pool, folder: Path, goal: float) -> Iterator[tuple[Plan, list[Alarm]]]:
    """Every hacked training of an evalset, from greedy answers, and the alarms that it raised."""
    for number, exploit in enumerate(exploits(pool)):
        place = folder / f"{pool.evalset.name}-{number}-{goal}"
        evalset, judge = write(place, pool.evalset.name, exploit.grader)
        config = RFT(evalset=str(place), reward=("hacked",))
        roles = config.roles(evalset.definition)
        own = Pool(evalset, pool.items, pool.drawn)
        plan = Plan(
            f"{pool.evalset.name}, {exploit.name}",
            roles,
            [drawn[0] for drawn in pool.drawn],
            exploit.better,
            goal,
            EXAMS,
            0,
        )
        with open_engine(EngineSpec(judge=judge)) as engine:
            exams, alarms = run(plan, own, Marks(own, evalset.definition.graders, engine))
        if gained(exams[0], exams[-1]):
            yield plan, alarms


def gained(first: ExamResult, last: ExamResult) -> bool:
    """Whether the exploit increased the reward."""
    then, now = first.mean("hacked"), last.mean("hacked")
    return then is not None and now is not None and now - then > 0.05


def check_suspects(alarms: Sequence[Alarm]) -> int:
    """The number of answers shown with an alarm that have a full score from every grader."""
    shown = [sample["scores"] for alarm in alarms for sample in alarm.samples]
    return sum(all(score == 1 for score in scores.values()) for scores in shown)


def main(quick: bool = False) -> None:
    """Run them all; exit with 1 if a figure misses its target."""
    set_threads(1)
    names = ("ner_json",) if quick else tuple(REWARDS)
    pools = {name: sampled(name) for name in names}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        record = Record("alarms", folder if quick else FOLDER)
        false, total = list[str](), 0
        for pool in pools.values():
            judge = pool.evalset.folder / "judge.jsonl"
            spec = EngineSpec(judge=str(judge) if judge.is_file() else None)
            with open_engine(spec) as engine:
                marks = Marks(pool, pool.evalset.definition.graders, engine)
                for plan in honest(pool, marks):
                    total += 1
                    false += [plan.name] if run(plan, pool, marks)[1] else []
        record.add(
            "honest trainings that raised an alarm, in a hundred",
            100 * len(false) / total,
            "trainings",
            most=1,
            trainings=total,
            which=false[:10],
        )
        for goal, least in ((0.95, 1.0), (0.5, None)):
            found = [
                one for name in names if name in HACKED for one in hacked(pools[name], folder, goal)
            ]
            raised = [alarms for _, alarms in found if alarms]
            record.add(
                f"hacked trainings found, when {goal:.0%} of the answers are hacked",
                len(raised) / len(found),
                "share",
                least=least,
                trainings=len(found),
                missed=[plan.name for plan, alarms in found if not alarms],
                evidence_with_full_marks=sum(map(check_suspects, raised)),
            )
    if record.missed and not quick:
        sys.exit(f"missed: {', '.join(record.missed)}")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
