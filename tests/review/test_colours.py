"""What is drawn stands out from a white page and from a black one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flywheel.review.pages.charts import LINE, MARK
from flywheel.review.pages.curves import COLOURS
from tests.review.test_pages import Open, pages
from tests.review.test_trainings_page import charts
from tests.review.trained import hacked

__all__ = ["pages"]  # the fixture

# Streamlit's own backgrounds, in the light and in the dark.
PAGES = ("#ffffff", "#181714", "#0e1117")
STYLE = Path(__file__).parents[2] / "flywheel/reports/style.css"


def luminance(colour: str) -> float:
    """As WCAG 2 defines it."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """1 for equal colours, 21 for black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", PAGES)
def test_marks_and_lines_stand_out(page: str) -> None:
    drawn = {MARK, LINE, *(colour for shades in COLOURS.values() for colour in shades)}
    assert {colour: contrast(colour, page) for colour in drawn if contrast(colour, page) < 3} == {}


def test_every_mark_names_its_colour(pages: Open, tmp_path: Path) -> None:
    hacked(tmp_path)
    app = pages().at("trainings")
    (exams, *_) = charts(app)
    for layer in exams["layer"]:
        assert "color" in layer["mark"] or "color" in layer["encoding"], layer["mark"]
    assert not app.dataframe[0].value.isna().any().any()


def schemes() -> list[dict[str, str]]:
    """The colours of the report's page, in the light and in the dark."""
    light, dark, *_ = STYLE.read_text().split("prefers-color-scheme: dark")
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", part)) for part in (light, dark)]
    return [found[0], found[0] | found[1]]


@pytest.mark.parametrize("colours", schemes(), ids=["light", "dark"])
def test_the_words_of_a_report_can_be_read(colours: dict[str, str]) -> None:
    pairs = [("ink", "paper"), ("soft", "paper"), ("ink", "well"), ("better", "paper")]
    pairs += [("worse", "paper"), ("ink", "better-well"), ("ink", "worse-well"), ("soft", "well")]
    low = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: ratio for pair, ratio in low.items() if ratio < 4.5} == {}
