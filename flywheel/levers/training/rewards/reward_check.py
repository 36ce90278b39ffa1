"""Rewards are checked before they teach: a weak grader is learnt, not the task.

The battery of `flywheel graders check` is played to every reward of an RFT, on dev items, before
its job begins. What the evalset excuses is noted in the order; a config with `unchecked: true` is
not checked, and the order says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from pydantic import BaseModel, ConfigDict

from flywheel.engines.engine import Answerer
from flywheel.errors import WeakReward
from flywheel.evals.run.plan import Plan
from flywheel.evals.validity.check import check_graders, default_most, draw_items, judge_calls
from flywheel.evals.validity.probe import Material
from flywheel.synchronous import result_of

Warn = Callable[[str], None]


class RewardCheck(BaseModel):
    """How the rewards of an RFT were checked: on how many items, and what was excused of whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: bool
    items: int = 0
    excused: dict[str, tuple[str, ...]] = {}


def check_rewards(
    rewards: Collection[str],
    plan: Plan,
    engine: Answerer,
    warn: Warn,
    *,
    evalset: str,
    judge: str | None,
) -> RewardCheck:
    """Play the battery to these graders. Raises WeakReward with the probes that show a fault.

    `evalset` and `judge` name them for a user.
    """
    graders = [grader for grader in plan.graders if grader.name in rewards]
    most = default_most(graders)
    material = Material(plan.evalset, tuple(draw_items(plan.evalset, "dev", most)))
    if calls := judge_calls(material, graders):
        warn(f"the judge is asked {calls:,} times to check the rewards")
    checks = result_of(check_graders(material, graders, engine))
    faults = [
        f"{check.grader}: {probe.probe}: {probe.story} ({probe.why})"
        for check in checks
        for probe in check.bad
    ]
    if not faults and checks and all(check.format_only for check in checks):
        faults = [f"{checks[0].grader}: any item's answer passes, so it rewards the format alone"]
    if faults:
        option = f" --judge {judge}" if judge else ""
        raise WeakReward(
            f"a reward of this training can be earned without the task. See: flywheel graders check"
            f" {evalset} --most {most}{option}. Mend the grader, excuse the probe under"
            " `checks` in evalset.yaml, or train all the same with unchecked: true\n  "
            + "\n  ".join(faults)
        )
    excused = {
        check.grader: tuple(one.probe for one in check.probes if one.status == "excused")
        for check in checks
    }
    named = {grader: probes for grader, probes in excused.items() if probes}
    return RewardCheck(passed=True, items=len(material.items), excused=named)
