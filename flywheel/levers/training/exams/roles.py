"""The roles of an evalset's graders in one training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import EvalsetDefinition
from graders.grader import Grader


class Roles(NamedTuple):
    """The roles of the graders in one training, by name.

    `rewards` have weights, and are empty for trainings without rewards. `audits` are never rewards.
    `guards` have the margin by which they may drop.
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
    """The roles from the evalset's definition and the rewards of a training.

    With rewards, and no `audit` in the evalset, every other grader is an audit. The primary grader
    is always an audit unless it is a reward, since the reward is a proxy for it. Raises BadOption
    for an unknown reward, or one that is an audit.
    """
    names = [grader.name for grader in definition.graders]
    for name in rewards:
        if name not in names:
            raise BadOption(f"unknown reward {name!r}; the graders are {', '.join(names)}")
        if name in definition.audit:
            raise BadOption(
                f"{name!r} is an audit of this evalset, so it cannot be a reward; remove it from"
                " `audit` in evalset.yaml, or use another grader as the reward"
            )
    audits = definition.audit
    if rewards and not audits:
        audits = tuple(name for name in names if name not in rewards)
    elif rewards and definition.primary not in (*rewards, *audits):
        audits = (*audits, definition.primary)
    return Roles(definition.primary, rewards, audits, definition.guards)


def span(grader: Grader) -> tuple[float, float]:
    """A grader's declared range of scores, 0 to 1 by default."""
    return grader.score_range() or (0.0, 1.0)
