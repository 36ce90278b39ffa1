"""Runs: what was measured, and the two to look at."""

from __future__ import annotations

import streamlit as st

from flywheel.review.data import Review
from flywheel.review.pages.charts import told
from flywheel.review.pages.chosen import PAGES, baseline, choose, the_review, who
from flywheel.review.pages.text import plain, table
from flywheel.review.rows import Mean, RunLine
from flywheel.visible import visible


def show() -> None:
    """The table of runs, and the choice of two."""
    st.header("Runs")
    review = the_review()
    lines = review.runs()
    if not lines:
        st.info(
            "This store has no runs yet. Stop the review (Ctrl-C), measure something, come back:"
        )
        st.code("flywheel baseline ticket_triage -m tiny", language=None)
        plain(f"store: {review.store.path}")
        return
    table([_row(line) for line in lines])
    st.caption("Means of the primary grader, each with its 95% interval. The newest runs first.")
    if len(lines) == 1:
        st.info("One run alone. Measure another prompt or model on the same evalset to compare:")
        st.code("flywheel eval EVALSET -m MODEL --prompt FILE", language=None)
        return
    _choose(review, lines)


def _choose(review: Review, lines: list[RunLine]) -> None:
    by_name = {line.run: line for line in lines}
    st.subheader("Look at two of them")
    first, second = st.columns(2)
    with first:
        base = _pick("Baseline", by_name, baseline() or _default(lines))
    offers = review.offers(base)
    comparable = {line.run: line for line in offers.runs}
    with second:
        if comparable:
            chosen = st.session_state.get("candidate")
            candidate = _pick("Candidate", comparable, chosen or offers.runs[0].run)
            choose(baseline=base, candidate=candidate)
        else:
            st.info("No other run measures the same thing as this one.")
    if comparable:
        _go()
    if offers.refused:
        with st.expander(
            f"{len(offers.refused):d} not offered: they do not measure the same thing"
        ):
            for refused in offers.refused:
                plain(refused.why)


def _go() -> None:
    name = st.text_input("Your name, kept with each of your votes", value=who(), max_chars=80)
    if name and name.strip() and name != who():
        choose(who=name.strip())
    with st.container(horizontal=True):
        if st.button("Compare", icon=":material/compare_arrows:"):
            st.switch_page(PAGES["compare"])
        if st.button("Judge blind", icon=":material/balance:"):
            st.switch_page(PAGES["judge"])


def _pick(label: str, lines: dict[str, RunLine], default: str) -> str:
    names = list(lines)
    index = names.index(default) if default in lines else 0
    found = st.selectbox(label, names, index=index, format_func=lambda name: _title(lines[name]))
    return found or names[index]


def _default(lines: list[RunLine]) -> str:
    """The newest baseline, else the oldest run."""
    return next((line.run for line in lines if line.kind == "baseline"), lines[-1].run)


def _title(line: RunLine) -> str:
    mean = "-" if line.mean is None else f"{line.mean:.3f}"
    return visible(f"{line.run}  {line.model[-30:]}  prompt {line.prompt}  {mean}")


def _row(line: RunLine) -> dict[str, object]:
    mean = None if line.mean is None else Mean(line.mean, line.low, line.high)
    return {
        "run": line.run,
        "model": line.model[-40:],
        "prompt": line.prompt,
        "mean [95%]": told(mean),
        "n": line.n,
        "ungraded": line.ungraded,
        "status": line.status,
        "kind": line.kind,
        "evalset": line.evalset,
        "split": line.split,
        "begun": f"{line.created:%Y-%m-%d %H:%M}",
    }


show()
