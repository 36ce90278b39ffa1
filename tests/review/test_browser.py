"""The pages in a real browser: five keys, a reload, a killed server, and answers that attack.

Everything waits up to 30 seconds, since machines that test are busy. Needs Chromium.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from flywheel.review.blind import Place, sides
from flywheel.store.store import open_store
from flywheel.store.tables.votes import standing_votes
from tests.review.server import free_port, need_chromium, serve
from tests.review.trained import hacked
from tests.review.world import make_store, right, wrong_on

pytestmark = [pytest.mark.browser, pytest.mark.wide]
World = tuple[Path, list[str]]
WIDE, PHONE = (1280, 800), (390, 844)
# A container has neither the namespaces of Chromium's own sandbox nor a large /dev/shm.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
SHOWN = "[data-testid=stText], [data-testid=stDataFrame], [data-testid=stAlert]"
HOSTILE = [
    "<img src=http://evil.example/a.png><script>document.title='taken'</script>",
    "![x](http://evil.example/b.png) [y](http://evil.example/) <http://evil.example/>",
    "<iframe src=http://evil.example></iframe><svg onload=alert(1)> $$\\href{http://evil.example}{z}$$",
    "\x1b]0;taken\x07\x1b[31mred \u202egnp.exe\u202c \u200b\x00",
    "x" * 200_000,
    "line\n" * 5_000,
]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A baseline that is wrong on eight of 12 items, and a candidate that is right on all."""
    folder = tmp_path_factory.mktemp("measured")
    return folder / "s.duckdb", make_store(folder, wrong_on(*range(8)), right)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A candidate whose every answer attacks the page, also by its reason and its tag."""
    folder = tmp_path_factory.mktemp("hostile")
    runs = make_store(folder, right, lambda n: HOSTILE[n % len(HOSTILE)], items=6)
    return folder / "s.duckdb", runs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a job that raised the alarm, whose answers attack the page."""
    folder = tmp_path_factory.mktemp("trained")
    hacked(folder, answer=HOSTILE[0] + HOSTILE[2] + HOSTILE[3])
    return folder / "s.duckdb"


@pytest.fixture(scope="module")
def browser(measured: World, hostile: World, trained: Path) -> Iterator[Browser]:
    """Chromium. The stores come first: Playwright's loop stays in this thread, and bars theirs."""
    del measured, hostile, trained
    path = need_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser: Browser, size: tuple[int, int] = WIDE) -> tuple[Page, list[str]]:
    """A page, and the list of all requests that left this machine or ran code."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page, outside = context.new_page(), list[str]()
    page.set_default_timeout(30_000)
    page.set_default_navigation_timeout(30_000)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "data:", "blob:"))
            else outside.append(request.url)
        ),
    )
    page.on("dialog", lambda dialog: outside.append(dialog.message))
    return page, outside


def judged(page: Page, done: int, total: int) -> None:
    """Wait until so many are judged, and the next pair stands there for a moment."""
    expect(page.get_by_text(f"{done} of {total} judged")).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stCode").nth(2)).to_be_visible(timeout=30_000)
    state = re.compile("notRunning")
    expect(page.get_by_test_id("stApp")).to_have_attribute(
        "data-test-script-state", state, timeout=30_000
    )
    page.wait_for_timeout(400)


def pair_of(page: Page) -> list[str]:
    """The item and the two answers as they stand on the page."""
    return [text.strip() for text in page.get_by_test_id("stCode").all_inner_texts()[:3]]


def test_a_vote_by_keyboard_outlives_reload_and_kill(
    browser: Browser, measured: World, tmp_path: Path
) -> None:
    source, (a, b) = measured
    db, port = Path(shutil.copy(source, tmp_path)), free_port()
    page, outside = open_page(browser)
    query = f"judge?baseline={a}&candidate={b}"
    seen: list[list[str]] = []
    with serve(db, "--who", "ada", port=port) as server:
        page.goto(f"{server.url}/{query}")
        for number, key in enumerate("120s1"):
            judged(page, number, 8)
            seen.append(pair_of(page))
            page.keyboard.press(key)
        judged(page, 5, 8)
        page.keyboard.press("u")
        judged(page, 4, 8)
        assert pair_of(page) == seen[4]
        page.reload()
        judged(page, 4, 8)
        assert pair_of(page) == seen[4]
        os.kill(server.owner(), signal.SIGKILL)
        server.process.wait(30)
    with serve(db, "--who", "ada", port=port) as server:
        page.goto(f"{server.url}/{query}")
        judged(page, 4, 8)
        assert pair_of(page) == seen[4]
        for _repeat in range(12):
            page.keyboard.down("1")  # from the second on, what a key that is held down sends
        page.keyboard.up("1")
        judged(page, 5, 8)
        server.end()
    page.context.close()
    with open_store(db) as store:
        votes = standing_votes(store, a, b)
        assert store.query('SELECT count(*) AS "n" FROM "votes"') == [{"n": 7}]
    assert [vote.choice for vote in votes] == ["left", "right", "tie", "skip", "left"]
    for vote, (gold, left, _) in zip(votes, seen, strict=False):
        assert (vote.left, vote.right) == sides(Place(vote.item, 0), a, b, "ada")
        assert (vote.left == b) is (left == gold), "b is right on every item"
        assert vote.who == "ada" and 0.3 < vote.seconds < 60
    assert outside == []


def test_hostile_answers_are_text_at_any_width(
    browser: Browser, hostile: World, tmp_path: Path
) -> None:
    source, (a, b) = hostile
    texts = ""
    with serve(Path(shutil.copy(source, tmp_path)), "--who", HOSTILE[1]) as server:
        for size, pages, judging in (
            (WIDE, ("", "compare", "judge", "votes"), 6),
            (PHONE, ("compare", "judge"), 1),
        ):
            page, outside = open_page(browser, size)
            query = f"?baseline={a}&candidate={b}&who={size}"
            for where in pages:
                page.goto(f"{server.url}/{where}{query}")
                expect(page.locator(SHOWN).first).to_be_attached(timeout=30_000)
                for number in range(judging if where == "judge" else 0):
                    judged(page, number, 6)
                    texts += "\n".join(page.get_by_test_id("stCode").all_inner_texts())
                    fits(page, size)
                    page.get_by_role("button", name="A tie").click()
                fits(page, size)
                assert "taken" not in page.title()
            page.goto(f"{server.url}/compare?baseline={a}&candidate={HOSTILE[1]}")
            expect(page.get_by_text("This did not work")).to_be_visible(timeout=30_000)
            fits(page, size)
            page.context.close()
            assert outside == []
    escaped = r"\x1b[31mred \u202egnp.exe\u202c \u200b\x00"
    for shown in (*HOSTILE[:3], escaped, "150,000 more characters"):
        assert shown in texts


def test_reward_and_audits_are_drawn_at_any_width(browser: Browser, trained: Path) -> None:
    page, outside = open_page(browser)
    with serve(trained) as server:
        page.goto(f"{server.url}/trainings?job=job-hacked")
        for width, height in (WIDE, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            charts = page.locator("canvas.marks, svg.marks")
            expect(charts).to_have_count(5, timeout=30_000)
            fits(page, (width, height))
        told = page.get_by_label("at the last exam: reward: fields +50.0 [+3")
        expect(told.first).to_be_attached()
        assert HOSTILE[0] in page.get_by_test_id("stCode").first.inner_text()
    page.context.close()
    assert outside == []


def fits(page: Page, size: tuple[int, int]) -> None:
    """Nothing is wider than the screen, and every button of the bar is on it."""
    # A click may just have begun to draw the page anew, and then its buttons are gone for a moment.
    page.wait_for_timeout(400)
    state = re.compile("notRunning")
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", state, timeout=30_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.locator("[src*=evil], [href*=evil], iframe").count() == 0
    for button in page.get_by_test_id("stBottom").get_by_role("button").all():
        box = button.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= size[0]
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1]
