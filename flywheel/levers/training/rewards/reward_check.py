"""The check of an RFT's rewards: a model learns to exploit a weak grader instead of the task.

Before the job begins, the probes of `flywheel graders check` are run on every reward, with dev
items. The order records the probes that the evalset excuses. A config with `unchecked: true` skips
the check, and the order records that.
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
    """The result of the check: the number of items, and the excused probes by grader."""

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
    """Run the probes on these graders. Raises WeakReward with the probes that fail.

    `evalset` and `judge` are their names in the message.
    """
    graders = [grader for grader in plan.graders if grader.name in rewards]
    most = default_most(graders)
    material = Material(plan.evalset, tuple(draw_items(plan.evalset, "dev", most)))
    if calls := judge_calls(material, graders):
        warn(f"checking the rewards takes {calls:,} judge calls")
    checks = result_of(check_graders(material, graders, engine))
    faults = [
        f"{check.grader}: {probe.probe}: {probe.story} ({probe.why})"
        for check in checks
        for probe in check.bad
    ]
    if not faults and checks and all(check.format_only for check in checks):
        faults = [f"{checks[0].grader}: the answer of any item passes; it rewards only the format"]
    if faults:
        option = f" --judge {judge}" if judge else ""
        raise WeakReward(
            f"a reward can be earned without solving the task. See: flywheel graders check"
            f" {evalset} --most {most}{option}. Fix the grader, excuse the probe under"
            " `checks` in evalset.yaml, or train anyway with unchecked: true\n  "
            + "\n  ".join(faults)
        )
    excused = {
        check.grader: tuple(one.probe for one in check.probes if one.status == "excused")
        for check in checks
    }
    named = {grader: probes for grader, probes in excused.items() if probes}
    return RewardCheck(passed=True, items=len(material.items), excused=named)
