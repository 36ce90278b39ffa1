"""Opens the engine that a spec describes, or one for a model that is in memory already."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from flywheel.engines.engine import Engine, EngineSpec
from flywheel.engines.here import Here
from flywheel.samplers.local.load import Loaded, LocalOptions
from flywheel.samplers.local.sampler import LocalSampler


def open_engine(
    spec: EngineSpec | None = None, answered: Callable[[], object] = lambda: None
) -> Engine:
    """An engine with this spec. Raises a FlywheelError if its judge cannot be opened.

    Without a judge, graders that need one leave samples ungraded; `check_needs` detects this.
    `answered` is called at each answer of a judge or of the sandbox, from any thread.
    """
    return Here(spec, answered=answered)


@contextmanager
def open_live(model: str, loaded: Loaded) -> Generator[Here]:
    """An engine for a model in training, which is in memory under this name and stays there."""
    # The paged cache may change how the model attends, so it is not used on a live one.
    sampler = LocalSampler(LocalOptions(name=model, paged=False), loaded)
    try:
        with Here(samplers={model: sampler}) as engine:
            yield engine
    finally:
        sampler.close()
