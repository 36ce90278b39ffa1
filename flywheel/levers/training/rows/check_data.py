"""A training file is checked before it is learnt from."""

from __future__ import annotations

from collections.abc import Callable

from flywheel.data.checks.check import check_training
from flywheel.data.rows.training import read_training
from flywheel.errors import BadFile
from flywheel.levers.training.config import TrainingConfig

Warn = Callable[[str], None]


def check_data(config: TrainingConfig, warn: Warn = lambda text: None) -> None:
    """Raise BadFile for a training file with faults; its warnings are counted in a line."""
    if config.data is None:
        return
    report = check_training(read_training(config.data))
    faults = [found for found in report.findings.sorted() if found.severity == "error"]
    if faults:
        more = report.findings.total("error") - 1
        rest = f" (and {more} more: flywheel data check {config.data})" if more else ""
        raise BadFile(f"{faults[0].where}: {faults[0].story}{rest}")
    warnings = report.findings.total("warning")
    if warnings:
        warn(f"{config.data}: {warnings} warnings; flywheel data check {config.data}")
