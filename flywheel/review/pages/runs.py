"""The Runs page: the runs in the store, and the choice of two to compare."""

from __future__ import annotations

import streamlit as st

from flywheel.evals.results.results import Result
from flywheel.review.data import Review
from flywheel.review.pages.charts import interval_text
from flywheel.review.pages.chosen import PAGES, baseline, choose, the_review, who
from flywheel.review.pages.text import plain, table
from flywheel.stats.intervals import Interval
from flywheel.visible import visible


def show() -> None:
    """The table of runs, and the choice of two."""
    st.header("Runs")
    review = the_review()
    lines = review.runs()
    if not lines:
        st.info(
            "This store has no runs yet. Stop the review (Ctrl-C) and measure a baseline first:"
        )
        st.code("flywheel baseline ticket_triage -m tiny", language=None)
        plain(f"store: {review.store.path}")
        return
    table([_row(line) for line in lines])
    st.caption("Means of the primary grader with 95% intervals, newest runs first.")
    if len(lines) == 1:
        st.info("To compare, measure another prompt or model on the same evalset:")
        st.code("flywheel eval EVALSET -m MODEL --prompt FILE", language=None)
        return
    _choose(review, lines)


def _choose(review: Review, lines: list[Result]) -> None:
    by_name = {line.run.run: line for line in lines}
    st.subheader("Choose two runs")
    first, second = st.columns(2)
    with first:
        base = _pick("Baseline", by_name, baseline() or _default(lines))
    offers = review.offers(base)
    comparable = {line.run.run: line for line in offers.runs}
    with second:
        if comparable:
            chosen = st.session_state.get("candidate")
            candidate = _pick("Candidate", comparable, chosen or offers.runs[0].run.run)
            choose(baseline=base, candidate=candidate)
        else:
            st.info("No other run can be compared with this one.")
    if comparable:
        _go()
    if offers.refused:
        with st.expander(f"{len(offers.refused):d} runs cannot be compared with it"):
            for why in offers.refused.values():
                plain(why)


def _go() -> None:
    name = st.text_input("Your name, kept with each of your votes", value=who(), max_chars=80)
    if name and name.strip() and name != who():
        choose(who=name.strip())
    with st.container(horizontal=True):
        if st.button("Compare", icon=":material/compare_arrows:"):
            st.switch_page(PAGES["compare"])
        if st.button("Judge blind", icon=":material/balance:"):
            st.switch_page(PAGES["judge"])


def _pick(label: str, lines: dict[str, Result], default: str) -> str:
    names = list(lines)
    index = names.index(default) if default in lines else 0
    chosen = st.selectbox(label, names, index=index, format_func=lambda name: _title(lines[name]))
    return chosen or names[index]


def _default(lines: list[Result]) -> str:
    """The newest baseline, else the oldest run."""
    rows = [line.run for line in lines]
    return next((row.run for row in rows if row.kind == "baseline"), rows[-1].run)


def _mean(line: Result) -> Interval | None:
    return line.primary and line.primary.interval


def _title(line: Result) -> str:
    row, mean = line.run, _mean(line)
    shown = "-" if mean is None else f"{mean.mean:.3f}"
    return visible(f"{row.run}  {row.model[-30:]}  prompt {row.prompt_digest[:8]}  {shown}")


def _row(line: Result) -> dict[str, object]:
    row = line.run
    return {
        "run": row.run,
        "model": row.model[-40:],
        "prompt": row.prompt_digest[:8],
        "mean [95%]": interval_text(_mean(line)),
        "n": line.n,
        "ungraded": line.ungraded,
        "status": line.status or "unknown",
        "kind": row.kind,
        "evalset": row.evalset,
        "split": row.split,
        "begun": f"{row.created:%Y-%m-%d %H:%M}",
    }


show()
