# pyright: standard
"""Settle: from a config to an order. Reads the rows, counts tokens and resolves every "auto"."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import cast

from flywheel.data.rows.tokens import context_of
from flywheel.data.rows.training_row import TrainingRow
from flywheel.evals.evalset.evalset import Evalset
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.methods.base import folder_of, load_tokenizer, weights_of
from flywheel.levers.training.objectives.union import AnyObjective
from flywheel.levers.training.orders.auto_numbers import resolve
from flywheel.levers.training.orders.order import Order, digests_of
from flywheel.levers.training.rows.masks import answer_ids, mask_row
from flywheel.levers.training.rows.rows import training_rows
from flywheel.levers.training.rows.template import Template
from flywheel.levers.training.trackers.trackers import check_trackers

_ALL = 2**30


def settle(config: TrainingConfig, evalset: Evalset, baseline: str | None = None) -> Order:
    """The order for this config. Raises a FlywheelError for anything that would fail later."""
    check_trackers(config)
    folder = folder_of(config.model)
    source, adapter = weights_of(folder)
    if adapter is not None:
        config = config.model_copy(update={"method": config.method.continued(adapter)})
    rows = training_rows(config, evalset)
    template = Template.of(load_tokenizer(folder, source))
    numbers = resolve(
        config,
        rows=len(rows),
        parameters=count_parameters(source),
        longest=max(length(row, template) for row in rows),
        context=context_of(source),
        answer=evalset.definition.sampling.max_completion_tokens,
    )
    return Order(
        config=cast("AnyObjective", config),
        numbers=numbers,
        digests=digests_of(config, evalset),
        rows=len(rows),
        baseline=baseline,
    )


def length(row: TrainingRow, template: Template) -> int:
    """The tokens of a row with its longer answer. Raises NotTrainable with the row's location."""
    if row.kind == "text":
        return len(template.tokenizer(row.text)["input_ids"]) + 1
    if row.kind == "reward":
        messages = [message.as_json() for message in row.messages]
        return len(template.tokenizer(template.prompt(messages, row.tools))["input_ids"])
    if row.kind == "sft":
        return len(mask_row(row, template, _ALL).ids)
    pairs = [answer_ids(row, answer, template, _ALL) for answer in row.answers]
    return max(len(prompt) + len(answer) for prompt, answer in pairs)


def count_parameters(folder: Path) -> int:
    """The number of parameters of a model's folder, from the headers of its safetensors files."""
    total = 0
    for path in sorted(folder.glob("model*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                total += math.prod(tensor["shape"])
    return max(1, total)
