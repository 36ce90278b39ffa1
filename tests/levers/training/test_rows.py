"""The rows that a training learns from, and those from which it will not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile, BadOption
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.objectives.dpo import DPO
from flywheel.levers.training.objectives.sft import SFT
from flywheel.levers.training.rows.rows import TooFewRows
from tests.levers.training.world import config, evalset, pairs, rows_of, write

USER: dict[str, Any] = {"role": "user", "content": "which one?"}
ANSWER: dict[str, Any] = {"role": "assistant", "content": "the red one"}
GOOD: dict[str, Any] = {"messages": [USER, ANSWER]}


def minimal(name: str, seed: int = 0, rows: int | None = None) -> TrainingConfig:
    return DPO(pairs="minimal", evalset=name, seed=seed, rows=rows)


def test_without_a_file_the_gold_answers_of_the_train_split_are_learnt(tmp_path: Path) -> None:
    (first, *_), count = rows_of(config(tmp_path)), len(rows_of(config(tmp_path)))
    assert count == 16
    assert [message.role for message in first.messages] == ["system", "user", "assistant"]
    assert json.loads(first.answers[0].text) == {"colour": "red", "number": 0}
    assert first.where == "train.jsonl:i0"


def test_rft_tries_the_items_and_sees_no_gold_answer(tmp_path: Path) -> None:
    row = rows_of(config(tmp_path, lever="rft"))[0]
    assert row.messages[-1].role == "user"
    assert row.item["id"] == "i0"


def test_a_minimal_pair_differs_in_one_field() -> None:
    rows = rows_of(minimal("ticket_triage"))
    changed: Counter[str] = Counter()
    for row in rows:
        gold, wrong = (json.loads(answer.text) for answer in row.answers)
        (field,) = [key for key in gold if gold[key] != wrong[key]]
        changed[field] += 1
        assert row.answers[1].text == json.dumps(wrong), "the blanks are those of the gold answer"
    assert changed["order_id"] == 0, "it is another in nearly every row"
    assert 0.6 < changed["priority"] / len(rows) < 0.75
    assert changed.total() == len(rows) == 600


def test_minimal_pairs_are_drawn_by_the_seed() -> None:
    def made(seed: int) -> list[str]:
        return [row.answers[1].text for row in rows_of(minimal("ticket_triage", seed, 50))]

    assert made(0) == made(0) != made(1)


def test_minimal_pairs_want_gold_answers_that_are_objects() -> None:
    with pytest.raises(BadOption, match=r"JSON objects, got '.*use pairs: sampled"):
        rows_of(minimal("unit_math"))


def test_seven_rows_are_too_few(tmp_path: Path) -> None:
    path = pairs(tmp_path / "seven.jsonl", 7)
    with pytest.raises(TooFewRows, match=r"seven\.jsonl: 7 rows; at least 10"):
        rows_of(config(tmp_path, lever="dpo", data=path))
    with pytest.raises(TooFewRows, match=r"the train split of .*parcels: 9 rows"):
        rows_of(SFT(evalset=str(evalset(tmp_path, 9))))


@pytest.mark.parametrize(
    ("row", "story"),
    [
        ({"messages": [USER]}, r"no assistant's turn, so there is nothing to learn"),
        ({"messages": [USER, USER, ANSWER]}, r"two user turns in a row"),
        ({"messages": [ANSWER, {"role": "system", "content": "x"}, ANSWER]}, "it must come first"),
        ({"messages": [USER, ANSWER | {"weight": 0}]}, "has weight 0, so there is nothing"),
    ],
)
def test_a_row_that_teaches_nothing_is_refused_with_its_place(
    tmp_path: Path, row: dict[str, Any], story: str
) -> None:
    path = write(tmp_path / "chat.jsonl", [GOOD] * 10 + [row])
    with pytest.raises(BadFile, match=rf"chat\.jsonl:11.*{story}"):
        rows_of(config(tmp_path, data=path))


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "chat.jsonl", [GOOD] * 12)
    with pytest.raises(BadFile, match=r"its rows are chat; dpo needs a prompt with chosen and rej"):
        rows_of(config(tmp_path, lever="dpo", data=path))


def test_pairs_are_taken_apart_for_kto(tmp_path: Path) -> None:
    path = pairs(tmp_path / "pairs.jsonl")
    rows = rows_of(config(tmp_path, lever="kto", data=path))
    assert [row.label for row in rows] == [True, False] * 12
    assert rows[1].answers[0].text == "no"
