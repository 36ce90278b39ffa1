"""The Compare page: a candidate against the baseline, with intervals, and the changed items."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from flywheel.evals.decision.compare import GraderComparison
from flywheel.evals.decision.decide import p_of
from flywheel.evals.decision.finding import Finding, finding_of
from flywheel.review.data import Review, Which
from flywheel.review.pages.charts import interval_text, intervals
from flywheel.review.pages.chosen import Two, the_review, two
from flywheel.review.pages.text import answer, fields, plain, table
from flywheel.review.rows import Change, Compared, Verdict
from flywheel.stats.intervals import Interval, mean_interval
from flywheel.stats.paired import Paired
from flywheel.visible import visible

_PAGE = 5
_VERDICTS: Mapping[Finding, str] = {
    "better": "The candidate scores higher.",
    "worse": "The candidate scores lower.",
    "not shown": "No significant difference.",
    "too few": "Too few items were graded in both runs for a conclusion.",
}


def show() -> None:
    """Scores first, then the changed items."""
    st.header("Compare")
    chosen = two()
    if chosen is None:
        return
    review = the_review()
    compared = review.compared(*chosen)
    _scores(compared)
    _prompts(compared)
    st.subheader("Graders")
    table([_grader(line) for line in compared.graders])
    st.caption("Differences are candidate minus baseline, over the items graded in both runs.")
    _slices(compared)
    _changes(review, chosen, compared)


def _scores(compared: Compared) -> None:
    primary = compared.graders[0]
    plain(f"baseline   {compared.baseline.run}   {compared.baseline.model}")
    plain(f"candidate  {compared.candidate.run}   {compared.candidate.model}")
    left, right = st.columns(2)
    with left:
        sides = zip(("baseline", "candidate"), _means(primary), strict=True)
        intervals("mean score, 95% interval", dict(sides))
    with right:
        intervals("candidate minus baseline", {"difference": _gap(primary.paired)}, mark=0.0)
    st.markdown(f"**{_VERDICTS[finding_of(primary)]}**")
    for sentence in compared.floor:
        plain(sentence)
    plain(
        f"By {primary.grader}, on {_items(_count(primary))} graded in both runs:"
        f" {interval_text(_gap(primary.paired), sign=True)},"
        f" p {p_of(primary.paired.p if primary.paired else None)}. {_smallest(primary)}"
    )


def _prompts(compared: Compared) -> None:
    before, after = compared.prompts
    if before == after:
        st.caption("Both runs have the same prompt.")
        return
    with st.expander("The prompts differ"):
        left, right = st.columns(2)
        with left:
            st.markdown("**Baseline**")
            answer(before)
        with right:
            st.markdown("**Candidate**")
            answer(after)


def _items(n: int) -> str:
    return "1 item" if n == 1 else f"{n:,} items"


def _count(line: GraderComparison) -> int:
    return line.paired.n if line.paired else 0


def _gap(paired: Paired | None) -> Interval | None:
    return paired and Interval(paired.difference, paired.low, paired.high)


def _means(line: GraderComparison) -> list[Interval | None]:
    """The means of both runs, over the items graded in both."""
    pairs = line.pairs
    return [
        mean_interval(side, pairs.clusters, range_=pairs.range_)
        for side in (pairs.baseline, pairs.candidate)
    ]


def _smallest(line: GraderComparison) -> str:
    if line.mde is None:
        return ""
    return f"{_items(_count(line))} detect a difference of {line.mde:.3f} with 80% power."


def _grader(line: GraderComparison) -> dict[str, object]:
    before, after = line.pairs.sides
    baseline, candidate = _means(line)
    return {
        "grader": line.grader,
        "role": line.role,
        "difference [95%]": interval_text(_gap(line.paired), sign=True),
        "p": p_of(line.paired.p if line.paired else None),
        "baseline [95%]": interval_text(baseline),
        "candidate [95%]": interval_text(candidate),
        "fixed": line.fixed,
        "broken": line.broken,
        "n": _count(line),
        "ungraded": f"{before.ungraded} / {after.ungraded}",
    }


def _slices(compared: Compared) -> None:
    if not compared.slices:
        return
    st.subheader("Slices")
    rows = [
        {
            "slice": part.tag,
            "n": part.paired.n,
            "difference [95%]": interval_text(_gap(part.paired), sign=True),
            "p, adjusted": p_of(part.adjusted),
        }
        for part in compared.slices
    ]
    table(rows)
    st.caption(
        f"p is adjusted for {len(rows):d} slices (Holm). The intervals are not: with many slices,"
        " some miss the true difference by chance."
    )


def _changes(review: Review, chosen: Two, compared: Compared) -> None:
    st.subheader("Items that changed")
    lines = {line.grader: line for line in compared.graders}
    first, second = st.columns(2)
    with first:
        grader = st.selectbox("By grader", list(lines), format_func=visible) or next(iter(lines))
    counts: dict[Which, int] = {"broken": lines[grader].broken, "fixed": lines[grader].fixed}
    with second:
        which: Which = st.segmented_control(
            "Which",
            list(counts),
            default="broken" if counts["broken"] else "fixed",
            required=True,
            format_func=lambda name: f"{name} ({counts[name]:d})",
        )
    if not counts[which]:
        st.info(f"No items were {which}.")
        return
    pages = -(-counts[which] // _PAGE)
    page = st.pagination(pages, key=f"page-{which}-{list(lines).index(grader)}") if pages > 1 else 1
    for change in review.changes(*chosen, grader, which, page - 1, _PAGE):
        _change(change)


def _change(change: Change) -> None:
    with st.container(border=True):
        repeat = f"  repeat {change.repeat}" if change.repeat else ""
        plain(f"{change.id}{repeat}")
        with st.expander("The item", expanded=False):
            fields(change.asked)
        for column, name, side in zip(
            st.columns(2),
            ("Baseline", "Candidate"),
            (change.baseline, change.candidate),
            strict=True,
        ):
            with column:
                st.markdown(f"**{name}**")
                _side(side)


def _side(side: Verdict | None) -> None:
    if side is None:
        st.caption("no answer")
        return
    if side.error:
        plain(f"ungraded: {side.error}")
    elif side.score is not None:
        plain(f"score {side.score:.3f}")
    answer(side.text)
    if side.reason:
        plain(side.reason)


show()
