"""A progress bar on standard error, if that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from flywheel.visible import one_line

if TYPE_CHECKING:
    from rich.progress import Task

Advance = Callable[[int], None]
Cost = Callable[[], float | None]


@contextmanager
def progress(
    what: str, total: int, unit: str = "samples", cost: Cost = lambda: None
) -> Generator[Advance]:
    """Show progress, rate, time left and cost. Yields the function that advances the bar.

    Prints nothing if standard error is not a terminal. `cost` is in US dollars, None if unknown.
    The rate ignores the first advance, which counts the work done before the start.
    """
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    with open_bar(what, total, lambda task: pace(task.speed, unit, cost())) as update:
        yield lambda count: update(advance=count)


@contextmanager
def open_bar(
    what: str, total: int | None, last: Callable[[Task], str]
) -> Generator[Callable[..., None]]:
    """A bar on a terminal, followed by the text of `last`. Yields rich's `update` for it."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Last(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(last(task))

    columns = (
        TextColumn(one_line(what), markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        Last(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield partial(bar.update, task)


def pace(rate: float | None, unit: str, cost: float | None) -> str:
    """The rate and the cost so far as text; an unknown one is left out."""
    parts: list[str] = []
    if rate is not None:
        parts.append(f"{rate:,.{0 if rate >= 10 else 1}f} {unit}/s")
    if cost is not None:
        parts.append(f"${cost:.4f}")
    return "  ".join(parts)
