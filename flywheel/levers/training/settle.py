# pyright: standard
"""Settle: from a config to an order, with the rows read, the tokens counted and nothing open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flywheel.data.rows.training_row import TrainingRow
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.auto import resolve
from flywheel.levers.training.config import TrainConfig
from flywheel.levers.training.methods.base import folder_of, weights_of
from flywheel.levers.training.methods.own_adapter import with_own_adapter
from flywheel.levers.training.order import Order, digests_of
from flywheel.levers.training.rows.masks import answer_ids, mask_row
from flywheel.levers.training.rows.rows import training_rows
from flywheel.levers.training.rows.template import Template
from flywheel.levers.training.trackers.trackers import check_trackers

_ALL = 2**30


def settle(config: TrainConfig, baseline: str | None = None) -> Order:
    """The order for this config. Raises a FlywheelError for what would stop the training later."""
    check_trackers(config)
    config = with_own_adapter(config, folder_of(config.model))
    rows = training_rows(config)
    folder = weights_of(folder_of(config.model))
    template = load_template(folder_of(config.model), folder)
    numbers = resolve(
        config,
        rows=len(rows),
        parameters=count_parameters(folder),
        longest=max(length(row, template) for row in rows),
        context=_context(folder),
        answer=load_evalset(config.evalset).definition.sampling.max_completion_tokens,
    )
    return Order(
        config=config,
        numbers=numbers,
        digests=digests_of(config),
        rows=len(rows),
        baseline=baseline,
    )


def load_template(folder: Path, source: Path) -> Template:
    """The template of the model in a folder, or of the base that its adapter names."""
    from flywheel.levers.training.methods.base import load_tokenizer

    return Template.of(load_tokenizer(folder, source))


def length(row: TrainingRow, template: Template) -> int:
    """The tokens of a row, with the longer of its answers. Raises NotTrainable with its place."""
    if row.kind == "text":
        return len(template.tokenizer(row.text)["input_ids"]) + 1
    if row.kind == "reward":
        said = [message.as_json() for message in row.messages]
        return len(template.tokenizer(template.prompt(said, row.tools))["input_ids"])
    if row.kind == "sft":
        return len(mask_row(row, template, _ALL).ids)
    pairs = [answer_ids(row, answer, template, _ALL) for answer in row.answers]
    return max(len(prompt) + len(answer) for prompt, answer in pairs)


def count_parameters(folder: Path) -> int:
    """How many numbers the weights of a folder are, from the headers of its files."""
    total = 0
    for path in sorted(folder.glob("model*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                total += _product(tensor["shape"])
    return max(1, total)


def _product(shape: Sequence[int]) -> int:
    made = 1
    for size in shape:
        made *= size
    return made


def _context(folder: Path) -> int | None:
    config = cast("dict[str, Any]", json.loads((folder / "config.json").read_text("utf-8")))
    inner = config.get("text_config") or config
    return inner.get("max_position_embeddings")
