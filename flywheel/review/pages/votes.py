"""Votes: what people said once they are through. Whoever looks earlier is told what it costs."""

from __future__ import annotations

import streamlit as st

from flywheel.review.pages.charts import intervals, told
from flywheel.review.pages.chosen import PAGES, Two, the_review, two, who
from flywheel.review.pages.text import plain, table
from flywheel.review.rows import Tally


def show() -> None:
    """The win rate, the lean to one side, and who voted."""
    st.header("Votes")
    chosen = two()
    if chosen is None:
        return
    review = the_review()
    turn = review.turn(*chosen, who())
    if turn.done < turn.total and not _looks_early(turn.total - turn.done, chosen):
        return
    found = review.tally(*chosen)
    if not found.items:
        st.info("No vote on these two runs yet.")
        st.page_link(PAGES["judge"], label="Judge them", icon=":material/balance:")
        return
    lines = review.compared(*chosen)
    plain(f"baseline   {lines.baseline.run}   {lines.baseline.model}")
    plain(f"candidate  {lines.candidate.run}   {lines.candidate.model}")
    _rates(found)
    _voters(found)


def _looks_early(left: int, chosen: Two) -> bool:
    seen = f"seen-{chosen.baseline}-{chosen.candidate}"
    if st.session_state.get(seen):
        return True
    st.info(
        f"{left:,d} pairs are left to judge. Once you know how the vote stands, you no longer"
        " judge blind."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(PAGES["judge"], label="Go on judging", icon=":material/balance:")
        st.button("Show the votes all the same", on_click=_keep, args=(seen,))
    return False


def _keep(seen: str) -> None:
    st.session_state[seen] = True


def _rates(found: Tally) -> None:
    left, right = st.columns(2)
    with left:
        st.subheader("Win rate")
        intervals("the candidate wins, ties counted half", {"candidate": found.rate}, mark=0.5)
        plain(f"{told(found.rate)} over {found.items:,} items")
    with right:
        st.subheader("Lean")
        intervals("share of decided votes for the left side", {"left": found.lean}, mark=0.5)
        plain(f"{told(found.lean)}; sides are drawn by lot, so half is fair")
    st.caption(
        f"{found.wins:,d} votes for the candidate, {found.losses:,d} against, {found.ties:,d} ties,"
        f" {found.skipped:,d} skipped. Wilson's 95% intervals over items; votes of several people"
        " on one item are averaged."
    )


def _voters(found: Tally) -> None:
    rows = [
        {
            "who": voter.who,
            "votes": voter.votes,
            "skipped": voter.skipped,
            "median seconds": None if voter.seconds is None else round(voter.seconds, 1),
        }
        for voter in found.voters
    ]
    table(rows)


show()
