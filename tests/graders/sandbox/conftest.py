"""One sandbox for each tier that the machine has, shared by the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from graders.sandbox import Limits, NoSandbox, Sandbox, Tier, mechanisms
from graders.sandbox.tier import tiers

CONFINED = (Tier.FULL, Tier.LANDLOCK, Tier.COMPUTE)
LIMITS = Limits(seconds=1.0, memory_bytes=1 << 30)


def require(tier: Tier) -> None:
    """Skip where the machine lacks the tier; on CI, where it must be there, fail."""
    if tier in tiers():
        return
    missing = "; ".join(found.why for found in mechanisms() if not found.present)
    if os.environ.get("CI") == "true":
        raise NoSandbox(f"no tier {tier} here: {missing}")
    pytest.skip(f"no tier {tier} here: {missing}")


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
