"""The interval plot: one row per difference, with its interval, on a common axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from flywheel.evals.decision.finding import Finding, span
from flywheel.reports.svg import Drawing
from flywheel.stats.paired import Paired
from flywheel.visible import one_line

_WIDTH = 420.0
# The height of a row whose label is beside its numbers, and of one whose label has its own line.
_ROW, _HIGH = 36.0, 52.0
_AXIS = 40.0
_EDGE = 12.0
_MOST_TICKS = 7
# The widest label in characters: beside the numbers in bold, and on its own line.
_BESIDE, _ALONE = 22, 48


@dataclass(frozen=True, slots=True)
class Row:
    """One difference. The primary grader's row is `strong`."""

    label: str
    paired: Paired | None
    finding: Finding
    strong: bool = False


def interval_plot(rows: Sequence[Row], title: str) -> str:
    """The plot as SVG. A row without an interval has only text."""
    low, high = _domain(rows)
    labels = [_elide(one_line(row.label), _ALONE) for row in rows]
    size = _HIGH if any(_columns(label) > _BESIDE for label in labels) else _ROW
    height = size * len(rows) + _AXIS
    description = ". ".join(f"{one_line(row.label)}: {span(row.paired)}" for row in rows[:20])
    drawing = Drawing((_WIDTH, height), title, description)

    def place(share: float) -> float:
        return _EDGE + (share - low) / (high - low) * (_WIDTH - 2 * _EDGE)

    foot = size * len(rows) + 6
    for tick in _ticks(low, high):
        x = place(tick)
        drawing.add("line", "zero" if tick == 0 else "grid", x1=x, x2=x, y1=4.0, y2=foot)
        label = "0" if tick == 0 else f"{100 * tick:+g}"
        drawing.add("text", "tick", label, x=x, y=foot + 13, text_anchor="middle")
    drawing.add("text", "tick", "points", x=_WIDTH - _EDGE, y=foot + 26, text_anchor="end")
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        look = "label strong" if row.strong else "label"
        drawing.add("text", look, label, x=_EDGE, y=number * size + 15)
        _draw(drawing, row, (number + 1) * size - _ROW, place)
    return drawing.markup()


def _draw(drawing: Drawing, row: Row, top: float, place: Callable[[float], float]) -> None:
    look = "label strong value" if row.strong else "label value"
    drawing.add("text", look, span(row.paired), x=_WIDTH - _EDGE, y=top + 15, text_anchor="end")
    paired = row.paired
    if paired is None or paired.low is None or paired.high is None:
        return
    kind = {"better": "better", "worse": "worse"}.get(row.finding, "open")
    if row.strong:
        kind += " strong"
    y = top + 26
    left, right, middle = place(paired.low), place(paired.high), place(paired.difference)
    drawing.add("line", f"whisker {kind}", x1=left, x2=right, y1=y, y2=y)
    for end in (left, right):
        drawing.add("line", f"whisker {kind}", x1=end, x2=end, y1=y - 4, y2=y + 4)
    # The shape repeats the colour's meaning: up is better, down is worse, a circle is neither.
    shape = {"better": "m-6 4 l6 -10 l6 10z", "worse": "m-6 -4 l6 10 l6 -10z"}.get(row.finding)
    if shape is None:
        drawing.add("circle", f"dot {kind}", cx=middle, cy=y, r=5.0 if row.strong else 4.0)
    else:
        drawing.add("path", f"dot {kind}", d=f"M{middle:.1f} {y:.1f}{shape}")


def _domain(rows: Sequence[Row]) -> tuple[float, float]:
    """The axis limits: all drawn intervals and 0, with a margin."""
    bounds = [0.0]
    for row in rows:
        paired = row.paired
        if paired is not None and paired.low is not None and paired.high is not None:
            bounds += [paired.low, paired.high]
    low, high = min(bounds), max(bounds)
    room = 0.04 * (high - low) or 0.05
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Ticks at round numbers of points."""
    rough = 100 * (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
    first, last = math.ceil(100 * low / step), math.floor(100 * high / step)
    return [round(number * step, 6) / 100 for number in range(first, last + 1)]


def _columns(text: str) -> int:
    """The width of a text; wide East Asian characters count twice."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def _elide(text: str, most: int) -> str:
    """A text truncated in the middle if it is too wide: names often differ in their last word."""
    if _columns(text) <= most:
        return text
    shorter = (
        f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
        for kept in range(min(len(text), most) - 1, -1, -1)
    )
    return next(short for short in shorter if _columns(short) <= most)
