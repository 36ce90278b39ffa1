"""The review pages: runs, two of them compared, a blind vote, what the votes say, and trainings.

`flywheel review` starts this under Streamlit, with the store and the person in the environment.
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
# No icons here: the browser would fetch them from Google, as the page's own icon.
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
    # Our own mistake: whoever reads the page cannot mend it, whoever started it can report it.
    traceback.print_exc(file=sys.stderr)
    trouble("Flywheel itself made a mistake here; the terminal that runs the review tells more.")
