"""The page is one file that asks for nothing, and what a model wrote stays text in it."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from flywheel.evals.decision.compare import SliceComparison
from flywheel.evals.decision.finding import finding_of, headline
from flywheel.evals.decision.pairs import Pairs
from flywheel.reports.intervals import Row, interval_plot
from flywheel.reports.page import page
from flywheel.reports.scatter import MOST_POINTS, scatter
from flywheel.stats.paired import paired
from flywheel.visible import visible
from tests.reports.made import (
    FALL,
    FEW,
    GAIN,
    HOSTILE,
    SAME,
    candidate,
    flip,
    pairs_of,
    report_of,
)

VOID = {"meta", "br", "img", "link", "input", "hr"}
KNOWN = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "nav",
    "footer",
    "section",
    "article",
    "h1",
    "h2",
    "h3",
    "h4",
    "p",
    "a",
    "div",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "figcaption",
    "pre",
    "del",
    "ins",
    "bdi",
    "dl",
    "dt",
    "dd",
    "code",
    "svg",
    "desc",
    "line",
    "text",
    "circle",
    "path",
    "rect",
}


class Reader(HTMLParser):
    """Reads a page as a browser does, and holds on to what stands in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.answers: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag; nothing but a shape or `meta` is without an end."""
        self.tags.add(tag)
        self.attributes += attrs
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "pre":
            self.answers.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A shape of a drawing."""
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Tags end in the order in which they began."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what a browser shows of an answer."""
        if "pre" in self.open:
            self.answers[-1] += data


FLIPS = [flip("broken", "b1", "yes", HOSTILE), flip("fixed", HOSTILE, HOSTILE, "")]
GUARDS = [(GAIN, "primary"), (pairs_of(HOSTILE, [0.2, 0.9, 0.4], [0.3, 0.7, 0.4]), "guard")]


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    slices = [
        SliceComparison(f"kind={HOSTILE}", found, 0.5)
        for found in [paired(GAIN.candidate, GAIN.baseline)]
        if found
    ]
    text = page(report_of(candidate("run-b", GUARDS, slices), flips=FLIPS))
    text.encode("utf-8")
    read = Reader(text)
    assert read.tags <= KNOWN
    assert {
        key for key, _ in read.attributes if key.startswith("on") or key in ("src", "style")
    } == (set())
    assert "url(" not in text and "@import" not in text
    assert {value for key, value in read.attributes if key == "href"} == set()
    style = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = dict(read.attributes)["content"]
    assert "no-referrer" in (policy or "")
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in html.unescape(text)


def test_what_a_model_wrote_is_shown_as_it_wrote_it() -> None:
    read = Reader(page(report_of(candidate("run-b", GUARDS), flips=FLIPS)))
    assert read.answers == ["yes", visible(HOSTILE), visible(HOSTILE), "(nothing)"]


def test_a_megabyte_is_cut_and_the_page_says_so() -> None:
    flips = [flip("broken", "b1", "x " * 500_000, "y\n" * 500_000)]
    text = page(report_of(candidate("run-b", GUARDS), flips=flips))
    assert len(text) < 50_000
    assert text.count("Truncated to 2,000 characters; 998,000 more.") == 2


def test_a_page_is_the_same_each_time() -> None:
    report = report_of(candidate("run-b", GUARDS), flips=FLIPS)
    assert page(report) == page(report)


def test_sixty_candidates_each_have_a_section_that_is_linked() -> None:
    report = report_of(*(candidate(f"run-{n}", GUARDS) for n in range(60)), flips=FLIPS)
    read = Reader(page(report))
    links = [value for key, value in read.attributes if key == "href"]
    assert links == [f"#c{number}" for number in range(1, 61)]
    assert read.ids == [f"c{number}" for number in range(1, 61)]


@pytest.mark.parametrize(
    ("pairs", "finding", "words"),
    [
        (GAIN, "better", "better, +36.0 points (+2"),
        (FALL, "worse", "worse, -30.0 points (-"),
        (SAME, "not shown", "no difference shown, +0.0 points (-"),
        (FEW, "too few", "too few items, -50.0 points, no interval"),
    ],
)
def test_the_finding_is_the_sign_and_the_word(pairs: Pairs, finding: str, words: str) -> None:
    found = candidate("run-b", [(pairs, "primary")])
    assert found.primary is not None
    assert finding_of(found.primary) == finding
    assert headline(found).startswith(words)
    assert f'class="verdict {finding}"' in page(report_of(found))


def shapes(drawing: str, look: str) -> list[ElementTree.Element]:
    return [one for one in ElementTree.fromstring(drawing).iter() if one.get("class") == look]


def points_in(drawing: str, kind: str) -> list[tuple[float, float]]:
    paths = [shape.get("d") or "" for shape in shapes(drawing, f"point {kind}")]
    return [
        (float(x), float(y)) for path in paths for x, y in re.findall(r"M(\S+) (\d+\.\d)", path)
    ]


@pytest.mark.parametrize("pairs", [GAIN, FALL, pairs_of("g", [0.2, 0.4, 0.6], [0.4, 0.2, 0.6])])
def test_wins_lie_above_the_diagonal_and_losses_below(pairs: Pairs) -> None:
    found = paired(pairs.candidate, pairs.baseline)
    assert found is not None
    drawing = scatter(pairs, found, seed=1)
    (frame,) = shapes(drawing, "frame")
    left, top, side = (float(frame.get(key) or 0) for key in ("x", "y", "width"))
    for kind, count, above in (("won", found.wins, True), ("lost", found.losses, False)):
        points = points_in(drawing, kind)
        assert len(points) == count
        assert all(((top + side - y) > (x - left)) is above for x, y in points)
        assert all(left <= x <= left + side and top <= y <= top + side for x, y in points)
    assert len(points_in(drawing, "tied")) == found.ties


def test_many_points_are_drawn_by_chance_and_the_same_by_a_seed() -> None:
    random = np.random.default_rng(0)
    pairs = pairs_of("g", list(random.random(9000)), list(random.random(9000)))
    found = paired(pairs.candidate, pairs.baseline)
    assert found is not None
    drawing = scatter(pairs, found, seed=7)
    drawn = [len(points_in(drawing, kind)) for kind in ("won", "lost", "tied")]
    assert sum(drawn) == MOST_POINTS
    assert drawing == scatter(pairs, found, seed=7) != scatter(pairs, found, seed=8)
    assert len(drawing) < 80_000


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(-0.1, 0.2, ["-10", "-5", "0", "+5", "+10", "+15", "+20"]), (-0.002, 0.001, ["-0.2", "0"])],
)
def test_the_axis_has_round_points_and_holds_every_interval(
    low: float, high: float, labels: list[str]
) -> None:
    found = paired(GAIN.candidate, GAIN.baseline)
    assert found is not None
    middle = (low + high) / 2
    row = Row("g", replace(found, difference=middle, low=low, high=high), "not shown", strong=True)
    far = Row("far", replace(found, difference=-0.9, low=None, high=None), "too few")
    drawing = interval_plot([row, far, Row("none", None, "too few")], "title")
    ticks = [shape.text for shape in shapes(drawing, "tick")]
    assert set(labels) <= set(ticks) and ticks[-1] == "points" and len(ticks) <= 9
    whisker = shapes(drawing, "whisker open strong")[0]
    assert 0 < float(whisker.get("x1") or 0) < float(whisker.get("x2") or 0) < 420
    numbers = [float(shape.get("x") or 0) for shape in shapes(drawing, "tick")[:-1]]
    assert all(a < b for a, b in pairwise(numbers))
