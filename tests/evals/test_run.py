"""Runs: every answer once, every score kept, and going on from whatever is there."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadFile, ChangedPlan, GaveUp, NothingGraded
from flywheel.evals.decision.compare import compare
from flywheel.evals.results.results import load_result
from flywheel.evals.results.worst_items import slices, worst_items
from flywheel.evals.run.cache import explain
from flywheel.evals.run.choose import plan_of_run
from flywheel.evals.run.measure import begin
from flywheel.samplers.failures import Reason
from flywheel.samplers.sampler import Loss, Output, Request
from flywheel.store.store import Store, open_store
from flywheel.store.tables.decisions import find_baseline
from flywheel.store.tables.reads import chain_head
from flywheel.store.tables.runs import run_status
from tests.evals.world import (
    CHECK,
    Echo,
    bench,
    failing_on,
    go_on,
    measure,
    plan,
    said,
    say,
    write_evalset,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.duckdb") as opened:
        yield opened


def test_every_item_is_asked_once_and_every_score_is_kept(store: Store, tmp_path: Path) -> None:
    model = Echo(lambda p: say(p) if int(said(p)) % 4 else Output("wrong", "echo"))
    result = measure(store, plan(write_evalset(tmp_path / "e")), model)
    assert len(model.asked) == 20
    found: Any = result.as_json()
    assert found["primary"]["mean"] == 0.75
    assert found["primary"]["low"] < 0.75 < found["primary"]["high"]
    assert (found["n"], found["ungraded"], found["errors"], found["status"]) == (
        20,
        0,
        0,
        "finished",
    )
    assert found["graders"]["same"]["n"] == 20
    assert found["tokens"] == 15 * 4


def test_repeats_are_averaged_within_their_item(store: Store, tmp_path: Path) -> None:
    model = Echo(lambda p: say(p) if len(model.asked) % 2 else Output("wrong"))
    result = measure(store, plan(write_evalset(tmp_path / "e"), repeats=2), model)
    assert result.n == 40
    primary: Any = result.as_json()["primary"]
    assert primary["mean"] == 0.5
    assert primary["low"] < 0.5 < primary["high"], "equal items are no certainty"
    seeds = {request.sampling["seed"] for request in model.asked}
    assert seeds == {0, 1}


def test_a_second_run_comes_from_the_cache(store: Store, tmp_path: Path) -> None:
    of = plan(write_evalset(tmp_path / "e"))
    first = measure(store, of, Echo())
    model = Echo()
    second = measure(store, of, model)
    assert model.asked == []
    assert (second.cost.cached, second.as_json()["tokens"]) == (20, 0)
    assert second.as_json()["primary"] == first.as_json()["primary"]
    assert explain(store, of)[0].endswith("used, 1 repeats")


def test_without_the_cache_everything_is_asked_again(store: Store, tmp_path: Path) -> None:
    of = plan(write_evalset(tmp_path / "e"))
    measure(store, of, Echo())
    model = Echo()
    measure(store, of, model, use_cache=False)
    assert len(model.asked) == 20


@pytest.mark.parametrize(
    ("change", "story"),
    [
        ({"temperature": 0.7}, "another sampling"),
        ({"prompt": [{"role": "user", "content": "Tell {{ item.gold }}."}]}, "another prompt"),
    ],
)
def test_a_miss_is_explained(
    store: Store, tmp_path: Path, change: dict[str, Any], story: str
) -> None:
    folder = write_evalset(tmp_path / "e")
    measure(store, plan(folder), Echo())
    if "prompt" in change:
        path = tmp_path / "prompt.json"
        path.write_text(json.dumps(change["prompt"]))
        change = {"prompt": path}
    other = plan(folder, **change)
    assert explain(store, other)[0].endswith(story)
    model = Echo()
    measure(store, other, model)
    assert len(model.asked) == 20


def test_failed_requests_are_no_scores_and_are_asked_again(store: Store, tmp_path: Path) -> None:
    broken = Echo(lambda p: say(p) if int(said(p)) % 2 else Output(error="503"))
    of = plan(write_evalset(tmp_path / "e"))
    result = measure(store, of, broken)
    assert (result.cost.errors, result.n, result.ungraded) == (10, 10, 0)
    assert result.failures == [Reason("503", 10)]
    assert not result.is_complete
    assert result.as_json()["primary"]["mean"] == 1.0
    healthy = Echo()
    again = go_on(of, result.run, bench(store, of, healthy))
    assert len(healthy.asked) == 10
    assert (again.cost.errors, again.ungraded, again.n) == (0, 0, 20)


def test_nobody_there_stops_the_run_and_says_how_to_go_on(store: Store, tmp_path: Path) -> None:
    of = plan(write_evalset(tmp_path / "e", items=500))
    row = begin(of, store)
    silent = Echo(lambda p: Output(error="connection refused"))
    with pytest.raises(GaveUp, match=r"20 of 500 requests failed.*refused \(20\)\..*--resume run-"):
        go_on(of, row, bench(store, of, silent))
    assert run_status(store, row.run) == "failed"
    result = go_on(of, row, bench(store, of, Echo()))
    assert (result.status, result.ungraded) == ("finished", 0)


def test_a_run_in_which_nothing_came_back_is_failed(store: Store, tmp_path: Path) -> None:
    of = plan(write_evalset(tmp_path / "e", items=4))
    row = begin(of, store, "baseline")
    silent = Echo(lambda p: Output(error=f"401: no key (gave up after {said(p)} attempts)"))
    with pytest.raises(GaveUp, match=r"4 of 4 requests failed.*: 401: no key \(4\)\."):
        go_on(of, row, bench(store, of, silent))
    kept = load_result(store, row.run)
    assert (kept.status, kept.n, kept.cost.errors) == ("failed", 0, 4)
    assert kept.failures == [Reason("401: no key", 4)]
    assert find_baseline(store, of.identity["evalset"], "dev") is None
    assert go_on(of, row, bench(store, of, Echo())).is_complete


def test_failures_of_some_items_leave_a_resumed_run_finished(store: Store, tmp_path: Path) -> None:
    of = plan(write_evalset(tmp_path / "e", items=6))
    row = begin(of, store)
    for _ in range(2):
        result = go_on(of, row, bench(store, of, failing_on(0, 1)))
        assert (result.status, result.n, result.cost.errors) == ("finished", 4, 2)


def test_a_run_without_a_verdict_is_no_baseline(store: Store, tmp_path: Path) -> None:
    judged = {
        "type": "score_model",
        "name": "same",
        "model": "j",
        "range": [0, 1],
        "input": [{"role": "user", "content": "{{ sample.output_text }}"}],
    }
    of = plan(write_evalset(tmp_path / "e", items=3, graders=[judged]))
    row = begin(of, store, "baseline")
    judge = Echo(lambda p: Output(error="the endpoint answered 401 Unauthorized: no"))
    with pytest.raises(NothingGraded, match=r"none of its 3 answers .*401 Unauthorized: no \(3\)"):
        go_on(of, row, bench(store, of, Echo(), judge))
    assert find_baseline(store, of.identity["evalset"], "dev") is None


class Stopping:
    """A model that is interrupted after some answers, as by ctrl-C."""

    def __init__(self, after: int) -> None:
        self.left = after

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Answer until it is over."""
        for index, request in enumerate(requests):
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            yield index, say(request.text())


def test_an_interrupted_run_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    of = plan(write_evalset(tmp_path / "e", items=700))
    row = begin(of, store)
    with pytest.raises(KeyboardInterrupt):
        go_on(of, row, bench(store, of, Stopping(600)))
    kept = load_result(store, row.run)
    assert kept.status == "interrupted"
    assert 0 < kept.cost.samples <= 600
    model = Echo()
    result = go_on(of, row, bench(store, of, model))
    assert len(model.asked) == 700 - kept.cost.samples
    assert result.as_json()["primary"]["mean"] == 1.0
    doubles = store.query(
        'SELECT count(*) AS "n" FROM (SELECT DISTINCT "item", "repeat" FROM "samples")'
    )
    assert doubles[0]["n"] == store.query('SELECT count(*) AS "n" FROM "samples"')[0]["n"] == 700


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"items": 21}, "split changed"),
        ({"graders": [{**CHECK, "operation": "like"}]}, "evalset, graders changed"),
        ({"sampling": {"temperature": 0.5}}, "evalset changed"),
    ],
)
def test_resume_refuses_what_changed_and_names_it(
    store: Store, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    folder = write_evalset(tmp_path / "e")
    row = begin(plan(folder), store)
    write_evalset(folder, **change)
    now = plan_of_run(store, row, EngineSpec(), str(folder))
    with pytest.raises(ChangedPlan) as refused:
        go_on(now, row, bench(store, now, Echo()))
    assert named in str(refused.value)


def test_a_run_with_changed_tags_goes_on_and_keeps_its_own(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", tags=["kind"])
    row = begin(plan(folder), store)
    write_evalset(folder, tags=["id"])
    now = plan_of_run(store, row, EngineSpec(), str(folder))
    result = go_on(now, row, bench(store, now, Echo()))
    assert [part.tag for part in slices(store, result.run)] == ["kind=even", "kind=odd"]


def test_ungraded_answers_are_counted_and_in_no_mean(store: Store, tmp_path: Path) -> None:
    source = "def grade(s, i):\n    return 1.0 if int(i['gold']) % 10 > 2 else {}[0]"
    grader = {"type": "python", "name": "p", "source": source}
    of = plan(write_evalset(tmp_path / "e", graders=[grader], primary="p"))
    found = measure(store, of, Echo()).as_json()
    assert found["ungraded"] == 6
    assert found["graders"]["p"] == {
        "mean": 1.0,
        "low": found["primary"]["low"],
        "high": 1.0,
        "n": 20,
        "ungraded": 6,
    }


def test_a_baseline_is_appointed_when_it_is_finished(store: Store, tmp_path: Path) -> None:
    of = plan(write_evalset(tmp_path / "e"))
    result = measure(store, of, Echo(), "baseline")
    found = find_baseline(store, of.identity["evalset"], "dev")
    assert found is not None
    assert found.run == result.run.run


def test_each_look_at_the_test_split_is_written_down(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    measure(store, plan(folder), Echo())
    of = plan(folder, split="test")
    for _ in range(2):
        measure(store, of, Echo())
    assert chain_head(store).reads == 2


def test_slices_and_worst_items(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", tags=["kind"])
    model = Echo(lambda p: say(p) if int(said(p)) % 2 else Output("no"))
    run = measure(store, plan(folder), model).run
    assert [(s.tag, s.n, s.mean) for s in slices(store, run)] == [
        ("kind=even", 10, 0.0),
        ("kind=odd", 10, 1.0),
    ]
    assert [item.id for item in worst_items(store, run, 3)] == ["i0", "i2", "i4"]


def test_items_of_two_groups_have_no_interval(store: Store, tmp_path: Path) -> None:
    model = Echo(lambda p: say(p) if int(said(p)) % 2 else Output("no"))
    alone = measure(store, plan(write_evalset(tmp_path / "a")), model).primary
    tied = measure(store, plan(write_evalset(tmp_path / "b", group="kind")), model).primary
    assert alone and tied and alone.interval and tied.interval
    assert alone.interval.low is not None and tied.interval == (alone.interval.mean, None, None)


def test_options_tools_schema_and_loss_reach_the_model(store: Store, tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    folder = write_evalset(
        tmp_path / "e",
        items=2,
        options=["0", "1"],
        tools=[tool],
        response_schema={"type": "string"},
        reference_loss=True,
    )
    model = Echo(lambda p: say(p)._replace(option_nats=(0.1, 2.0), reference_loss=Loss(3.0, 2)))
    result = measure(store, plan(folder), model)
    asked = model.asked[0]
    assert (asked.options, asked.tools, asked.schema) == (("0", "1"), (tool,), {"type": "string"})
    assert asked.reference == "1"
    assert result.cost.loss == 1.5


def test_a_cached_answer_keeps_what_was_measured_beside_it(store: Store, tmp_path: Path) -> None:
    schema: dict[str, Any] = {"response_schema": {"type": "string"}}
    folder = write_evalset(tmp_path / "e", items=2, **schema)
    breaks = Echo(lambda p: say(p)._replace(violation="$: not JSON"))
    measure(store, plan(folder), breaks)
    again = measure(store, plan(folder), breaks)
    assert len(breaks.asked) == 2 and again.cost.cached == 2
    kept = store.query('SELECT "extra" FROM "samples" WHERE "run" = ?', [again.run.run])
    assert [json.loads(row["extra"]) for row in kept] == [{"violation": "$: not JSON"}] * 2


def test_the_loss_of_another_reference_is_measured_anew(store: Store, tmp_path: Path) -> None:
    model = Echo(lambda p: say(p)._replace(reference_loss=Loss(3.0, 2)))
    measure(store, plan(write_evalset(tmp_path / "a", items=2)), model)
    for folder, gold in (("b", "{{ item.gold }}"), ("c", "It is {{ item.gold }}")):
        of = plan(write_evalset(tmp_path / folder, items=2, reference_loss=True, gold=gold))
        result = measure(store, of, model)
        assert (result.cost.cached, result.cost.loss) == (0, 1.5)
    assert measure(store, of, model).cost.cached == 2


def test_a_conversation_may_come_from_the_item(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", prompt="{{ item.messages }}")
    turns = [
        {"role": "user", "content": "Say 1."},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": "Say 2."},
    ]
    (folder / "dev.jsonl").write_text(json.dumps({"gold": "2", "messages": turns}) + "\n")
    model = Echo(lambda p: Output("2"))
    assert measure(store, plan(folder), model).as_json()["primary"]["mean"] == 1.0
    assert list(model.asked[0].messages) == turns


@pytest.mark.parametrize(
    ("rows", "story"),
    [
        ([], "no items in it"),
        ([{"id": "a", "gold": "1"}, {"id": "a", "gold": "2"}], ":2:1: the same id"),
        ([{"gold": "1"}, {"gold": "1"}], ":2:1: the same id, or without an id the same item"),
        ([{"gold": "1"}, {"id": "b"}], ":2:1: item 'b': line 1: no item.gold to fill in; have id"),
        ([{"gold": "1"}, ["x"]], ":2:1: a row is a JSON object"),
        ([{"gold": 1}], ":1:1: the item does not fit item_schema: $.gold"),
    ],
)
def test_what_is_wrong_with_the_items_is_said_before_anything_is_asked(
    store: Store, tmp_path: Path, rows: list[Any], story: str
) -> None:
    schema = {"type": "object", "properties": {"gold": {"type": "string"}}}
    folder = write_evalset(tmp_path / "e", item_schema=schema)
    (folder / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = Echo()
    with pytest.raises(BadFile) as refused:
        measure(store, plan(folder), model)
    assert story in str(refused.value)
    assert model.asked == []
    assert store.query('SELECT * FROM "runs"') == []


def test_a_description_is_no_part_of_what_is_measured(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=4, description="Nubmers")
    first = measure(store, plan(folder), Echo())
    write_evalset(folder, items=4, description="Numbers")
    again = measure(store, plan(folder), Echo())
    assert compare(store, first.run.run, [again.run.run]).candidates
