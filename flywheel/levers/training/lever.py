"""The training lever. All objectives share it and differ only in their config."""

from __future__ import annotations

from flywheel.data.checks.check import FEW_ROWS
from flywheel.errors import BadOption
from flywheel.levers.candidate import Candidate
from flywheel.levers.lever import Lever, Task, Work
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.orders.settle import settle


class TrainingLever:
    """Makes a model by training."""

    def prepare(self, config: TrainingConfig, task: Task) -> Order:
        """The order. Raises WeakReward, BadFile and others for anything that would fail later."""
        config.check_packages()
        if task.budget is not None and config.dollars_per_hour is None:
            raise BadOption("a budget needs dollars_per_hour to estimate the cost; set it")
        order = settle(config, task.evalset, task.baseline)
        if order.config.method != config.method:
            settings = order.config.method.model_dump(exclude={"kind"})
            shown = ", ".join(f"{name} {value}" for name, value in settings.items())
            task.warn(
                f"{config.model} is an adapter; training continues with its settings: {shown}"
            )
        if order.rows < FEW_ROWS:
            task.warn(f"{order.rows} rows: below {FEW_ROWS}, results are mostly noise")
        plan = config.dev_plan(task.evalset)
        rewards = order.config.check_rewards(plan, task.engine, task.warn)
        return order.model_copy(update={"rewards": rewards, "budget": task.budget})

    def run(self, order: Order, work: Work) -> Candidate | None:
        """Train, or resume from the newest checkpoint. None if it is paused or cancelled."""
        # Imported here because it loads transformers.
        from flywheel.levers.training.train import run

        trained = run(order, work.folder, work.emit, work.control)
        if trained.ended != "finished":
            return None
        return Candidate(
            lever=order.config.lever,
            seed=order.config.seed,
            order=order.digest,
            model=trained.folder,
        )


TRAINING_LEVER: Lever[TrainingConfig, Order] = TrainingLever()
