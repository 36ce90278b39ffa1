"""Curves over training steps: exam scores, and logged values such as the loss.

Names in them may come from users; Vega draws them as text and interprets nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from flywheel.review.pages.charts import LINE, MARK, NUMBER, STEP, draw
from flywheel.review.rows import Curve, Point, Series
from flywheel.visible import one_line

_HEIGHT, _SMALL = 440, 170  # pixels
_BESIDE = 0.006  # of the width: horizontal offset between the intervals of one exam
_NAME = 60
# Visible on white and on black. Several graders with one role cycle through its shades.
COLOURS: Mapping[str, tuple[str, ...]] = {
    "reward": ("#e4572e",),
    "audit": ("#3b82c4", "#7b61c9", "#14909f"),
    "primary": ("#2e9e5b",),
    "guard": ("#8d8d8d", "#b08d57"),
    "grader": ("#3b82c4", "#e4572e", "#2e9e5b", "#7b61c9", "#8d8d8d", "#b08d57"),
}
_SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")


def exam_curves(curves: Sequence[Curve], title: str, *, change: bool) -> None:
    """One line per curve, with the interval of each point.

    A change is drawn in percent of the grader's range, around a zero line.
    """
    labels = _labels(curves)
    rows = _rows(curves, labels, 100.0 if change else 1.0, "+.1f" if change else ".3f")
    key = alt.Legend(
        orient="bottom",
        columns=1,
        title=None,
        labelLimit=0,
        symbolSize=110,
        symbolOpacity=1,
        offset=4,
    )
    colour = alt.Color("name:N", scale=alt.Scale(domain=labels, range=_colours(curves)), legend=key)
    shape = alt.Shape(
        "name:N",
        scale=alt.Scale(domain=labels, range=[_SHAPES[i % 6] for i in range(len(labels))]),
        legend=key,
    )
    x = alt.X(
        "at:Q",
        title="step",
        scale=alt.Scale(zero=False, nice=False, padding=12),
        axis=alt.Axis(tickCount=6, tickMinStep=1, format=STEP, grid=False),
    )
    # Without padding, intervals end at the frame and look truncated.
    scale = alt.Scale(zero=False, padding=8)
    y = alt.Y("mean:Q", title=title, scale=scale, axis=alt.Axis(format=NUMBER))
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, color=colour)
    rule = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=1.5)
    layers: list[Any] = [
        rule.encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_line(strokeWidth=2.5).encode(y=y),
        base.mark_point(filled=True, size=75, opacity=1).encode(
            y=y,
            shape=shape,
            tooltip=[
                alt.Tooltip("name:N"),
                alt.Tooltip("step:Q"),
                alt.Tooltip("text:N", title="95% interval" if change else "mean"),
                alt.Tooltip("n:Q", title="items"),
            ],
        ),
    ]
    if change:
        zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(color=LINE, strokeWidth=1.5)
        layers.insert(0, zero.encode(y=alt.Y("zero:Q", title=title)))
    height = _HEIGHT + 22 * len(labels)
    last = "; ".join(f"{row['name']} {row['text']}" for row in rows if row["last"])
    draw(alt.layer(*layers), height, f"{title} by step, at the last exam: {last}")


def series_chart(series: Series) -> None:
    """A small chart of one logged value by step."""
    values = [{"step": step, "value": value} for step, value in series.values]
    point = alt.OverlayMarkDef(color=MARK) if len(values) < 30 else False
    chart = (
        alt.Chart(alt.Data(values=values))
        .mark_line(strokeWidth=1.5, color=MARK, point=point)
        .encode(
            x=alt.X(
                "step:Q",
                scale=alt.Scale(zero=False, nice=False, padding=6),
                axis=alt.Axis(tickCount=5, tickMinStep=1, format=STEP, grid=False),
            ),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(zero=False, padding=6),
                axis=alt.Axis(tickCount=4, format=NUMBER),
            ),
            tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("value:Q", format=".4g")],
        )
    )
    alt_text = f"{series.name} by step, {values[0]['value']:.4g} to {values[-1]['value']:.4g}"
    draw(chart, _SMALL, alt_text)


def point_text(point: Point, times: float = 100.0, form: str = "+.1f") -> str:
    """A point with its interval as text: +12.0 [+8.1, +15.9]."""
    mean, low, high = point.mean
    text = f"{mean * times:{form}}"
    if low is None or high is None:
        return text
    return f"{text} [{low * times:{form}}, {high * times:{form}}]"


def title_of(curve: Curve) -> str:
    """A curve's name with its roles: `reward: category, order_id` or `exact (audit, primary)`."""
    name = one_line(curve.name, _NAME)
    if curve.role == "reward":
        also = f" (also {', '.join(curve.also)})" if curve.also else ""
        return f"reward: {name}{also}"
    roles = (curve.role, *curve.also)
    return name if curve.role == "grader" else f"{name} ({', '.join(roles)})"


def _labels(curves: Sequence[Curve]) -> list[str]:
    """The curves' titles, numbered where two are the same after truncation."""
    labels: list[str] = []
    for curve in curves:
        label = title_of(curve)
        labels.append(label if label not in labels else f"{label} #{len(labels) + 1}")
    return labels


def _colours(curves: Sequence[Curve]) -> list[str]:
    seen: dict[str, int] = {}
    colours: list[str] = []
    for curve in curves:
        shades = COLOURS[curve.role]
        colours.append(shades[seen.get(curve.role, 0) % len(shades)])
        seen[curve.role] = seen.get(curve.role, 0) + 1
    return colours


def _rows(
    curves: Sequence[Curve], labels: Sequence[str], times: float, form: str
) -> list[dict[str, Any]]:
    steps = [point.step for curve in curves for point in curve.points]
    beside = _BESIDE * (max(steps) - min(steps)) if steps else 0.0
    middle = (len(curves) - 1) / 2
    return [
        {
            "name": label,
            "step": point.step,
            "at": point.step + (number - middle) * beside,
            "mean": point.mean.mean * times,
            "low": None if point.mean.low is None else point.mean.low * times,
            "high": None if point.mean.high is None else point.mean.high * times,
            "text": point_text(point, times, form),
            "n": point.n,
            "last": point is curve.points[-1],
        }
        for number, (label, curve) in enumerate(zip(labels, curves, strict=True))
        for point in curve.points
    ]
