# pyright: standard
"""Watching a training: what every step tells, exams, checkpoints, and when to stop.

One callback. It tells each step, asks whether to go on, takes exams, keeps checkpoints and knows
the best: the exam with the highest mean of the primary grader, less what the audit graders fell
since the first exam. A reward never chooses. A loss that is no number ends the training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cmp_to_key
from pathlib import Path
from typing import Any, Literal

from transformers import TrainerCallback

from flywheel.errors import FlywheelError
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.training.exams import checkpoints
from flywheel.levers.training.exams.exam import ExamResult, better, roles_of
from flywheel.levers.training.order import Order
from flywheel.levers.training.trackers.progress import Stopped, Tell, Word

Control = Callable[[], Word]
Ended = Literal["finished", "paused", "cancelled"]
ENDED: Mapping[Word, Ended] = {"go": "finished", "pause": "paused", "cancel": "cancelled"}
Take = Callable[[int], ExamResult]
AfterExam = Callable[[Sequence[ExamResult], Tell], None]


class Diverged(FlywheelError):
    """The loss is no number any more."""


class Watch(TrainerCallback):
    """The callback. `exams` has all that were taken, also before a stop. `ended` is "paused" or
    "cancelled" when `control` said so; the checkpoint of that step is kept then. An exam that was
    given up for it is taken when the training goes on.
    """

    def __init__(
        self,
        order: Order,
        folder: Path,
        tell: Tell,
        control: Control,
        exam: Take | None = None,
        after_exam: AfterExam | None = None,
    ) -> None:
        self._order = order
        self._folder = folder
        self._tell = tell
        self._control = control
        self._exam = exam
        self._after_exam = after_exam
        self._roles = roles_of(order.config, load_evalset(order.config.evalset).definition)
        self._began = time.monotonic()
        self.exams: list[ExamResult] = []
        self.ended: Ended = "finished"
        last = checkpoints.newest(folder)
        if last is not None:
            self.exams = [ExamResult.from_json(one) for one in last.metrics.get("exams", ())]

    @property
    def best_step(self) -> int | None:
        """The step with the best exam so far, the earliest of equals; None before there is one."""
        return self.best_of([one.step for one in self.exams])

    def best_of(self, steps: Collection[int]) -> int | None:
        """The best of these steps by its exam; None when none of them had one."""
        best: ExamResult | None = None
        for one in self.exams:
            examined = one.step and one.step in steps
            if examined and (best is None or better(one, best, self._roles)):
                best = one
        return best.step if best else None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the exam before the first step, or the one that a stop has kept from being taken.

        Raises Stopped: nothing was learnt yet that a checkpoint could keep.
        """
        self._began = time.monotonic()
        if self._is_due(state.global_step):
            self._examine(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop where the parent says so, and save what there is."""
        said = self._control()
        if said != "go":
            self.ended = ENDED[said]
            control.should_training_stop = control.should_save = True
        elif self._is_due(state.global_step) and self._exam is not None:
            control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Tell the step, then take the exam that is due: before the step is saved."""
        logs: dict[str, Any] = kwargs.get("logs") or {}
        if "loss" not in logs:
            return
        self._tell_step(state, logs)
        if self.ended == "finished" and self._is_due(state.global_step):
            try:
                self._examine(state.global_step)
            except Stopped as stop:
                self.ended = ENDED[stop.word]
                control.should_training_stop = control.should_save = True
                return
            if self._is_stale():
                self._tell("notice", {"text": self._why_stale()})
                control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Keep what was written, and of the older ones what is worth it."""
        step = state.global_step
        now = self.figures(step)
        told = [one.as_json() for one in self.exams]
        kept = checkpoints.keep(self._folder, step, {"figures": now, "exams": told})
        complete = [one.step for one in checkpoints.found(self._folder)]
        checkpoints.prune(self._folder, self._staying(complete))
        self._tell("checkpoint", {"step": step, "path": str(kept.path), "metrics": now})

    def figures(self, step: int) -> dict[str, float | None]:
        """The mean of each grader at the exam of a step, empty when there was none."""
        taken = next((one for one in self.exams if one.step == step), None)
        return {name: taken.mean(name) for name in taken.scores} if taken else {}

    def _tell_step(self, state: Any, logs: Mapping[str, Any]) -> None:
        now = time.monotonic()
        seconds, self._began = now - self._began, now
        numbers = {k: v for k, v in logs.items() if isinstance(v, int | float)}
        sick = [k for k in ("loss", "grad_norm") if not math.isfinite(numbers.get(k, 0.0))]
        healthy = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
        self._tell("step", {"step": state.global_step, "seconds": round(seconds, 4), **healthy})
        if sick:
            last = checkpoints.newest(self._folder)
            kept = f"the checkpoint of step {last.step} is kept" if last else "nothing is kept"
            raise Diverged(
                f"step {state.global_step}: the {sick[0]} is {numbers[sick[0]]}: the training has"
                f" diverged; {kept}. Lower learning_rate, now"
                f" {self._order.numbers.learning_rate:g}, or raise warmup"
            )

    def _is_due(self, step: int) -> bool:
        numbers = self._order.numbers
        return step % numbers.eval_interval == 0 or step == numbers.steps

    def _examine(self, step: int) -> None:
        if self._exam is None or any(one.step == step for one in self.exams):
            return
        taken = self._exam(step)
        self.exams.append(taken)
        self._tell("exam", taken.told())
        self._tell("exam_items", {"step": step, "items": taken.by_item()})
        if self._after_exam is not None:
            self._after_exam(self.exams, self._tell)
        # The next step's seconds are its own.
        self._began = time.monotonic()

    def _is_stale(self) -> bool:
        patience, best = self._order.config.patience, self.best_step
        if patience is None or best is None:
            return False
        return sum(one.step > best for one in self.exams) >= patience

    def _why_stale(self) -> str:
        after = f"{self._order.config.patience} exams without a better one"
        return f"stopped early: {after} than that of step {self.best_step}"

    def _staying(self, steps: Sequence[int]) -> set[int]:
        """The newest, to go on from; the best; and of RFT the best few, else the newest few."""
        count = self._order.config.keep
        stay = {max(steps), *(step for step in steps if step == self.best_step)}
        if self._order.config.lever != "rft":
            return stay | set(sorted(steps)[-count:])
        taken = [one for one in self.exams if one.step in steps]
        taken.sort(key=cmp_to_key(self._order_of))
        return stay | {one.step for one in taken[:count]}

    def _order_of(self, a: ExamResult, b: ExamResult) -> int:
        """-1 when a is the better one."""
        return better(b, a, self._roles) - better(a, b, self._roles)
