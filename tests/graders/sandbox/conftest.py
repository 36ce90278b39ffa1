"""One sandbox for each tier that the machine has, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graders.sandbox import Limits, Sandbox, Tier
from tests.graders.sandbox.sandbox_tiers import CONFINED, require

LIMITS = Limits(seconds=1.0, memory_bytes=1 << 30)


@pytest.fixture(scope="session", params=CONFINED)
def tier(request: pytest.FixtureRequest) -> Tier:
    """Each confined tier in turn."""
    found = Tier(request.param)
    require(found)
    return found


@pytest.fixture(scope="session")
def sandbox(tier: Tier) -> Iterator[Sandbox]:
    """A sandbox with short limits."""
    with Sandbox(tier, workers=2, limits=LIMITS) as opened:
        yield opened


@pytest.fixture(scope="session")
def best() -> Iterator[Sandbox]:
    """The best tier here, with room for slow imports."""
    with Sandbox(workers=2, limits=Limits(seconds=30.0)) as opened:
        yield opened
