"""The Votes page: the result of the votes. It warns a person who has not judged all pairs yet."""

from __future__ import annotations

import streamlit as st

from flywheel.review.pages.charts import interval_text, intervals
from flywheel.review.pages.chosen import PAGES, Two, the_review, two, who
from flywheel.review.pages.text import plain, table
from flywheel.review.rows import Tally


def show() -> None:
    """The win rate, the preference for a side, and the voters."""
    st.header("Votes")
    chosen = two()
    if chosen is None:
        return
    review = the_review()
    turn = review.turn(*chosen, who())
    if turn.done < turn.total and not _confirmed(turn.total - turn.done, chosen):
        return
    tally = review.tally(*chosen)
    if not tally.items:
        st.info("No vote on these two runs yet.")
        st.page_link(PAGES["judge"], label="Judge them", icon=":material/balance:")
        return
    lines = review.compared(*chosen)
    plain(f"baseline   {lines.baseline.run}   {lines.baseline.model}")
    plain(f"candidate  {lines.candidate.run}   {lines.candidate.model}")
    _rates(tally)
    _voters(tally)


def _confirmed(left: int, chosen: Two) -> bool:
    seen = f"seen-{chosen.baseline}-{chosen.candidate}"
    if st.session_state.get(seen):
        return True
    st.info(
        f"{left:,d} pairs are left to judge. If you see the result now, your remaining votes are"
        " no longer blind."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(PAGES["judge"], label="Continue judging", icon=":material/balance:")
        st.button("Show the votes anyway", on_click=_keep, args=(seen,))
    return False


def _keep(seen: str) -> None:
    st.session_state[seen] = True


def _rates(tally: Tally) -> None:
    left, right = st.columns(2)
    with left:
        st.subheader("Win rate")
        intervals("candidate's win rate, ties counted half", {"candidate": tally.rate}, mark=0.5)
        plain(f"{interval_text(tally.rate)} over {tally.items:,} items")
    with right:
        st.subheader("Preference for a side")
        intervals("share of decided votes for the left", {"left": tally.left_share}, mark=0.5)
        plain(f"{interval_text(tally.left_share)}; sides are drawn at random, 0.5 is unbiased")
    st.caption(
        f"{tally.wins:,d} votes for the candidate, {tally.losses:,d} against, {tally.ties:,d} ties,"
        f" {tally.skipped:,d} skipped. Wilson's 95% intervals over items; votes of several people"
        " on one item are averaged."
    )


def _voters(tally: Tally) -> None:
    rows = [
        {
            "who": voter.who,
            "votes": voter.votes,
            "skipped": voter.skipped,
            "median seconds": None if voter.seconds is None else round(voter.seconds, 1),
        }
        for voter in tally.voters
    ]
    table(rows)


show()
