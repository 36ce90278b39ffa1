"""What a run keeps of its answers and verdicts: who gave them, why they ended, what was replied."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from flywheel.evals.grading.regrade import begin_regrade
from flywheel.evals.results.results import load_result
from flywheel.evals.run.cache import output_of
from flywheel.samplers.sampler import Output, Request
from flywheel.store.store import Store, open_store
from flywheel.store.tables.samples import SampleRow
from graders.definition import read_grader
from graders.ungraded import Usage
from tests.evals.world import Echo, engine_of, go_on_regrade, measure, plan, write_evalset

JUDGED = {
    "type": "score_model",
    "name": "liked",
    "model": "judge",
    "range": [0, 1],
    "input": [{"role": "user", "content": "Do you like {{ sample.output_text }}?"}],
}
SAID = Output(
    "0",
    "asked-2026-11-01",
    Usage(3, 1),
    finish_reason="stop",
    response='{"id": "chatcmpl-1", "system_fingerprint": "fp"}',
)


class Judge:
    """Likes every answer; from the third on it says nothing that can be read."""

    def __init__(self) -> None:
        self._asked = 0

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        for index in range(len(requests)):
            self._asked += 1
            text = '{"steps": [], "result": 1}' if self._asked < 3 else "?" * 30_000
            yield index, Output(text, "judge-1", Usage(10, 5))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.duckdb") as opened:
        yield opened


def samples(store: Store, run: str) -> list[SampleRow]:
    rows = store.query('SELECT * FROM "samples" WHERE "run" = ? ORDER BY "position"', [run])
    return [SampleRow(**row) for row in rows]


def test_an_answer_keeps_who_gave_it_and_what_came_with_it(store: Store, tmp_path: Path) -> None:
    evalset = write_evalset(tmp_path / "e", items=3)
    first = measure(store, plan(evalset), Echo(lambda prompt: SAID))
    row = samples(store, first.run.run)[0]
    assert (row.model, row.finish_reason, row.response) == (SAID.model, "stop", SAID.response)
    assert output_of(row) == SAID
    assert first.as_json()["answered_by"] == {"asked-2026-11-01": 3}
    model = Echo()
    again = measure(store, plan(evalset), model)
    assert not model.asked, "the cache had the answers"
    assert samples(store, again.run.run)[0].response == SAID.response


@pytest.mark.parametrize(
    ("model", "others"),
    [
        ("https://host/v1#asked", {"asked-2026-11-01": 3}),
        ("https://host/v1#asked-2026-11-01", {}),
        ("endpoint", {"asked-2026-11-01": 3}),
        ("python:agent.py:answer", {"asked-2026-11-01": 3}),
        ("tiny", {}),  # a folder of this machine has one model in it, whatever it is called
    ],
)
def test_another_model_than_the_one_asked_is_shown(
    store: Store, tmp_path: Path, model: str, others: dict[str, int]
) -> None:
    of = plan(write_evalset(tmp_path / "e", items=3))
    result = measure(store, of, Echo(lambda prompt: SAID))
    assert replace(result, run=result.run._replace(model=model)).other_models == others


def test_a_verdict_keeps_what_its_judge_replied_and_took(store: Store, tmp_path: Path) -> None:
    run = measure(store, plan(write_evalset(tmp_path / "e", items=3)), Echo()).run
    row = begin_regrade(store, run.run, [read_grader(JUDGED)], judge="a" * 64)
    with engine_of(Judge(), {}) as engine:
        go_on_regrade(store, row, engine)
    assert load_result(store, row.run).run.judge_digest == "a" * 64
    scores = store.query(
        'SELECT "score", "usage", "judge_reply" FROM "scores" WHERE "run" = ? ORDER BY "position"',
        [row.run],
    )
    used = {"judge-1": {"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 0}}
    assert [json.loads(score["usage"]) for score in scores] == [used] * 3
    replies = [json.loads(score["judge_reply"]) for score in scores]
    assert replies[0] == [{"model": "judge-1", "text": '{"steps": [], "result": 1}'}]
    assert [score["score"] for score in scores] == [1.0, 1.0, None]
    assert replies[2] == [{"model": "judge-1", "text": "?" * 20_000, "cut": True}]


def test_a_grader_that_asks_nobody_keeps_no_reply(store: Store, tmp_path: Path) -> None:
    run = measure(store, plan(write_evalset(tmp_path / "e", items=1)), Echo()).run
    assert (run.judge_digest, run.embedder_digest, run.owner_key) == (None, None, None)
    assert store.query('SELECT "usage", "judge_reply" FROM "scores"') == [
        {"usage": None, "judge_reply": None}
    ]
