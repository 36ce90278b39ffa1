"""A budget: how many samples may be taken, and how many dollars may be spent, by one run."""

from __future__ import annotations

from collections.abc import Callable

from flywheel.errors import FlywheelError


class BudgetSpent(FlywheelError):
    """The run reached its budget. What is answered is kept, and the run can be resumed."""


class Budget:
    """Counts what is asked, and stops at the limit. Answers from the cache are not counted.

    At most `samples` are asked. The dollars are checked at each answer of a model, so those that
    are asked already may exceed `cost` by what they take; `affordable` keeps those few.
    """

    def __init__(self, samples: int | None, cost: float | None, spent: Callable[[], float]) -> None:
        """`spent` says the dollars so far. It is called only where there is a `cost`."""
        self._samples, self._cost, self._spent = samples, cost, spent
        self._asked = 0

    def allowed(self, wanted: int) -> int:
        """How many of the wanted samples may be asked; they count from now on."""
        allowed = wanted if self._samples is None else min(wanted, self._samples - self._asked)
        self._asked += allowed
        return allowed

    def affordable(self, done: int, most: int) -> int:
        """How many samples to take next, `most` without a limit in dollars. Raises BudgetSpent.

        What is left pays for them if each takes what the `done` ones took on average. They are at
        most twice as many, since the first ones may be cheap.
        """
        if self._cost is None:
            return most
        self.check()
        spent = self._spent()
        paid = int((self._cost - spent) * done / spent) if spent else most
        return max(1, min(most, paid, 2 * done))

    def check(self, *, is_complete: bool = True) -> None:
        """Raise BudgetSpent when the dollars are spent, or when samples were left out."""
        if self._cost is not None:
            spent = self._spent()
            if spent and spent >= self._cost:
                raise BudgetSpent(f"${spent:.4f} of max_cost ${self._cost:g} is spent")
        if not is_complete:
            raise BudgetSpent(f"max_samples {self._samples} is reached")
