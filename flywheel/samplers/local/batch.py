# pyright: standard
"""Rows into batches: sorted by length, bounded in rows and in tokens, smaller when memory is short.

The longest come first, so that a batch that does not fit shows at once. Rows that arrive meanwhile
join the batch that runs as soon as there is room, ahead of those that wait; those that wait join it
when half of it is free. Only rows of one adapter are in a batch. Out of memory halves the number of
rows, for the rest of the work too, and what was unfinished is done again; a row that does not fit
alone is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flywheel.errors import is_out_of_memory
from flywheel.samplers.local.decode import Admit, Row


class Batches:
    """Gives rows to `work` in batches. `limits` are the most rows and tokens in one.

    `work` marks what it has done, and adds to its list the rows that it admits. Rows of a batch
    that raises go to `fail` with the reason, unless it was for want of memory and there is more
    than one. `arrivals` gives the rows that came meanwhile. Cancelled rows are passed over.
    """

    def __init__(
        self,
        limits: tuple[int, int],
        work: Callable[[list[Row], Admit], None],
        fail: Callable[[Row, str], None],
        arrivals: Callable[[], Sequence[Row]] = tuple,
    ) -> None:
        self._most, self._tokens = limits
        self._work, self._fail, self._arrivals = work, fail, arrivals
        self._waiting: list[Row] = []
        self._arrived: list[Row] = []

    def run(self, rows: Sequence[Row]) -> None:
        """Do all rows, and those that arrive meanwhile."""
        self._waiting = sorted(rows, key=_length)
        while batch := self._next():
            try:
                self._work(batch, self._admit)
            except Exception as error:
                left = [row for row in batch if not (row.done or row.cancelled)]
                # The story only: the traceback would keep the tensors of the failed batch alive.
                short, story = is_out_of_memory(error), f"the model failed: {_say(error)}"
                error.__traceback__ = None
            else:
                continue
            if short and len(batch) > 1:
                _free_memory()
                self._most = max(1, len(batch) // 2)
                self._waiting += reversed(left)
                continue
            for row in left:
                self._fail(row, "the prompt does not fit into the memory" if short else story)

    def _next(self) -> list[Row]:
        """The longest rows that fit together; none when all is done."""
        self._look()
        return self._take(self._arrived or self._waiting, [])

    def _admit(self, alive: Sequence[Row]) -> list[Row]:
        """The rows that join those that are alive now."""
        self._look()
        joining = self._take(self._arrived, alive) if self._arrived else []
        if self._waiting and len(alive) + len(joining) <= self._most // 2:
            joining += self._take(self._waiting, [*alive, *joining])
        return joining

    def _look(self) -> None:
        """See which rows arrived. The oldest are at the end, where rows are taken first."""
        self._arrived[:0] = reversed(self._arrivals())

    def _take(self, waiting: list[Row], beside: Sequence[Row]) -> list[Row]:
        """Take rows off the end of the list that fit beside these, all of one adapter."""
        taken, passed = list[Row](), list[Row]()
        longest = max(map(_length, beside), default=0)
        for row in reversed(waiting):
            first = (*beside, *taken, row)[0]
            if row.cancelled:
                passed.append(row)
                continue
            count, longest = len(beside) + len(taken) + 1, max(longest, _length(row))
            if count > 1 and (count > self._most or count * longest > self._tokens):
                break
            if row.adapter == first.adapter:
                taken.append(row)
        gone = set(map(id, (*taken, *passed)))
        waiting[:] = [row for row in waiting if id(row) not in gone]
        return taken


def _length(row: Row) -> int:
    """The tokens that a row may come to hold: options are copies of the prompt's cache."""
    if row.texts:
        return len(row.texts) * (len(row.ids) + max(len(text) for text in row.texts))
    return len(row.ids) + row.longest


def _free_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _say(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
