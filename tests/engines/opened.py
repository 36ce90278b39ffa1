"""Engines for tests: samplers that are objects, under names of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flywheel.engines.engine import EngineSpec
from flywheel.engines.here import Here
from flywheel.samplers.sampler import Sampler


def engine_of(
    judge: Sampler | None = None, models: Mapping[str, Sampler] | None = None, **spec: Any
) -> Here:
    """An engine whose judge is this sampler, and whose models of these names are these."""
    given = dict(models or {})
    if judge is not None:
        given["the judge"] = judge
        spec["judge"] = "the judge"
    return Here(EngineSpec(**spec), samplers=given)
