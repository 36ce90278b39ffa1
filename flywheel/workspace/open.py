"""Opens a workspace, as the owner of its store or to read it through its owner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadOption
from flywheel.evals.decision.sample_size import Forecast, Wish, forecast
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.store.errors import StoreInUse
from flywheel.store.read_server import is_served
from flywheel.workspace.local import Local
from flywheel.workspace.reading import Reading, Remote


def open_workspace(path: str | Path = "flywheel.duckdb", spec: EngineSpec | None = None) -> Local:
    """The workspace of this database file, created if missing.

    `spec` configures how models are asked and answers graded. Raises StoreInUse if another process
    owns the file, NewerStore if a newer version wrote it, StoreFailed if it cannot be used.
    """
    if spec is not None and not isinstance(spec, EngineSpec):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BadOption(f"wanted fw.EngineSpec(judge=..., ...), got {spec!r:.80}")
    return Local(path, spec)


def open_reading(path: Path) -> Reading:
    """The workspace of this file for reading, also while another process owns it.

    Raises StoreInUse if another process owns the file and does not serve reads.
    """
    if is_served(path):
        return Remote(path)
    try:
        return Local(path)
    except StoreInUse:
        # Its owner may have started to listen in the meantime.
        if is_served(path):
            return Remote(path)
        raise


def forecast_of(path: Path, evalset: str, wish: Wish, like: Sequence[str]) -> Forecast:
    """How many items a gain takes. Uses the runs of the store if it exists; does not create it."""
    chosen = load_evalset(evalset)
    if not like and not path.is_file():
        return forecast(chosen, wish)
    with open_reading(path) as workspace:
        return workspace.forecast(chosen, wish, like)
