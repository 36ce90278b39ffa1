"""Which tiers a test may count on."""

from __future__ import annotations

import os

import pytest

from graders.sandbox import NoSandbox, Tier, mechanisms
from graders.sandbox.confinement.tier import tiers

CONFINED = (Tier.FULL, Tier.LANDLOCK, Tier.COMPUTE)


def require(tier: Tier) -> None:
    """Skip where the machine lacks the tier; on CI, where it must be there, fail."""
    if tier in tiers():
        return
    missing = "; ".join(found.why for found in mechanisms() if not found.present)
    if os.environ.get("CI") == "true":
        raise NoSandbox(f"no tier {tier} here: {missing}")
    pytest.skip(f"no tier {tier} here: {missing}")
