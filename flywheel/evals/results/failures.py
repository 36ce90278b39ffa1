"""Why a run lacks answers or verdicts: the reasons that its rows hold, counted."""

from __future__ import annotations

from flywheel.samplers.failures import Reason, reasons
from flywheel.store.queries.answers import count_failures
from flywheel.store.queries.verdicts import count_ungraded
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RunRow


def failed_requests(store: Reader, row: RunRow) -> list[Reason]:
    """Why requests of a run failed, those of its parent for a regrade."""
    return reasons(count_failures(store, row.sampled))


def missing_verdicts(store: Reader, row: RunRow) -> list[Reason]:
    """Why answers have no verdict of the primary grader."""
    return reasons(count_ungraded(store, row.run, row.primary_grader))
