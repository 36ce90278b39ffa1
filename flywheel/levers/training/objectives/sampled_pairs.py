# pyright: standard
"""Sampled pairs: each gold answer preferred to a wrong answer of the model itself.

The wrong answer is the worst of a few sampled at temperature 1, by the primary grader. An item that
is always answered correctly, or is ungraded, gives no pair. The pairs are saved in the job's
folder, so that a resumed training uses the same ones.
"""

from __future__ import annotations

import json
from typing import Any

from flywheel.data.rows.training import read_training
from flywheel.data.rows.training_row import TrainingRow
from flywheel.errors import FlywheelError
from flywheel.files import write_whole
from flywheel.levers.training.config import Setup, TrainingConfig
from flywheel.levers.training.exams.live import ask_live, grade_outputs
from flywheel.levers.training.exams.roles import span
from flywheel.levers.training.rows.rows import FEWEST
from flywheel.levers.training.rows.split_rows import pair_of
from flywheel.samplers.sampler import Output, Request
from graders.grader import Grade

FILE = "pairs.jsonl"
_EACH = 4


class NoPairs(FlywheelError):
    """The model gives too few wrong answers to make pairs from."""


def sampled_pairs(config: TrainingConfig, setup: Setup) -> list[TrainingRow]:
    """The pairs, sampled or read from the job's folder. Raises NoPairs if there are too few.

    Raises Stopped when the job is asked to stop.
    """
    path = setup.folder / FILE
    if not path.is_file():
        pairs = _sample(config, setup)
        if len(pairs) < FEWEST:
            raise NoPairs(
                f"the model answers {len(pairs)} of {len(setup.rows)} items wrongly; at least"
                f" {FEWEST} are required; use pairs: minimal, or another lever"
            )
        setup.folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, "".join(_line(pair) for pair in pairs))
    return list(read_training(path, "preference").rows)


def _line(pair: TrainingRow) -> str:
    assert pair.chosen is not None and pair.rejected is not None
    row: dict[str, Any] = {
        "prompt": [message.as_json() for message in pair.prompt],
        "chosen": [pair.chosen.as_json()],
        "rejected": [pair.rejected.as_json()],
    }
    if pair.tools:
        row["tools"] = list(pair.tools)
    return json.dumps(row, ensure_ascii=False) + "\n"


def _sample(config: TrainingConfig, setup: Setup) -> list[TrainingRow]:
    grader, outputs = setup.evalset.primary, _answers(config, setup)
    items = [row.item for row in setup.rows for _ in range(_EACH)]
    verdicts = setup.progress.wait(grade_outputs(grader, items, outputs, setup.engine))
    highest = span(grader)[1]
    pairs: list[TrainingRow] = []
    for index, row in enumerate(setup.rows):
        own = slice(index * _EACH, (index + 1) * _EACH)
        judged = zip(verdicts[own], outputs[own], strict=True)
        scored = [(v.score, o.text) for v, o in judged if isinstance(v, Grade)]
        wrong = min((one for one in scored if one[0] < highest), default=None)
        if wrong is not None:
            pairs.append(pair_of(row, wrong[1]))
    return pairs


def _answers(config: TrainingConfig, setup: Setup) -> list[Output]:
    """`_EACH` answers per row, consecutive for each row."""
    most = setup.evalset.definition.sampling.max_completion_tokens
    requests = [
        Request(
            config.model,
            [message.as_json() for message in row.prompt],
            {
                "temperature": 1.0,
                "seed": config.seed + _EACH * index + each,
                "max_completion_tokens": most,
            },
            tools=row.tools,
        )
        for index, row in enumerate(setup.rows)
        for each in range(_EACH)
    ]
    total, progress = len(requests), setup.progress

    def answered(count: int) -> None:
        progress.report(f"sampling pairs: {count} of {total} answers")

    return ask_live(setup.base, config.model, requests, progress, answered)
