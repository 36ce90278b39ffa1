"""What was chosen: the store, the person, the two runs, the job. The URL has it, so a reload does.

The environment says where the store is (FLYWHEEL_DB), who votes (FLYWHEEL_WHO) and under which URL
these pages are shown (FLYWHEEL_URL).
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
    """Two runs that were chosen."""

    baseline: str
    candidate: str


def the_review() -> Review:
    """The data behind the pages. Raises StoreInUse and the store's other conditions."""
    path = Path(os.environ.get("FLYWHEEL_DB", "flywheel.duckdb"))
    return open_review(path, os.environ.get("FLYWHEEL_URL"))


def remember() -> None:
    """Take what the URL says when a session begins, and have the URL say it from then on."""
    if "who" not in st.session_state:
        st.session_state["who"] = os.environ.get("FLYWHEEL_WHO") or getpass.getuser()
        for name in _KEPT:
            if st.query_params.get(name):
                st.session_state[name] = st.query_params[name]
    for name in _KEPT:
        if st.session_state.get(name):
            st.query_params[name] = st.session_state[name]


def choose(**what: str) -> None:
    """Keep a choice."""
    for name, value in what.items():
        st.session_state[name] = value
    remember()


def who() -> str:
    """Who votes."""
    return str(st.session_state["who"])


def baseline() -> str | None:
    """The run that was chosen as the baseline."""
    found = st.session_state.get("baseline")
    return str(found) if found else None


def two() -> Two | None:
    """The runs that were chosen. Without them the page says where to choose, and this is None."""
    candidate = st.session_state.get("candidate")
    first = baseline()
    if first and candidate:
        return Two(first, str(candidate))
    st.info("Choose two runs first.")
    st.page_link(PAGES["runs"], label="Go to the runs", icon=":material/table_rows:")
    return None
