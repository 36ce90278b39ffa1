"""Opens the engine that a spec describes."""

from __future__ import annotations

from collections.abc import Callable

from flywheel.engines.engine import Engine, EngineSpec
from flywheel.engines.here import Here


def open_engine(
    spec: EngineSpec | None = None, answered: Callable[[], object] = lambda: None
) -> Engine:
    """An engine by this spec. Raises a FlywheelError when its judge cannot be opened.

    A grader that needs a judge where none is named is ungraded; `check_needs` says so beforehand.
    `answered` is called at each answer of a judge or of the sandbox, from any thread.
    """
    return Here(spec, answered=answered)
