"""The pages as Chromium draws them, wide and narrow, light and dark: nothing faint, cut or missing.

Colours are the computed ones, and boxes the drawn ones; no pixels are compared. Needs Chromium.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.cli.command import flywheel
from tests.review.gallery import Gallery, make_gallery, vote
from tests.review.looks import cut_labels, faint_texts, marks, overlaps
from tests.review.server import Server, need_chromium, serve
from tests.review.test_browser import FLAGS

pytestmark = [pytest.mark.browser, pytest.mark.wide]
WIDTHS = (1280, 800)
LONG = "a-model-with-a-long-name-of-many-parts-70b-instruct-v2.5-awq"
# A page, what it must draw at the least, and a word that is there once it is whole.
PAGES = {
    "runs": ("?baseline={base}&candidate={better}", 0),
    "compare": ("compare?baseline={base}&candidate={better}", 6),
    "compare, worse": ("compare?baseline={base}&candidate={long}", 6),
    "compare, no change": ("compare?baseline={base}&candidate={barely}", 6),
    "compare, one item": ("compare?baseline={one}&candidate={other}", 6),
    "judge": ("judge?baseline={base}&candidate={long}&who=ada", 0),
    "votes": ("votes?baseline={base}&candidate={better}&who=ada", 4),
    "votes, early": ("votes?baseline={base}&candidate={long}&who=ada", 0),
    "trainings": ("trainings?job=job-hacked", 20),
    "trainings, one exam": ("trainings?job=job-sft", 2),
    "trainings, one step": ("trainings?job=job-failed-a-name-that-somebody-chose", 1),
    "trainings, begun": ("trainings?job=job-fresh", 0),
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """Runs, votes and jobs with long names, small changes and gaps."""
    made = make_gallery(tmp_path_factory.mktemp("gallery"))
    vote(made)
    return made


@pytest.fixture(scope="module")
def report(gallery: Gallery) -> Path:
    """The comparison of a baseline with three candidates as a page."""
    place = gallery.db.with_name("report.html")
    runs = [gallery.runs[name] for name in ("base", "better", LONG, "barely")]
    done = flywheel("compare", *runs, "--db", str(gallery.db), "--html", str(place))
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def server(gallery: Gallery, report: Path) -> Iterator[Server]:
    """The review of that store; the report needed the store first."""
    del report
    with serve(gallery.db, "--who", "ada") as server:
        yield server


@pytest.fixture(scope="module")
def browser(gallery: Gallery) -> Iterator[Browser]:
    """Chromium, after the store: Playwright's loop stays in this thread."""
    del gallery
    path = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of a person who prefers this scheme."""
    context = browser.new_context(color_scheme=request.param)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.set_default_navigation_timeout(60_000)
    yield page
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read(page: Page, server: Server, gallery: Gallery, name: str) -> None:
    where, least = PAGES[name]
    query = where.format(long=gallery.runs[LONG], **gallery.runs)
    page.set_viewport_size({"width": WIDTHS[0], "height": 1600})
    page.goto(f"{server.url}/{query}")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 1600})
        whole(page)
        assert faults(page) == {}
        assert len(marks(page)) >= least
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_report_can_be_read(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    for width in (*WIDTHS, 390):
        page.set_viewport_size({"width": width, "height": 1600})
        assert faults(page) == {}
        assert len(marks(page)) > 60
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def faults(page: Page) -> dict[str, object]:
    """All that cannot be read."""
    found = {
        "faint marks": sorted({mark for mark in marks(page) if mark[1] < 3}),
        "faint texts": faint_texts(page),
        "cut": cut_labels(page),
        "overlap": overlaps(page),
        "missing": missing(page),
    }
    return {kind: some for kind, some in found.items() if some}


def whole(page: Page) -> None:
    """Wait until the script has run, and nothing is a grey box that waits for its content."""
    expect(page.get_by_test_id("stApp")).to_have_attribute(
        "data-test-script-state", re.compile("notRunning"), timeout=60_000
    )
    shown = "[data-testid=stText], [data-testid=stDataFrame], [data-testid=stAlert]"
    expect(page.locator(shown).first).to_be_attached(timeout=60_000)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=60_000)
    page.wait_for_function("document.fonts.status === 'loaded'")
    page.wait_for_timeout(500)  # charts are drawn anew after the page has its width


def missing(page: Page) -> list[str]:
    """The cells, texts and labels that say None or nan. A table's cells are in its hidden grid."""
    texts = page.locator("td, text, [role=gridcell], [data-testid=stText]").all_text_contents()
    return [text for text in texts if re.search(r"\b(None|nan|NaN|null|undefined)\b", text)]
