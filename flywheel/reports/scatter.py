"""The paired scatter plot: each item's baseline mean against its candidate mean.

Wins are above the diagonal, losses below it, ties on it. If scores have few levels, such as pass
and fail, points are jittered, by less than half the distance between levels. The same runs give the
same picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flywheel.reports.svg import Drawing
from flywheel.stats.arrays import is_pass_fail
from flywheel.stats.paired import Paired

if TYPE_CHECKING:
    from flywheel.evals.decision.pairs import Pairs
    from flywheel.stats.arrays import Floats

MOST_POINTS = 2000
_SIDE = 300.0
_LEFT, _TOP = 44.0, 30.0
_WIDTH, _HEIGHT = _LEFT + _SIDE + 12, _TOP + _SIDE + 42
# Scores with more levels are not jittered.
_FEW = 12
_MARKS = {"won": "m-3.5 2.5l3.5 -6 3.5 6z", "lost": "m-3.5 -2.5l3.5 6 3.5 -6z", "tied": "h0"}


def scatter(pairs: Pairs, paired: Paired, seed: int) -> str:
    """The plot as SVG: all items, or MOST_POINTS of them chosen with the seed."""
    random = np.random.default_rng(seed)
    before, after = pairs.baseline, pairs.candidate
    if before.size > MOST_POINTS:
        kept = np.sort(random.choice(before.size, MOST_POINTS, replace=False))
        before, after = before[kept], after[kept]
    kinds = np.sign(after - before)
    low, high, reach = _frame(pairs.baseline, pairs.candidate)
    spread = random.uniform(-reach, reach, size=(2, before.size))
    room = reach + 0.03 * (high - low)
    scale = _SIDE / (high - low + 2 * room)
    x = _LEFT + (before + spread[0] - low + room) * scale
    y = _TOP + _SIDE - (after + spread[1] - low + room) * scale

    counts = f"{paired.wins} items won, {paired.losses} lost, {paired.ties} tied"
    title = f"Baseline against candidate, item by item: {counts}"
    drawing = Drawing((_WIDTH, _HEIGHT), title, counts)
    drawing.add("rect", "frame", x=_LEFT, y=_TOP, width=_SIDE, height=_SIDE)
    right, foot = _LEFT + _SIDE, _TOP + _SIDE
    drawing.add("line", "diagonal", x1=_LEFT, y1=foot, x2=right, y2=_TOP)
    for sign, kind in ((0, "tied"), (1, "won"), (-1, "lost")):
        mark = _MARKS[kind]
        chosen = np.flatnonzero(kinds == sign)
        if chosen.size:
            path = "".join(f"M{x[i]:.1f} {y[i]:.1f}{mark}" for i in chosen)
            drawing.add("path", f"point {kind}", d=path)
    _write(drawing, pairs, paired, (low, high, room, scale))
    return drawing.markup()


def _frame(before: Floats, after: Floats) -> tuple[float, float, float]:
    """The range of the scores, and the largest jitter."""
    low = min(0.0, float(before.min()), float(after.min()))
    high = max(1.0, float(before.max()), float(after.max()))
    levels = np.unique(np.concatenate([before, after]))
    if levels.size > _FEW or levels.size < 2:
        return low, high, 0.0 if levels.size > 1 else 0.1
    # At half the distance to the next level, a win could be drawn below the diagonal.
    return low, high, min(0.12, 0.3 * float(np.diff(levels).min()))


def _write(
    drawing: Drawing, pairs: Pairs, paired: Paired, frame: tuple[float, float, float, float]
) -> None:
    """Draw the counts in the corners, and the ticks and labels of the axes."""
    right, foot = _LEFT + _SIDE, _TOP + _SIDE
    above, below = (f"{paired.ties:,} tied", "")
    if is_pass_fail(pairs.baseline) and is_pass_fail(pairs.candidate):
        both = int((pairs.baseline + pairs.candidate == 2).sum())
        above, below = f"{both:,} passed both", f"{paired.ties - both:,} passed neither"
    drawing.add("text", "count won", f"▲ {paired.wins:,} won", x=_LEFT, y=_TOP - 9)
    drawing.add("text", "count", above, x=right, y=_TOP - 9, text_anchor="end")
    drawing.add("text", "count", below, x=_LEFT, y=foot + 34)
    lost = f"▼ {paired.losses:,} lost"
    drawing.add("text", "count lost", lost, x=right, y=foot + 34, text_anchor="end")
    low, high, room, scale = frame
    for level in (low, high):
        away = (level - low + room) * scale
        drawing.add("text", "tick", f"{level:g}", x=_LEFT + away, y=foot + 15, text_anchor="middle")
        drawing.add("text", "tick", f"{level:g}", x=_LEFT - 6, y=foot - away + 4, text_anchor="end")
    middle = _TOP + _SIDE / 2
    drawing.add("text", "tick", "baseline", x=_LEFT + _SIDE / 2, y=foot + 15, text_anchor="middle")
    drawing.add(
        "text",
        "tick",
        "candidate",
        x=_LEFT - 14,
        y=middle,
        text_anchor="middle",
        transform=f"rotate(-90 {_LEFT - 14:g} {middle:g})",
    )
