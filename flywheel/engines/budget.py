"""A budget: the samples that one run may take, and the dollars that it may spend."""

from __future__ import annotations

from collections.abc import Callable

from flywheel.errors import FlywheelError


class BudgetSpent(FlywheelError):
    """The run reached its budget. Its answers are kept, and it can be resumed."""


class Budget:
    """Counts samples and stops at the limit. Cached answers are not counted.

    At most `samples` are taken. The cost is checked after each answer, so requests in flight may
    exceed `cost`; `affordable` keeps their number low.
    """

    def __init__(self, samples: int | None, cost: float | None, spent: Callable[[], float]) -> None:
        """`spent` returns the dollars so far. It is called only if `cost` is set."""
        self._samples, self._cost, self._spent = samples, cost, spent
        self._asked = 0

    def allowed(self, wanted: int) -> int:
        """How many of the wanted samples may be taken; they are counted immediately."""
        allowed = wanted if self._samples is None else min(wanted, self._samples - self._asked)
        self._asked += allowed
        return allowed

    def affordable(self, done: int, most: int) -> int:
        """How many samples to take next, `most` without a limit in dollars. Raises BudgetSpent.

        The remaining budget pays for them at the average cost of the `done` ones. Returns at most
        twice `done`, since the first ones may be cheap.
        """
        if self._cost is None:
            return most
        self.check()
        spent = self._spent()
        paid = int((self._cost - spent) * done / spent) if spent else most
        return max(1, min(most, paid, 2 * done))

    def check(self, *, is_complete: bool = True) -> None:
        """Raise BudgetSpent if the dollars are spent, or if samples were refused."""
        if self._cost is not None:
            spent = self._spent()
            if spent and spent >= self._cost:
                raise BudgetSpent(f"${spent:.4f} of max_cost ${self._cost:g} is spent")
        if not is_complete:
            raise BudgetSpent(f"max_samples {self._samples} is reached")
