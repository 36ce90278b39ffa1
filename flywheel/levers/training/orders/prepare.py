"""Prepare: from a config and a task to an order, with every number settled."""

from __future__ import annotations

from flywheel.data.checks.check import FEW_ROWS
from flywheel.errors import BadOption
from flywheel.levers.lever import Task
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.orders.dev_plan import dev_plan
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.orders.settle import settle
from flywheel.levers.training.packages import check_packages


def prepare(config: TrainingConfig, task: Task) -> Order:
    """The order. Raises WeakReward, BadFile, and others for what would stop the training later."""
    check_packages(config)
    if task.budget is not None and config.dollars_per_hour is None:
        raise BadOption("a budget needs dollars_per_hour, by which the price is estimated")
    order = settle(config, task.evalset, task.baseline)
    if order.config.method != config.method:
        settings = order.config.method.model_dump(exclude={"kind"})
        shown = ", ".join(f"{name} {value}" for name, value in settings.items())
        task.warn(f"{config.model} is an adapter, which is trained on as it is: {shown}")
    if order.rows < FEW_ROWS:
        task.warn(f"{order.rows} rows: below {FEW_ROWS}, chance decides most of the result")
    plan = dev_plan(config, task.evalset)
    rewards = order.config.check_rewards(plan, task.engine, task.warn)
    return order.model_copy(update={"rewards": rewards, "budget": task.budget})
