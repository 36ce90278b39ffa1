"""Judge: two answers side by side, not knowing whose they are. Five keys, and nothing leaks.

Neither models nor scores nor how the vote stands are shown here. A vote is on disk before the next
pair comes. The time of a vote counts from when the pair was last shown, so a reload starts it anew.
"""

from __future__ import annotations

import time

import streamlit as st

from flywheel.errors import FlywheelError
from flywheel.review.data import Review
from flywheel.review.pages.chosen import PAGES, Two, the_review, two, who
from flywheel.review.pages.text import answer, fields, plain, trouble
from flywheel.review.rows import BlindPair, Turn

# Nobody reads two answers in less; it is a key that was held down.
_SLIP = 0.3
_CHOICES = (
    ("Left is better", "left", "1"),
    ("A tie", "tie", "0"),
    ("Right is better", "right", "2"),
    ("Skip", "skip", "S"),
)


def show() -> None:
    """The next pair, and the bar to judge it with."""
    chosen = two()
    if chosen is None:
        return
    review = the_review()
    turn = review.turn(*chosen, who())
    if not turn.total:
        st.info("The two runs gave the same answer to every item: there is nothing to judge.")
        return
    st.progress(turn.done / turn.total, text=f"{turn.done:,d} of {turn.total:,d} judged")
    _say_trouble()
    if turn.pair is None:
        st.success("All pairs are judged. Thank you.")
        st.page_link(PAGES["votes"], label="See the votes", icon=":material/how_to_vote:")
    else:
        _start_watch(turn.pair)
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
        with st.expander("The rest of the item, which may hold the right answer"):
            fields(pair.rest)


def _bar(review: Review, chosen: Two, turn: Turn) -> None:
    """Buttons that name their pair: a key pressed twice cannot reach a pair that was not seen."""
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
    if seconds < _SLIP:
        st.session_state["trouble"] = "That came too fast to be meant, and was not counted."
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


def _say_trouble() -> None:
    story = st.session_state.pop("trouble", None)
    if story:
        trouble(story)


def _start_watch(pair: BlindPair) -> None:
    name = (pair.item, pair.repeat)
    if st.session_state.get("shown", ("",))[0] != name:
        st.session_state["shown"] = (name, time.monotonic())


show()
