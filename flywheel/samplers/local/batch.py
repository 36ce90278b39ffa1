# pyright: standard
"""Rows into batches: sorted by length, bounded in rows and in tokens, smaller when memory is short.

The longest come first, so that a batch that does not fit shows at once. Out of memory halves the
number of rows, for the rest of the work too, and what was unfinished is done again; a row that does
not fit alone is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flywheel.errors import is_out_of_memory
from flywheel.samplers.local.decode import Row


def run_batches(
    rows: Sequence[Row],
    limits: tuple[int, int],
    work: Callable[[list[Row]], None],
    fail: Callable[[Row, str], None],
    stopped: Callable[[], bool],
) -> None:
    """Give all rows to `work` in batches. `limits` are the most rows and tokens in one.

    `work` marks what it has done. Rows of a batch that raises go to `fail` with the story, unless
    it was for want of memory and there is more than one.
    """
    most, tokens = limits
    waiting = sorted(rows, key=_length)
    while waiting and not stopped():
        batch = _take(waiting, most, tokens)
        try:
            work(batch)
        except Exception as error:
            left = [row for row in batch if not row.done]
            # The story only: the traceback would keep the tensors of the failed batch alive.
            short, story = is_out_of_memory(error), f"the model failed: {_say(error)}"
            error.__traceback__ = None
        else:
            continue
        if short and len(batch) > 1:
            _free_memory()
            most = max(1, len(batch) // 2)
            waiting += reversed(left)
            continue
        for row in left:
            fail(row, "the prompt does not fit into the memory" if short else story)


def _length(row: Row) -> int:
    """The tokens that a row may come to hold: options are copies of the prompt's cache."""
    if row.texts:
        return len(row.texts) * (len(row.ids) + max(len(text) for text in row.texts))
    return len(row.ids) + row.longest


def _take(waiting: list[Row], most: int, tokens: int) -> list[Row]:
    """The longest rows that fit together, off the end of the list."""
    longest = _length(waiting[-1])
    count = max(1, min(most, tokens // max(1, longest), len(waiting)))
    batch = waiting[-count:][::-1]
    del waiting[-count:]
    return batch


def _free_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _say(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
