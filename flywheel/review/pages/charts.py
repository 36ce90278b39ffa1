"""Interval charts: a line from low to high, a point at the mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import streamlit as st

from flywheel.stats.intervals import Interval

_ROW, _AXIS = 36, 84  # pixels
# Visible on a white and on a black page; Vega's default for rules is black on both.
MARK, LINE = "#3b82c4", "#8d8d8d"
# Vega measures text before the page's font has loaded, so labels can be wider than it assumes.
_ROOM = {"left": 10, "right": 14, "top": 8, "bottom": 16}  # pixels
# Without a format Vega writes the only tick of an axis as 2.500000.
NUMBER, STEP = ",.6~r", ",d"


def draw(chart: Any, height: int, alt_text: str) -> None:
    """Show a chart with room for its labels."""
    roomy = chart.properties(height=height, padding=_ROOM)
    # Streamlit moves the first and the last label of an axis inwards, away from their ticks.
    whole = roomy.configure_axis(labelFlush=False)
    st.altair_chart(whole, width="stretch", alt=alt_text)


def intervals(title: str, means: Mapping[str, Interval | None], mark: float | None = None) -> None:
    """One row per mean, and a dashed line at `mark`.

    Vega may interpret names and title, so neither may come from a user.
    """
    rows = [
        {"name": name, **mean._asdict(), "text": interval_text(mean)}
        for name, mean in means.items()
        if mean
    ]
    if not rows:
        st.caption("No item was graded in both runs.")
        return
    x: dict[str, Any] = {
        "title": title,
        "scale": alt.Scale(zero=False, padding=12),
        "axis": alt.Axis(tickCount=6, format=NUMBER),
    }
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y(
            "name:N", title=None, sort=list(means), axis=alt.Axis(labelLimit=160, labelPadding=8)
        ),
        tooltip=[alt.Tooltip("name:N"), alt.Tooltip("text:N", title="mean, 95% interval")],
    )
    bounded = base.transform_filter("isValid(datum.low)")
    rule = bounded.mark_rule(strokeWidth=3, color=MARK).encode(x=alt.X("low:Q", **x), x2="high:Q")
    point = base.mark_point(filled=True, size=110, opacity=1, color=MARK).encode(
        x=alt.X("mean:Q", **x)
    )
    layers = [rule, point]
    if mark is not None:
        line = alt.Chart(alt.Data(values=[{"at": mark}])).mark_rule(strokeDash=[4, 4], color=LINE)
        layers.insert(0, line.encode(x=alt.X("at:Q", **x)))
    shown = "; ".join(f"{row['name']} {row['text']}" for row in rows)
    draw(alt.layer(*layers), _ROW * len(rows) + _AXIS, shown)


def interval_text(mean: Interval | None, sign: bool = False) -> str:
    """A mean with its interval as text: 0.455 [0.387, 0.524]."""
    if mean is None:
        return "-"
    form = "+.3f" if sign else ".3f"
    if mean.low is None or mean.high is None:
        return f"{mean.mean:{form}} [unknown]"
    return f"{mean.mean:{form}} [{mean.low:{form}}, {mean.high:{form}}]"
