"""The cost of Flywheel's training compared with the same training in bare TRL.

    make bench-overhead                      a quarter of an hour of one core
    python -m benchmarks.overhead --quick    a few steps and one round, writes no results

SFT on 300 gold answers and GRPO rewarded by the three fields of ticket_triage, in a job's process
(job.py) and in a script with TRL alone (peers/bare_trl.py): same rows, model, adapter, batches,
seeds and lengths, one thread each. They alternate, each time in a new process, and the ratio is
computed per round, so that load affects both. Figures are CPU seconds.

The loop is everything from before the first step to after the last: batches, answers, rewards,
steps, events and, in Flywheel, storing every answer. The whole process also has imports, loading
and saving, and in Flywheel the checks before a training: a trial step, and for an RFT the sampling
of the headroom. Exams cannot be disabled completely: one dev item is evaluated at the beginning and
at the end, outside the loop.

It is checked that both did the same work: the losses of SFT and the token counts agree. Skipping
answers without an advantage in GRPO is a feature of Flywheel, and counts in its favour.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.harness import child
from benchmarks.records import FOLDER, Record
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.methods.base import folder_of
from flywheel.levers.training.methods.lora import LoRA
from flywheel.levers.training.objectives.rft import RFT
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.orders.settle import settle
from flywheel.levers.training.rows.rows import training_rows

ROUNDS = 4
MOST = 1.05
# TRL's default logging interval, over which it averages.
_TOLD_EVERY = 10
_FIELDS = ("category", "priority", "order_id")
_NO_EXAMS = {"eval_interval": 10_000, "save_interval": 10_000, "eval_samples": 1}
WORKS: dict[str, Mapping[str, Any]] = {
    "SFT": {"lever": "sft", "rows": 300, "epochs": 3, "learning_rate": 1.5e-3, "batch_size": 8},
    "GRPO": {
        "lever": "rft",
        "reward": _FIELDS,
        "steps": 30,
        "learning_rate": 2e-3,
        "batch_size": 8,
        "group_size": 8,
        "max_completion_tokens": 64,
    },
}
QUICK: dict[str, Mapping[str, Any]] = {
    "SFT": {"rows": 40, "epochs": 2},
    "GRPO": {"steps": 2, "batch_size": 2},
}


def for_trl(order: Order) -> dict[str, Any]:
    """The same work for a script without Flywheel."""
    config, numbers = order.config, order.numbers
    rows = training_rows(config, load_evalset(config.evalset))
    reward, size = (config.reward, config.group_size) if isinstance(config, RFT) else ((), 0)
    asked = bool(reward)
    assert isinstance(config.method, LoRA)
    return {
        "model": str(folder_of(config.model)),
        "rows": [
            {
                "prompt" if asked else "messages": [m.as_json() for m in row.messages],
                **({name: row.item[name] for name in reward}),
            }
            for row in rows
        ],
        "rewards": reward,
        "max_steps": numbers.steps,
        "per_device_train_batch_size": numbers.batch_size,
        "learning_rate": numbers.learning_rate,
        "warmup_steps": numbers.warmup,
        "logging_steps": min(_TOLD_EVERY, numbers.steps),
        "seed": config.seed,
        "r": config.method.r,
        "alpha": config.method.alpha,
        "num_generations": size,
        "max_completion_length": int(numbers.own.get("max_completion_tokens", 0)),
    }


def take_turns(order: Order, rounds: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The costs of Flywheel and bare TRL by round; the order alternates between rounds."""
    found: list[tuple[dict[str, Any], dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary) / "work.json"
        work.write_text(json.dumps(for_trl(order)), "utf-8")
        for number in range(rounds):
            folder = Path(temporary) / f"job-{number}"
            order.save(folder)
            turns = [("benchmarks.job", folder), ("benchmarks.peers.bare_trl", work)]
            took = {name: child(name, of) for name, of in (turns if number % 2 else turns[::-1])}
            ours, bare = (took[name] for name, _ in turns)
            for one in (ours, bare):
                if "failed" in one:
                    sys.exit(one["failed"])
            found.append((ours, bare))
    return found


def check_same(ours: Mapping[str, Any], bare: Mapping[str, Any], closely: bool) -> float:
    """How far the losses lie apart, of the means that TRL tells: hardly, where they are held to it.
    In GRPO rounding sooner or later makes one word another, and with it all that follows.
    """
    each = len(ours["losses"]) // len(bare["losses"])
    told = [fmean(ours["losses"][i * each : (i + 1) * each]) for i in range(len(bare["losses"]))]
    apart = max(abs(a - b) for a, b in zip(told, bare["losses"], strict=True))
    if closely:
        assert apart < 0.01 * max(told), f"not the same work: {told} and {bare['losses']}"
    tokens = ours["tokens"][each * len(bare["losses"]) - 1] / bare["tokens"][-1]
    assert 0.97 < tokens < 1.03, f"not the same work: {tokens:.3f} times the tokens"
    return apart


def report(record: Record, name: str, rounds: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """The ratios of one kind of training."""
    apart = max(check_same(*turn, closely=name == "SFT") for turn in rounds)
    ours, _ = rounds[0]
    same = {
        "steps": len(ours["losses"]),
        "tokens": ours["tokens"][-1],
        "losses_apart": round(apart, 5),
        "exam_seconds": round(median(mine["exams"] for mine, _ in rounds), 2),
    }
    for part, told in (("loop", "the training loop"), ("whole", "the whole process")):
        ratios = [mine[part] / theirs[part] for mine, theirs in rounds]
        record.add(
            f"{name}: CPU of {told} beside bare TRL",
            median(ratios),
            "times",
            most=MOST,
            ours=round(median(mine[part] for mine, _ in rounds), 2),
            trl=round(median(theirs[part] for _, theirs in rounds), 2),
            ratios=[round(ratio, 3) for ratio in ratios],
            **same,
        )


def main(quick: bool = False) -> None:
    """Measure both; exit with 1 if a ratio exceeds its limit."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        record = Record("overhead", Path(temporary) if quick else FOLDER)
        for name, work in WORKS.items():
            given = {**work, **_NO_EXAMS, **(QUICK[name] if quick else {})}
            config = OBJECTIVE.validate_python({"evalset": "ticket_triage", **given})
            order = settle(config, load_evalset(config.evalset))
            report(record, name, take_turns(order, 1 if quick else ROUNDS))
    if record.missed and not quick:
        sys.exit(f"missed: {', '.join(record.missed)}")


if __name__ == "__main__":
    main("--quick" in sys.argv[1:])
