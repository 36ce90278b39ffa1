"""Every page, run by Streamlit's own AppTest on a real store."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from streamlit.testing.v1 import AppTest

from flywheel.review.blind import Place, sides
from flywheel.review.data import Review, open_review
from flywheel.review.rows import BlindPair
from flywheel.store.tables.votes import standing_votes
from tests.evals.world import CHECK
from tests.review.world import make_store, right, run_of, wrong_on

ROOT = Path(__file__).parents[2]
World = tuple[Path, list[str]]
# Where Streamlit reads Markdown: nothing that others wrote may stand there.
MARKDOWN = ("markdown", "caption", "info", "success", "warning", "error", "header", "subheader")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A baseline wrong on ten of 18 items, and a candidate wrong on two; ten answers differ."""
    folder = tmp_path_factory.mktemp("measured")
    models = wrong_on(*range(10)), wrong_on(9, 10)
    return folder, make_store(folder, *models, items=18, tags=["kind"])


class Pages:
    """The pages on one store, and the review behind them."""

    def __init__(self, review: Review, runs: list[str]) -> None:
        self.review = review
        self.runs = runs

    def at(self, page: str = "runs", **query: str) -> Any:
        """A new session at a page, its URL naming the two runs."""
        named = dict(zip(("baseline", "candidate"), self.runs, strict=False))
        app: Any = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in {**named, **query}.items():
            app.query_params[name] = value
        if page != "runs":
            app.switch_page(f"flywheel/review/pages/{page}.py")
        app.run()
        assert not app.exception
        return app

    def pair(self, who: str = "ada") -> BlindPair:
        """The pair that this person sees next."""
        pair = self.review.turn(self.runs[0], self.runs[1], who).pair
        assert pair
        return pair


Open = Callable[..., Pages]


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Open the pages on a copy of a store, or on a new one."""
    monkeypatch.setenv("FLYWHEEL_DB", str(tmp_path / "s.duckdb"))
    monkeypatch.setenv("FLYWHEEL_WHO", "ada")
    opened: list[Review] = []

    def open_pages(world: World | None = None) -> Pages:
        if world:
            shutil.copytree(world[0], tmp_path, dirs_exist_ok=True)
        opened.append(open_review(tmp_path / "s.duckdb"))
        return Pages(opened[0], world[1] if world else [])

    yield open_pages
    for review in opened:
        review.close()


def press(app: Any, label: str, waited: float = 2.0) -> Any:
    """Press a button, so many seconds after the pair was shown."""
    if "shown" in app.session_state:
        app.session_state["shown"] = (app.session_state["shown"][0], time.monotonic() - waited)
    (button,) = [button for button in app.button if button.label == label]
    return button.click().run()


def words(app: Any, *kinds: str) -> str:
    """What these kinds of elements say."""
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))


def labels(app: Any) -> list[str]:
    return [button.label for button in app.button]


def progress(app: Any) -> str:
    (bar,) = app.get("progress")
    return cast("str", bar.proto.text)


def test_without_a_run_it_says_how_to_make_one(pages: Open) -> None:
    empty = pages()
    app = empty.at()
    assert "no runs yet" in words(app, "info")
    assert words(app, "code") == "flywheel baseline ticket_triage -m tiny"
    for page in ("compare", "judge", "votes"):
        assert "Choose two runs first" in words(empty.at(page), "info")


def test_one_run_alone_asks_for_another(pages: Open, tmp_path: Path) -> None:
    runs = make_store(tmp_path, right, items=4)
    app = pages().at()
    assert list(app.dataframe[0].value["run"]) == runs
    assert "To compare, measure another prompt" in words(app, "info")
    assert not app.selectbox


def test_runs_are_listed_and_two_are_chosen(pages: Open, measured: World) -> None:
    opened = pages(measured)
    opened.runs = []
    app = opened.at()
    a, b = measured[1]
    table = app.dataframe[0].value
    assert list(table["run"]) == [b, a]
    assert table["mean [95%]"][1].startswith("0.444 [0.2")
    assert (app.query_params["baseline"], app.query_params["candidate"]) == (a, b)
    assert labels(app) == ["Compare", "Judge blind"]


def test_runs_of_other_things_are_not_offered_and_it_says_why(
    pages: Open, measured: World, tmp_path: Path
) -> None:
    opened = pages(measured)
    run_of(opened.review.store, tmp_path / "e", right, "later", split="train")
    app = opened.at()
    assert [len(box.options) for box in app.selectbox] == [3, 1]
    assert app.expander[0].label == "1 runs cannot be compared with it"
    assert "they differ in split (dev against train)" in words(app, "text")
    app.selectbox[0].set_value(opened.review.runs()[0].run.run).run()
    assert "No other run can be compared with this one" in words(app, "info")
    assert not app.button


def test_a_comparison_shows_every_interval(pages: Open, measured: World) -> None:
    app = pages(measured).at("compare")
    assert "The candidate scores higher." in words(app, "markdown")
    assert "By same, on 18 items graded in both runs: +0.444 [+0." in words(app, "text")
    assert len(app.get("vega_lite_chart") or app.get("arrow_vega_lite_chart")) == 2
    graders, slices = (frame.value for frame in app.dataframe)
    assert graders["difference [95%]"][0].startswith("+0.444 [+0.")
    assert list(slices["slice"]) == ["kind=even", "kind=odd"]
    assert slices["difference [95%]"][0].startswith("+0.444 [")
    assert "p is adjusted for 2 slices (Holm)" in words(app, "caption")
    assert "Both runs have the same prompt." in words(app, "caption")
    assert [expander.label for expander in app.expander] == ["The item"]
    said = words(app, "code").splitlines()
    assert said == ["10", "10", "not 10"], "the item, what the baseline said, and the candidate"
    app.segmented_control[0].set_value("fixed").run()
    assert len(app.expander) == 5
    assert "'not 0' eq '0' is False" in words(app, "text")


def test_judging_shows_neither_runs_nor_scores(pages: Open, measured: World) -> None:
    opened = pages(measured)
    app = opened.at("judge")
    shown = words(app, "code", "text", *MARKDOWN) + progress(app)
    for secret in (*opened.runs, "scripted", "model-1", "base", "score", "0.444"):
        assert secret not in shown
    assert labels(app) == ["Left is better", "A tie", "Right is better", "Skip", "Undo"]
    keys = [button.proto.shortcut for button in app.button]
    assert keys == ["1", "0", "2", "s", "u"]
    assert {button.proto.type for button in app.button} == {"secondary"}
    assert progress(app) == "0 of 10 judged"


@pytest.mark.parametrize(
    ("label", "choice"),
    [("Left is better", "left"), ("A tie", "tie"), ("Right is better", "right"), ("Skip", "skip")],
)
def test_a_vote_is_written_with_the_sides_that_were_shown(
    pages: Open, measured: World, label: str, choice: str
) -> None:
    opened = pages(measured)
    pair = opened.pair()
    app = opened.at("judge")
    assert words(app, "code").splitlines()[:3] == [pair.asked["gold"], pair.left, pair.right]
    press(app, label)
    a, b = opened.runs
    (vote,) = standing_votes(opened.review.store, a, b)
    assert (vote.choice, vote.item, vote.who) == (choice, pair.item, "ada")
    assert (vote.left, vote.right) == sides(Place(pair.item, 0), a, b, "ada")
    assert 2.0 <= vote.seconds < 30.0
    assert progress(app) == "1 of 10 judged"
    assert words(app, "code").splitlines()[0] == opened.pair().asked["gold"] != pair.asked["gold"]


def test_a_reload_shows_the_same_pair_and_undo_brings_it_back(pages: Open, measured: World) -> None:
    opened = pages(measured)
    first = words(opened.at("judge"), "code")
    app = press(opened.at("judge"), "A tie")
    second = words(app, "code")
    again = opened.at("judge")
    assert words(again, "code") == second != first
    press(again, "Undo")
    assert words(again, "code") == first
    assert progress(again) == "0 of 10 judged"
    assert [button.disabled for button in again.button] == [False] * 4 + [True]


def test_a_key_held_down_does_not_vote(pages: Open, measured: World) -> None:
    opened = pages(measured)
    app = press(opened.at("judge"), "Left is better", waited=0.0)
    assert "Not counted" in words(app, "text")
    assert progress(app) == "0 of 10 judged"


def test_another_person_begins_anew(pages: Open, measured: World) -> None:
    opened = pages(measured)
    press(opened.at("judge"), "A tie")
    other = opened.at("judge", who="bob")
    assert progress(other) == "0 of 10 judged"
    assert "You vote as bob." in words(other, "text")


def test_votes_are_shown_once_all_pairs_are_judged(pages: Open, measured: World) -> None:
    opened = pages(measured)
    a, b = opened.runs
    early = opened.at("votes")
    assert "10 pairs are left to judge" in words(early, "info")
    assert not early.dataframe
    press(early, "Show the votes anyway")
    assert "No vote on these two runs yet." in words(early, "info")
    while pair := opened.review.turn(a, b, "ada").pair:
        best = "left" if pair.left == pair.asked["gold"] else "right"
        opened.review.vote(a, b, "ada", pair, best, seconds=3.0)
    done = opened.at("judge")
    assert "All pairs are judged" in words(done, "success")
    assert labels(done) == ["Undo"]
    app = opened.at("votes")
    said = words(app, "text", "caption")
    assert "0.900 [0.596, 0.982] over 10 items" in said, "Wilson's, for 9 of 10"
    assert "9 votes for the candidate, 1 against, 0 ties, 0 skipped" in said
    assert list(app.dataframe[0].value.iloc[0]) == ["ada", 10, 0, 3.0]


def test_equal_answers_leave_nothing_to_judge(pages: Open, tmp_path: Path) -> None:
    runs = make_store(tmp_path, right, right, items=4)
    opened = pages()
    opened.runs = runs
    assert "the same answer to every item" in words(opened.at("judge"), "info")
    assert "No significant difference" in words(opened.at("compare"), "markdown")


def test_prompts_that_differ_are_shown(pages: Open, measured: World, tmp_path: Path) -> None:
    opened = pages(measured)
    prompt = tmp_path / "other.yaml"
    prompt.write_text('- {role: system, content: "Say {{ item.gold }}."}')
    last = run_of(opened.review.store, tmp_path / "e", lambda _: "5", "other", prompt=prompt)
    app = opened.at("compare", candidate=last)
    assert app.expander[0].label == "The prompts differ"
    assert "user: Say {{ item.gold }}.\nsystem: Say {{ item.gold }}." in words(app, "code")


HOSTILE = "![x](http://evil.example/x.png) <img src=http://evil.example/y.png> <script>1</script>"


def test_what_others_wrote_is_never_read_as_markdown(pages: Open, tmp_path: Path) -> None:
    runs = make_store(
        tmp_path,
        lambda n: f"{HOSTILE} \x1b[31m\u202e {n}",
        right,
        items=9,
        tags=["kind"],
        graders=[{**CHECK, "name": HOSTILE}],
        primary=HOSTILE,
        description=HOSTILE,
    )
    opened = pages()
    opened.runs = runs
    seen = ""
    for page in ("runs", "compare", "judge", "votes"):
        app = opened.at(page, who=HOSTILE, candidate=runs[1])
        seen += words(app, "code", "text")
        assert "evil" not in words(app, *MARKDOWN)
        assert not [e for e in (*app.expander, *app.button) if "evil" in e.label]
    assert HOSTILE in seen
    assert r"\x1b[31m\u202e" in seen


@pytest.mark.parametrize("page", ["compare", "judge", "votes"])
def test_a_run_that_is_not_there_is_one_sentence(pages: Open, measured: World, page: str) -> None:
    app = pages(measured).at(page, candidate=HOSTILE)
    assert f"no run {HOSTILE!r}" in words(app, "text")
    assert "evil" not in words(app, *MARKDOWN)
