"""The collector is as it was once the last of several runs has ended."""

from __future__ import annotations

import gc
from contextlib import ExitStack

from flywheel.evals.run.collector import rarely_collected


def test_overlapping_runs_leave_the_collector_as_it_was() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    first, second = ExitStack(), ExitStack()
    first.enter_context(rarely_collected())
    second.enter_context(rarely_collected())
    first.close()
    assert gc.get_threshold()[0] > before[0]
    second.close()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)
