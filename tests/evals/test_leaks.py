"""Leaks planted into evalsets, prompts and training files; the evalsets that ship have none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile
from flywheel.evals.evalset.evalset import Evalset, load_evalset, shipped
from flywheel.evals.evalset.leaks import (
    Leak,
    check_evalset,
    check_file,
    evalset_texts,
    file_texts,
    prompt_texts,
)
from tests.evals.world import write_evalset

Row = Mapping[str, Any]
ASK = {"role": "user", "content": "What is the capital of {{ item.country }}?"}
TICKET = (
    "From: Chen\nThe two blue lamps of order #49317 have not arrived after 24 days, and nobody at"
    " your desk answers my mail. This can not wait."
)


def evalset(folder: Path, rows: Mapping[str, Sequence[Row]], **fields: Any) -> Evalset:
    write_evalset(folder, 1, **{"prompt": [ASK], **fields})
    for split in ("train", "dev", "test"):
        lines = [json.dumps(row) + "\n" for row in rows.get(split, [{"country": split}])]
        (folder / f"{split}.jsonl").write_text("".join(lines))
    return load_evalset(str(folder))


def write(path: Path, *rows: Row) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def leaking(leaks: Sequence[Leak]) -> dict[tuple[str, str], list[tuple[str, str, str]]]:
    return {
        (leak.left, leak.right): [
            (pair.left.where, pair.right.where, pair.how) for pair in leak.overlaps.worst
        ]
        for leak in leaks
        if leak.overlaps.total
    }


@pytest.mark.parametrize("name", shipped())
def test_the_evalsets_that_ship_are_apart(name: str) -> None:
    leaks = check_evalset(load_evalset(name))
    assert [(leak.left, leak.right) for leak in leaks] == [
        ("train", "dev"), ("train", "test"), ("dev", "test"),
        ("examples", "dev"), ("examples", "test"),
    ]  # fmt: skip
    assert leaking(leaks) == {}
    assert all(leak.items >= 18 for leak in leaks)


@pytest.mark.parametrize("name", ["code_tests", "policy_qa", "ticket_triage"])
def test_a_copy_with_a_word_changed_is_found_in_them(name: str, tmp_path: Path) -> None:
    what = load_evalset(name)
    texts = [text.text for text in evalset_texts(what, "test") if len(text.text.split()) > 14]
    changed = [" ".join([*text.split()[:7], "lorem", *text.split()[8:]]) for text in texts]
    path = write(tmp_path / "train.jsonl", *[{"text": text} for text in changed])
    _, test = check_file(what, path, most=1)
    assert test.overlaps.total >= 0.98 * len(texts)
    assert len(test.overlaps.worst) == 1


def test_an_item_in_two_splits_is_found_by_what_it_asks(tmp_path: Path) -> None:
    rows = {
        "train": [{"country": "France", "gold": "x"}, {"country": "Spain", "gold": "same"}],
        "dev": [{"country": "Norway", "gold": "same"}],  # the same label is no leak
        "test": [{"country": "Chile"}, {"country": "FRANCE "}],
    }
    assert leaking(check_evalset(evalset(tmp_path, rows))) == {
        ("train", "test"): [("train.jsonl:1", "test.jsonl:2", "normalised")]
    }


def test_a_group_in_two_splits_is_a_leak_when_the_evalset_names_it(tmp_path: Path) -> None:
    rows = {
        "dev": [{"country": "France", "call": 7}],
        "test": [{"country": "Peru", "call": None}, {"country": "Chile", "call": 7}],
    }
    assert leaking(check_evalset(evalset(tmp_path, rows))) == {}
    assert leaking(check_evalset(evalset(tmp_path, rows, group="call"))) == {
        ("dev", "test"): [("dev.jsonl:1", "test.jsonl:2", "group")]
    }


def test_an_example_in_the_prompt_is_found(tmp_path: Path) -> None:
    shown = {"role": "user", "content": "What is the capital of Chile?"}
    told = {"role": "assistant", "content": "Santiago"}
    system = {"role": "system", "content": "Be brief. Examples:\nperu\nLima"}
    rows = {"dev": [{"country": "Peru"}, {"country": "Brief"}], "test": [{"country": "Chile"}]}
    found = leaking(check_evalset(evalset(tmp_path, rows, prompt=[system, shown, told, ASK])))
    assert found == {
        ("examples", "dev"): [("prompt:1", "dev.jsonl:1", "normalised")],
        ("examples", "test"): [("prompt:2", "test.jsonl:1", "exact")],
    }


def test_a_ticket_within_the_system_prompt_is_found(tmp_path: Path) -> None:
    prompt = [
        {"role": "system", "content": f"Sort. For example: {TICKET} -> shipping. Be brief."},
        {"role": "user", "content": "{{ item.ticket }}"},
    ]
    rows = {split: [{"ticket": split}] for split in ("train", "dev")}
    found = evalset(tmp_path, {**rows, "test": [{"ticket": TICKET}]}, prompt=prompt)
    assert leaking(check_evalset(found)) == {
        ("examples", "test"): [("prompt:1", "test.jsonl:1", "13-gram")]
    }


CHAT = {"role": "assistant", "content": "Santiago"}
QUESTION = "What is the capital of Chile?"


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": QUESTION}, CHAT]},
        {"messages": [{"role": "system", "content": "Hi."}, {"role": "user", "content": QUESTION}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}, CHAT]},
        {"messages": json.dumps([{"role": "user", "content": QUESTION}])},
        {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": "S"}]},
        {"prompt": QUESTION, "completion": "Santiago"},
        {"prompt": [{"role": "user", "content": QUESTION}], "chosen": "S", "rejected": "T"},
        {"instruction": QUESTION, "output": "Santiago"},
        {"instruction": "Answer.", "input": QUESTION, "output": "Santiago"},
        {"country": "Chile", "gold": "Santiago"},
        {"text": "Chile"},
    ],
)
def test_a_row_of_any_format_leaks_what_the_prompt_would_ask(row: Row, tmp_path: Path) -> None:
    what = evalset(tmp_path, {"test": [{"country": "Peru"}, {"country": "Chile"}]})
    path = write(tmp_path / "rows.jsonl", {"text": "no matter"}, row)
    assert leaking(check_file(what, path)) == {
        (str(path), "test"): [(f"{path}:2", "test.jsonl:2", "exact")]
    }


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "What lies in Chile?"}, CHAT]},
        {"prompt": "Where is Santiago?", "completion": "Chile"},
        {"question": "Where is Santiago?", "label": "Chile"},  # a label is nothing that is asked
        {"messages": "no list"},
        {"messages": [3, {"role": "user"}]},
        {"prompt": None},
        {},
    ],
)
def test_other_rows_leak_nothing(row: Row, tmp_path: Path) -> None:
    what = evalset(tmp_path, {"test": [{"country": "Chile"}]})
    assert leaking(check_file(what, write(tmp_path / "rows.jsonl", row))) == {}


def test_training_on_train_is_right_and_on_test_is_not(tmp_path: Path) -> None:
    what = load_evalset("ticket_triage")
    assert leaking(check_file(what, what.folder / "train.jsonl")) == {}
    (dev, test) = check_file(what, what.folder / "test.jsonl")
    assert (dev.overlaps.total, test.overlaps.counts["exact"]) == (0, 400)
    assert len(test.overlaps.worst) == 100


def test_a_conversation_is_compared_by_its_turns(tmp_path: Path) -> None:
    rows = [
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TICKET}],
        [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": TICKET}],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello there"}],
    ]
    named = [{"messages": row} for row in rows]
    splits = {"train": named[:1], "dev": named[2:], "test": named[1:2]}
    what = evalset(tmp_path, splits, prompt="{{ item.messages }}")
    assert leaking(check_evalset(what)) == {
        ("train", "test"): [("train.jsonl:1", "test.jsonl:1", "exact")]
    }
    assert prompt_texts(what.definition.prompt) == []


def test_a_prompt_is_taken_apart_again_only_where_it_fits(tmp_path: Path) -> None:
    prompt = [
        {"role": "user", "content": "From {{ item.a }} to {{ item.b }}: how far, {{item.a}}?"}
    ]
    rows = {split: [{"a": split, "b": "Rome"}] for split in ("train", "dev", "test")}
    what = evalset(tmp_path, rows, prompt=prompt)
    said = ["From Oslo to Rome: how far, Oslo?", "From Oslo to Rome", "From a to b: how far, ?", ""]
    path = write(tmp_path / "rows.jsonl", *[{"prompt": text} for text in said])
    found = [text.text for text in file_texts(what, path)]
    assert found == [said[0], "Oslo\nRome", said[1], said[2], "a\nb"]


def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path) -> None:
    what = evalset(tmp_path, {"test": [{"country": "Chile"}, {"city": "Rome"}]})
    with pytest.raises(BadFile, match=r"test\.jsonl:2:1: .*no item\.country"):
        check_evalset(what)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "x"}\n[1]\n')
    with pytest.raises(BadFile, match=r"rows\.jsonl:2:1: a row is a JSON object"):
        file_texts(what, path)


def test_splits_without_a_file_are_passed_over(tmp_path: Path) -> None:
    what = evalset(tmp_path, {})
    (tmp_path / "train.jsonl").unlink()
    (tmp_path / "test.jsonl").unlink()
    assert [(leak.left, leak.right) for leak in check_evalset(what)] == [("examples", "dev")]
