"""The current choices (store, person, two runs, job), kept in the URL so that a reload has them.

Environment variables: FLYWHEEL_DB is the store, FLYWHEEL_WHO the person who votes, FLYWHEEL_URL the
address of these pages.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from flywheel.review.data import Review, open_review

_HERE = Path(__file__).parent
PAGES = {name: _HERE / f"{name}.py" for name in ("runs", "compare", "judge", "votes", "trainings")}
_KEPT = ("baseline", "candidate", "who", "job")


class Two(NamedTuple):
    """The names of the two chosen runs."""

    baseline: str
    candidate: str


def the_review() -> Review:
    """The data of the pages. Raises StoreInUse and StoreFailed."""
    path = Path(os.environ.get("FLYWHEEL_DB", "flywheel.duckdb"))
    return open_review(path, os.environ.get("FLYWHEEL_URL"))


def remember() -> None:
    """Read the choices from the URL when a session begins; keep them in the URL afterwards."""
    if "who" not in st.session_state:
        st.session_state["who"] = os.environ.get("FLYWHEEL_WHO") or getpass.getuser()
        for name in _KEPT:
            if st.query_params.get(name):
                st.session_state[name] = st.query_params[name]
    for name in _KEPT:
        if st.session_state.get(name):
            st.query_params[name] = st.session_state[name]


def choose(**what: str) -> None:
    """Save choices in the session and the URL."""
    for name, value in what.items():
        st.session_state[name] = value
    remember()


def who() -> str:
    """The name of the person who votes."""
    return str(st.session_state["who"])


def baseline() -> str | None:
    """The run chosen as the baseline, None before a choice."""
    chosen = st.session_state.get("baseline")
    return str(chosen) if chosen else None


def two() -> Two | None:
    """The chosen runs, or None after showing a link to the page where they are chosen."""
    candidate = st.session_state.get("candidate")
    first = baseline()
    if first and candidate:
        return Two(first, str(candidate))
    st.info("Choose two runs first.")
    st.page_link(PAGES["runs"], label="Go to the runs", icon=":material/table_rows:")
    return None
