"""Roles: what the graders of an evalset are to one training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import EvalsetDefinition
from graders.grader import Grader


class Roles(NamedTuple):
    """What the graders of an evalset are to one training, by name.

    `rewards` have their weights, and are empty when nothing is rewarded. `audits` are never among
    them. `guards` have the margin by which they may fall.
    """

    primary: str
    rewards: Mapping[str, float]
    audits: tuple[str, ...]
    guards: Mapping[str, float]

    @property
    def asked(self) -> frozenset[str]:
        """Every grader that has a role."""
        return frozenset({self.primary, *self.rewards, *self.audits, *self.guards})


def roles_of(rewards: Mapping[str, float], definition: EvalsetDefinition) -> Roles:
    """The roles that an evalset gives, and the rewards of a training with their weights.

    Where something is rewarded and the evalset has no `audit`, every other grader audits. So does
    the primary grader where it is no reward: it is what the reward stands in for. Raises BadOption
    for a reward that cannot be one.
    """
    names = [grader.name for grader in definition.graders]
    for name in rewards:
        if name not in names:
            raise BadOption(f"reward {name!r} is none of the graders {', '.join(names)}")
        if name in definition.audit:
            raise BadOption(
                f"{name!r} audits this evalset, so it cannot be a reward as well; take it out of"
                " `audit` in evalset.yaml, or reward with another grader"
            )
    audits = definition.audit
    if rewards and not audits:
        audits = tuple(name for name in names if name not in rewards)
    elif rewards and definition.primary not in (*rewards, *audits):
        audits = (*audits, definition.primary)
    return Roles(definition.primary, rewards, audits, definition.guards)


def span(grader: Grader) -> tuple[float, float]:
    """The lowest and the highest score that a grader declares; 0 and 1 when it declares none."""
    low, high = getattr(grader, "range", (0.0, 1.0))
    return float(low), float(high)
