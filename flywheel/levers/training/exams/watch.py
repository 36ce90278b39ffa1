# pyright: standard
"""The trainer callback: emits step events, takes exams, keeps checkpoints, and stops the training.

The best checkpoint is the one whose exam has the highest primary mean, minus the drops of audits
and guards (see `better`); the reward is not used. A loss that is NaN or infinite stops the
training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cmp_to_key
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from flywheel.errors import FlywheelError
from flywheel.jobs.process import ENDINGS, Control, Emit, Ended
from flywheel.jobs.progress import Stopped
from flywheel.levers.training.exams import checkpoints
from flywheel.levers.training.exams.result import ExamResult, better
from flywheel.levers.training.exams.roles import Roles
from flywheel.levers.training.orders.order import Order

TakeExam = Callable[[int], ExamResult]


class Diverged(FlywheelError):
    """The loss or the gradient norm is NaN or infinite."""


class Watch(TrainerCallback):
    """The callback. `exams` has all exams, also those before the training was resumed.

    `ended` becomes "paused" or "cancelled" when `control` asks for it, and that step's checkpoint
    is kept. An exam interrupted by it is repeated when the training resumes.
    """

    def __init__(
        self,
        order: Order,
        roles: Roles,
        folder: Path,
        emit: Emit,
        control: Control,
        exam: TakeExam | None = None,
    ) -> None:
        """`exam` is None for a training without exams."""
        self._order = order
        self._roles = roles
        self._folder = folder
        self._emit = emit
        self._control = control
        self._exam = exam
        self._began = time.monotonic()
        self.exams: list[ExamResult] = []
        self.ended: Ended = "finished"
        last = checkpoints.newest(folder)
        if last is not None:
            self.exams = [ExamResult.from_json(one) for one in last.metrics.get("exams", ())]

    @property
    def best_step(self) -> int | None:
        """The step with the best exam so far, the earliest in a tie; None before the first."""
        return self.best_of([one.step for one in self.exams])

    def best_of(self, steps: Collection[int]) -> int | None:
        """The step with the best exam among these; None if none of them has one."""
        best: ExamResult | None = None
        for one in self.exams:
            examined = one.step and one.step in steps
            if examined and (best is None or better(one, best, self._roles)):
                best = one
        return best.step if best else None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take the exam before the first step, or the one that a stop interrupted.

        Raises Stopped, since there is nothing new to keep in a checkpoint.
        """
        self._began = time.monotonic()
        if self._is_due(state.global_step):
            self._examine(state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop and save if `control` asks for it."""
        command = self._control()
        if command != "go":
            self.ended = ENDINGS[command]
            control.should_training_stop = control.should_save = True
        elif self._is_due(state.global_step) and self._exam is not None:
            control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report the step, then take an exam if one is due, before the step is saved."""
        logs: dict[str, Any] = kwargs.get("logs") or {}
        if "loss" not in logs:
            return
        self._emit_step(state, logs)
        if self.ended == "finished" and self._is_due(state.global_step):
            try:
                self._examine(state.global_step)
            except Stopped as stop:
                self.ended = ENDINGS[stop.command]
                control.should_training_stop = control.should_save = True
                return
            if self._is_stale():
                self._emit("notice", {"text": self._why_stale()})
                control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Install the written checkpoint and prune older ones."""
        step = state.global_step
        means = self.means(step)
        exams = [one.as_json() for one in self.exams]
        kept = checkpoints.keep(self._folder, step, {"figures": means, "exams": exams})
        complete = [one.step for one in checkpoints.complete(self._folder)]
        checkpoints.prune(self._folder, self._steps_to_keep(complete))
        self._emit("checkpoint", {"step": step, "path": str(kept.path), "metrics": means})

    def means(self, step: int) -> dict[str, float | None]:
        """The mean of each grader at the exam of a step; empty without an exam."""
        taken = next((one for one in self.exams if one.step == step), None)
        return {name: taken.mean(name) for name in taken.scores} if taken else {}

    def _emit_step(self, state: Any, logs: Mapping[str, Any]) -> None:
        now = time.monotonic()
        seconds, self._began = now - self._began, now
        numbers = {k: v for k, v in logs.items() if isinstance(v, int | float)}
        bad = [k for k in ("loss", "grad_norm") if not math.isfinite(numbers.get(k, 0.0))]
        finite = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
        self._emit("step", {"step": state.global_step, "seconds": round(seconds, 4), **finite})
        if bad:
            last = checkpoints.newest(self._folder)
            kept = (
                f"the checkpoint of step {last.step} is kept" if last else "there is no checkpoint"
            )
            raise Diverged(
                f"step {state.global_step}: the {bad[0]} is {numbers[bad[0]]}: the training has"
                f" diverged; {kept}. Lower learning_rate (now"
                f" {self._order.numbers.learning_rate:g}), or raise warmup"
            )

    def _is_due(self, step: int) -> bool:
        numbers = self._order.numbers
        return step % numbers.eval_interval == 0 or step == numbers.steps

    def _examine(self, step: int) -> None:
        if self._exam is None or any(one.step == step for one in self.exams):
            return
        taken = self._exam(step)
        self.exams.append(taken)
        self._emit("exam", taken.describe())
        self._emit("exam_items", {"step": step, "items": taken.by_item()})
        self._order.config.after_exam(self._roles, self.exams, self._emit)
        # The exam's time does not count towards the next step.
        self._began = time.monotonic()

    def _is_stale(self) -> bool:
        patience, best = self._order.config.patience, self.best_step
        if patience is None or best is None:
            return False
        return sum(one.step > best for one in self.exams) >= patience

    def _why_stale(self) -> str:
        patience = self._order.config.patience
        return f"stopped early: no improvement over step {self.best_step} in {patience} exams"

    def _steps_to_keep(self, steps: Sequence[int]) -> set[int]:
        """The newest (to resume from), the best, and `keep` more: the newest, or the best."""
        count = self._order.config.keep
        kept = {max(steps), *(step for step in steps if step == self.best_step)}
        if self._order.config.keeps == "newest":
            return kept | set(sorted(steps)[-count:])
        taken = [one for one in self.exams if one.step in steps]
        taken.sort(key=cmp_to_key(self._order_of))
        return kept | {one.step for one in taken[:count]}

    def _order_of(self, a: ExamResult, b: ExamResult) -> int:
        """-1 if a is better, 1 if b is, else 0."""
        return better(b, a, self._roles) - better(a, b, self._roles)
