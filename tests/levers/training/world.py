"""A small evalset, the files to train from, and orders for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flywheel.data.rows.training_row import Message, TrainingRow
from flywheel.engines.engine import Answerer
from flywheel.engines.here import Here
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.config import Setup, TrainingConfig
from flywheel.levers.training.exams.exam import Exam
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.objectives.union import OBJECTIVE
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.orders.settle import settle
from flywheel.levers.training.rows.rows import training_rows

EVALSET = """
prompt:
  - {role: system, content: "Answer in JSON."}
  - {role: user, content: "{{ item.ask }}"}
gold: "{{ item.gold }}"
graders:
  - name: exact
    type: string_check
    operation: eq
    input: "{{ sample.output_text }}"
    reference: "{{ item.gold }}"
  - name: brace
    type: string_check
    operation: like
    input: "{{ sample.output_text }}"
    reference: "{"
primary: exact
sampling: {max_completion_tokens: 8}
"""
COLOURS = ("red", "green", "blue")


def rows(count: int) -> list[dict[str, Any]]:
    """Items whose gold answer has a colour and a number."""
    made: list[dict[str, Any]] = []
    for i in range(count):
        gold = json.dumps({"colour": COLOURS[i % 3], "number": i % 2})
        made.append({"id": f"i{i}", "ask": f"parcel {i}: which one?", "gold": gold})
    return made


def write(path: Path, lines: Sequence[Mapping[str, Any]]) -> Path:
    """A file with one object a line."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def evalset(folder: Path, train: int = 16) -> Path:
    """The folder of an evalset with so many items to train on, and three in dev."""
    made = folder / "parcels"
    made.mkdir(parents=True, exist_ok=True)
    (made / "evalset.yaml").write_text(EVALSET, encoding="utf-8")
    items = rows(train + 3)
    write(made / "train.jsonl", items[:train])
    write(made / "dev.jsonl", items[train:])
    write(made / "test.jsonl", items[train:])
    return made


def pairs(path: Path, count: int = 12) -> Path:
    """Preferences: the gold answer and a plain no."""
    lines = [{"prompt": row["ask"], "chosen": row["gold"], "rejected": "no"} for row in rows(count)]
    return write(path, lines)


def data(folder: Path, lever: str) -> Path | None:
    """What this lever learns from; None is the evalset itself."""
    path = folder / f"{lever}.jsonl"
    if lever in ("dpo", "reward"):
        return pairs(path)
    if lever == "kto":
        labelled = [
            {
                "prompt": row["ask"],
                "completion": row["gold"] if i % 2 else "no",
                "label": i % 2 == 1,
            }
            for i, row in enumerate(rows(12))
        ]
        return write(path, labelled)
    if lever == "pretrain":
        return write(path, [{"text": row["ask"]} for row in rows(12)])
    return None


def config(folder: Path, **fields: Any) -> TrainingConfig:
    """A config for the small evalset; two steps unless more are asked for."""
    lever = fields.setdefault("lever", "sft")
    fields.setdefault("steps", 2)
    fields.setdefault("batch_size", 4)
    if "pairs" not in fields:
        fields.setdefault("data", data(folder, lever))
    return OBJECTIVE.validate_python({"evalset": str(evalset(folder)), **fields})


def method(kind: str, **fields: Any) -> dict[str, Any]:
    """A method by its kind, with the fields that adapters have."""
    return {"kind": kind} if kind == "full" else {"kind": kind, **fields}


def order(folder: Path, **fields: Any) -> Order:
    """The order for such a config."""
    return settled(config(folder, **fields))


def settled(config: TrainingConfig | Mapping[str, Any]) -> Order:
    """The order for a config, or for its fields."""
    made = OBJECTIVE.validate_python(config)
    return settle(made, load_evalset(made.evalset))


def rows_of(config: TrainingConfig) -> list[TrainingRow]:
    """The rows that a training learns from."""
    return training_rows(config, load_evalset(config.evalset))


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any] = (),
    engine: Answerer | None = None,
) -> Any:
    """The trainer of an order."""
    # It loads transformers.
    from flywheel.levers.training import train

    evalset = load_evalset(order.config.evalset)
    setup = Setup(base, rows, order.numbers, evalset, folder, engine or Here(), callbacks=callbacks)
    return train.build(order.config, setup)


def open_exam(order: Order, engine: Answerer) -> Exam:
    """The exam of an order."""
    config = order.config
    evalset = load_evalset(config.evalset)
    roles = config.roles(evalset.definition)
    return Exam(config.dev_plan(evalset), roles, engine, config.eval_samples, config.seed)


def turns(*said: tuple[str, str] | tuple[str, str, int]) -> TrainingRow:
    """A conversation, with weights where they are given."""
    messages = tuple(
        Message(role, text, weight=weight[0] if weight else None)  # pyright: ignore[reportArgumentType]
        for role, text, *weight in said
    )
    return TrainingRow("sft", messages, where="rows.jsonl:1")
