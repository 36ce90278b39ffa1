"""The Streamlit app of `flywheel review`: Runs, Compare, Judge, Votes and Trainings.

Environment variables name the store and the person; see `flywheel/review/pages/chosen.py`.
"""

from __future__ import annotations

import sys
import traceback

import streamlit as st

from flywheel.errors import FlywheelError
from flywheel.review.pages.chosen import PAGES, remember
from flywheel.review.pages.text import trouble

st.set_page_config(page_title="Flywheel", layout="wide")
# Streamlit draws the labels of charts in a pale grey.
st.html("<style>[data-testid=stVegaLiteChart] svg text { fill: currentColor; }</style>")
# No page icons: the browser would fetch them from Google.
page = st.navigation(
    [
        st.Page(PAGES["runs"], title="Runs", default=True),
        st.Page(PAGES["compare"], title="Compare"),
        st.Page(PAGES["judge"], title="Judge"),
        st.Page(PAGES["votes"], title="Votes"),
        st.Page(PAGES["trainings"], title="Trainings"),
    ],
    position="top",
)
try:
    remember()
    page.run()
except FlywheelError as error:
    trouble(str(error))
except Exception:
    # A bug in Flywheel. The traceback is for the terminal, not for people who use the pages.
    traceback.print_exc(file=sys.stderr)
    trouble("Internal error in Flywheel; the terminal that runs flywheel review has the traceback.")
