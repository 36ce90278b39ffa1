"""The training rows: from a file, or made from the evalset's train split."""

from __future__ import annotations

from itertools import islice

from flywheel.data.rows.training import read_training
from flywheel.data.rows.training_row import TrainingRow
from flywheel.errors import BadFile
from flywheel.evals.evalset.evalset import Evalset
from flywheel.levers.training.config import TrainingConfig

FEWEST = 10


class TooFewRows(BadFile):
    """Fewer rows than the minimum for a training."""


def training_rows(config: TrainingConfig, evalset: Evalset) -> list[TrainingRow]:
    """All rows, checked. Raises BadFile with the location, TooFewRows, or BadOption."""
    if config.data is None:
        items = list(islice(evalset.split("train"), config.rows))
        rows = config.split_rows(evalset, items)
    else:
        training = read_training(config.data)
        if training.format.kind not in config.row_kinds:
            raise BadFile(
                f"{config.data}: its rows are {training.format.name}; {config.lever} needs"
                f" {config.row_format}"
            )
        rows = config.file_rows(list(islice(training.rows, config.rows)))
    if len(rows) < FEWEST:
        where = config.data or f"the train split of {config.evalset}"
        raise TooFewRows(f"{where}: {len(rows)} rows; at least {FEWEST} are required")
    return rows
