"""The rows that a training learns from: those of a file, or made of the evalset's train split."""

from __future__ import annotations

from itertools import islice

from flywheel.data.rows.training import read_training
from flywheel.data.rows.training_row import TrainingRow
from flywheel.errors import BadFile
from flywheel.evals.evalset.evalset import Evalset
from flywheel.levers.training.config import TrainingConfig

FEWEST = 10


class TooFewRows(BadFile):
    """So few rows that a training could only memorise them."""


def training_rows(config: TrainingConfig, evalset: Evalset) -> list[TrainingRow]:
    """Every row, checked. Raises BadFile with its place, TooFewRows, or BadOption."""
    if config.data is None:
        items = list(islice(evalset.split("train"), config.rows))
        rows = config.split_rows(evalset, items)
    else:
        training = read_training(config.data)
        if training.format.kind not in config.row_kinds:
            raise BadFile(
                f"{config.data}: its rows are {training.format.name}; {config.lever} wants"
                f" {config.row_format}"
            )
        rows = config.file_rows(list(islice(training.rows, config.rows)))
    if len(rows) < FEWEST:
        where = config.data or f"the train split of {config.evalset}"
        raise TooFewRows(
            f"{where}: {len(rows)} rows; a training needs at least {FEWEST}, so add some"
        )
    return rows
