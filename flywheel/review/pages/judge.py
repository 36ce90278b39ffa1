"""The Judge page: two answers side by side, without the runs that they come from.

Models, scores and vote counts are not shown. A vote is on disk before the next pair is shown. The
time of a vote is measured from when the pair was last shown, so a reload restarts it.
"""

from __future__ import annotations

import time

import streamlit as st

from flywheel.errors import FlywheelError
from flywheel.review.data import Review
from flywheel.review.pages.chosen import PAGES, Two, the_review, two, who
from flywheel.review.pages.text import answer, fields, plain, trouble
from flywheel.review.rows import BlindPair, Turn

# Seconds. Nobody reads two answers in less; a faster vote is a key that was held down.
_FASTEST = 0.3
_CHOICES = (
    ("Left is better", "left", "1"),
    ("A tie", "tie", "0"),
    ("Right is better", "right", "2"),
    ("Skip", "skip", "S"),
)


def show() -> None:
    """The next pair, and the buttons to judge it with."""
    chosen = two()
    if chosen is None:
        return
    review = the_review()
    turn = review.turn(*chosen, who())
    if not turn.total:
        st.info("The two runs gave the same answer to every item; there are no pairs to judge.")
        return
    st.progress(turn.done / turn.total, text=f"{turn.done:,d} of {turn.total:,d} judged")
    _show_trouble()
    if turn.pair is None:
        st.success("All pairs are judged. Thank you.")
        st.page_link(PAGES["votes"], label="See the votes", icon=":material/how_to_vote:")
    else:
        _start_clock(turn.pair)
        _show(turn.pair)
    _bar(review, chosen, turn)
    plain(f"You vote as {who()}.")


def _show(pair: BlindPair) -> None:
    fields(pair.asked)
    for column, name, text in zip(
        st.columns(2), ("Left", "Right"), (pair.left, pair.right), strict=True
    ):
        with column, st.container(border=True):
            st.markdown(f"**{name}**")
            answer(text)
    if pair.rest:
        with st.expander("Other item fields, which may contain the right answer"):
            fields(pair.rest)


def _bar(review: Review, chosen: Two, turn: Turn) -> None:
    """The buttons. Their keys name the pair, so a second key press cannot vote on the next one."""
    with st.bottom, st.container(horizontal=True, horizontal_alignment="center", key="bar"):
        if turn.pair is not None:
            for label, choice, key in _CHOICES:
                st.button(
                    label,
                    key=f"{choice}-{turn.pair.item}-{turn.pair.repeat}",
                    shortcut=key,
                    on_click=_vote,
                    args=(review, chosen, turn.pair, choice),
                )
        st.button(
            "Undo",
            key=f"undo-{turn.done}",
            shortcut="U",
            disabled=not turn.done,
            on_click=_undo,
            args=(review, chosen),
        )


def _vote(review: Review, chosen: Two, pair: BlindPair, choice: str) -> None:
    seconds = time.monotonic() - st.session_state["shown"][1]
    if seconds < _FASTEST:
        st.session_state["trouble"] = f"Not counted: the vote came within {_FASTEST} seconds."
        return
    try:
        review.vote(*chosen, who(), pair, choice, seconds=seconds)
    except FlywheelError as error:
        st.session_state["trouble"] = str(error)


def _undo(review: Review, chosen: Two) -> None:
    try:
        review.undo(*chosen, who())
    except FlywheelError as error:
        st.session_state["trouble"] = str(error)


def _show_trouble() -> None:
    message = st.session_state.pop("trouble", None)
    if message:
        trouble(message)


def _start_clock(pair: BlindPair) -> None:
    name = (pair.item, pair.repeat)
    if st.session_state.get("shown", ("",))[0] != name:
        st.session_state["shown"] = (name, time.monotonic())


show()
