"""What the pages get of a real store, and votes that are kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from flywheel.errors import BadOption, NoRun, NotComparable
from flywheel.review.answers import said
from flywheel.review.data import Review, open_review
from flywheel.samplers.sampler import Output
from flywheel.store.store import open_store
from flywheel.store.tables.votes import standing_votes
from tests.evals.world import Echo, measure, plan, write_evalset
from tests.review.world import make_store, right, run_of, wrong_on

World = tuple[Review, str, str]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A baseline that is wrong on five of 12 items, and a candidate that is wrong on two."""
    folder = tmp_path_factory.mktemp("measured")
    return folder, make_store(folder, wrong_on(0, 1, 2, 3, 4), wrong_on(4, 5), tags=["kind"])


@pytest.fixture
def world(measured: tuple[Path, list[str]], tmp_path: Path) -> Iterator[World]:
    folder, (a, b) = measured
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    review = open_review(tmp_path / "s.duckdb")
    yield review, a, b
    review.close()


def test_the_store_is_opened_once(tmp_path: Path) -> None:
    review = open_review(tmp_path / "s.duckdb")
    assert open_review(tmp_path / "." / "s.duckdb") is review
    assert review.runs() == []
    review.close()
    open_store(tmp_path / "s.duckdb").close()


def test_runs_have_their_means_and_intervals(world: World) -> None:
    review, a, b = world
    newest, oldest = review.runs()
    assert (newest.run.run, oldest.run.run, oldest.run.kind) == (b, a, "baseline")
    assert newest.primary and newest.primary.interval
    mean, low, high = newest.primary.interval
    assert mean == pytest.approx(10 / 12)
    assert low is not None and high is not None and low < mean < high


def test_only_runs_of_the_same_thing_are_offered(world: World, tmp_path: Path) -> None:
    review, a, b = world
    other = run_of(
        review.store, write_evalset(tmp_path / "e", tags=["kind"]), right, "x", split="train"
    )
    offers = review.offers(a)
    assert [line.run.run for line in offers.runs] == [b]
    ((run, why),) = offers.refused.items()
    assert run == other
    assert (
        "do not measure the same thing; they differ in" in why
        and "split (dev against train)" in why
    )


def test_a_comparison_has_its_graders_and_prompts(world: World) -> None:
    review, a, b = world
    found = review.compared(a, b)
    assert found.prompts == ("user: Say {{ item.gold }}.",) * 2
    (line,) = found.graders
    assert line.paired and line.paired.low is not None
    assert (line.role, line.fixed, line.broken, line.paired.n) == ("primary", 4, 1, 12)
    assert line.paired.difference == pytest.approx(0.25)
    assert [part.paired.difference for part in found.slices] == []


def test_a_look_at_the_sealed_split_is_written_down(world: World, tmp_path: Path) -> None:
    review, _, _ = world
    folder = tmp_path / "e"
    a, b = (run_of(review.store, folder, right, name, split="test") for name in ("x", "y"))
    for _ in range(2):
        review.compared(a, b)
    rows = review.store.query('SELECT "run" FROM "reads_chain" WHERE "purpose" = \'review\'')
    assert rows == [{"run": b}], "once while the pages are open"


def test_changed_items_come_with_both_answers_and_reasons(world: World) -> None:
    review, a, b = world
    fixed = review.changes(a, b, "same", "fixed")
    assert [change.id for change in fixed] == ["i0", "i1", "i2", "i3"]
    (broken,) = review.changes(a, b, "same", "broken")
    assert broken.id == "i5" and broken.asked == {"gold": "5"}
    assert broken.baseline and broken.candidate
    assert (broken.baseline.text, broken.candidate.text) == ("5", "not 5")
    assert "'not 5' eq '5' is False" in broken.candidate.reason
    assert [c.id for c in review.changes(a, b, "same", "fixed", page=1, size=3)] == ["i3"]
    with pytest.raises(BadOption, match="no grader 'other'"):
        review.changes(a, b, "other", "fixed")


def test_only_differing_answers_are_judged(world: World) -> None:
    review, a, b = world
    seen: list[str] = []
    while pair := review.turn(a, b, "ada").pair:
        assert {pair.left, pair.right} == {pair.asked["gold"], f"not {pair.asked['gold']}"}
        seen.append(pair.asked["gold"])
        assert review.vote(a, b, "ada", pair, "tie", seconds=1.0)
    assert sorted(seen) == ["0", "1", "2", "3", "5"]
    assert review.turn(a, b, "ada")[:2] == (5, 5)
    assert review.turn(b, a, "bob").done == 0


def test_a_vote_is_kept_with_who_when_and_how_long(world: World) -> None:
    review, a, b = world
    pair = review.turn(a, b, "ada").pair
    assert pair
    assert review.vote("latest~1", "latest", "ada", pair, "left", seconds=2.5)
    assert not review.vote(a, b, "ada", pair, "right", seconds=9.0), "a key that was pressed twice"
    assert review.vote(b, a, "bob", pair, "skip", seconds=1.0)
    mine, other = standing_votes(review.store, a, b)
    assert (mine.choice, mine.who, mine.seconds, mine.item) == ("left", "ada", 2.5, pair.item)
    assert {mine.left, mine.right} == {a, b}
    assert isinstance(mine.created, datetime)
    assert (other.who, other.choice) == ("bob", "skip")
    gold = pair.asked["gold"]
    right_run = a if gold == "5" else b
    assert (mine.left if pair.left == gold else mine.right) == right_run
    assert [(v.who, v.votes, v.skipped) for v in review.tally(a, b).voters] == [
        ("ada", 1, 0),
        ("bob", 0, 1),
    ]


def test_undo_takes_back_one_vote_after_the_other(world: World) -> None:
    review, a, b = world
    shown = [review.turn(a, b, "ada").pair]
    for _ in range(2):
        pair = shown[-1]
        assert pair
        review.vote(a, b, "ada", pair, "left", seconds=1.0)
        shown.append(review.turn(a, b, "ada").pair)
    assert review.undo(a, b, "ada")
    assert review.turn(a, b, "ada").pair == shown[1]
    assert review.undo(b, a, "ada")
    assert review.turn(a, b, "ada").pair == shown[0]
    assert not review.undo(a, b, "ada")
    assert standing_votes(review.store, a, b) == []


@pytest.mark.parametrize(("who", "choice"), [("ada", "best"), ("  ", "left")])
def test_a_vote_that_is_none_is_refused(world: World, who: str, choice: str) -> None:
    review, a, b = world
    pair = review.turn(a, b, "ada").pair
    assert pair
    with pytest.raises(BadOption, match="wanted a name and one of"):
        review.vote(a, b, who, pair, choice, seconds=1.0)
    with pytest.raises(BadOption, match="no differing answers"):
        review.vote(a, b, "ada", pair._replace(item="nothing"), "left", seconds=1.0)


def test_what_cannot_be_judged_says_so(world: World, tmp_path: Path) -> None:
    review, a, _ = world
    other = run_of(
        review.store, write_evalset(tmp_path / "e", tags=["kind"]), right, "x", split="test"
    )
    with pytest.raises(NotComparable):
        review.turn(a, other, "ada")
    with pytest.raises(NoRun):
        review.turn(a, "nobody", "ada")


def test_a_failed_request_is_no_answer_to_judge(tmp_path: Path) -> None:
    a, b = make_store(tmp_path, right, lambda n: None if n == 3 else f" {n}\n", items=6)
    review = open_review(tmp_path / "s.duckdb")
    assert review.turn(a, b, "ada").total == 0, "white space makes no difference"
    assert (review.runs()[0].n, review.runs()[0].ungraded) == (5, 0)
    review.close()


def test_tool_calls_differ_by_what_they_call(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=3)

    def calling(prompt: str, run: int) -> Output:
        same = {"name": "look", "arguments": '{"n": 1}'}
        other = {"name": "look", "arguments": f'{{"n": {run}}}'}
        called = other if "1" in prompt else same
        return Output("", tools=[{"id": f"call-{run}", "type": "function", "function": called}])

    def caller(run: int) -> Echo:
        return Echo(lambda prompt: calling(prompt, run))

    with open_store(tmp_path / "s.duckdb") as store:
        a, b = (measure(store, plan(folder, f"m{n}"), caller(n)).run.run for n in (2, 3))
    review = open_review(tmp_path / "s.duckdb")
    turn = review.turn(a, b, "ada")
    assert turn.total == 1 and turn.pair
    assert {turn.pair.left, turn.pair.right} == {'look({"n": 2})', 'look({"n": 3})'}
    review.close()


def test_a_refusal_is_said() -> None:
    assert said("", '{"refusal": "I will not."}') == "I will not."
    assert said(" text ", None) == "text"
