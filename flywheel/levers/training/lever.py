"""Training as a lever: every objective has this shape, and differs by its config alone."""

from __future__ import annotations

from flywheel.levers.candidate import Candidate
from flywheel.levers.lever import Lever, Task, Work
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.orders.prepare import prepare


class TrainingLever:
    """Makes a model by training."""

    def prepare(self, config: TrainingConfig, task: Task) -> Order:
        """The order for a config. Raises a FlywheelError."""
        return prepare(config, task)

    def run(self, order: Order, work: Work) -> Candidate | None:
        """Train, or go on from the newest checkpoint. None when it is paused or cancelled."""
        # It loads transformers.
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
