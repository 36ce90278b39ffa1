"""Repairs: each step does what it says, the same for the same seed, and the result is read back."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flywheel.data.repair.anonymise import Anonymiser
from flywheel.data.repair.fix import Fixed, Steps, fix_training
from flywheel.data.repair.splits import balanced, mixture, split_groups
from flywheel.data.rows.openai_rows import save_rows
from flywheel.data.rows.training import read_training
from flywheel.errors import BadFile, BadOption
from tests.data.test_check import chat, many


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def fix(tmp_path: Path, rows: list[Any], **steps: Any) -> Fixed:
    return fix_training(read_training(write(tmp_path / "t.jsonl", rows)), Steps(**steps))


def asked(part: list[tuple[str, Any]]) -> list[str]:
    return [fields["messages"][0]["content"] for _, fields in part]


def test_every_format_becomes_openais_and_reads_the_same(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
        {"role": "assistant", "content": "b", "weight": 0},
        {"role": "user", "content": [{"type": "text", "text": "c"}]},
        {"role": "assistant", "content": "d"},
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    for row, name in (
        ({"messages": turns, "tools": tools, "parallel_tool_calls": False}, "openai"),
        ({"instruction": "a", "input": "b", "output": "c"}, "openai"),
        (
            {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]},
            "openai",
        ),
        ({"prompt": "a", "completion": "b"}, "openai"),
        ({"prompt": "a", "chosen": "b", "rejected": "c"}, "dpo"),
        ({"messages": turns[:1], "reference": 4, "how": {"by": "hand"}}, "rft"),
        ({"prompt": "a", "completion": "b", "label": True}, "kto"),
        ({"text": "a"}, "text"),
    ):
        fixed = fix(tmp_path, [row])
        assert fixed.format == name
        save_rows(tmp_path / "out.jsonl", fixed.parts[""])
        (before,) = read_training(tmp_path / "t.jsonl").rows
        (after,) = read_training(tmp_path / "out.jsonl").rows
        assert (before.messages, before.chosen, before.rejected, before.item, before.tools) == (
            after.messages, after.chosen, after.rejected, after.item, after.tools,
        )  # fmt: skip


def test_a_format_can_be_kept(tmp_path: Path) -> None:
    row = {"instruction": "a", "input": "b", "output": "c", "id": 7}
    assert fix(tmp_path, [row], keep_format=True).parts[""] == [(f"{tmp_path}/t.jsonl:1", row)]


def test_broken_and_empty_rows_stop_it_or_are_left_out(tmp_path: Path) -> None:
    rows: list[Any] = [*many(3), {"messages": []}, chat("a", "")]
    with pytest.raises(BadFile, match=r"t.jsonl:4:2: messages: .* --drop-bad removes such rows"):
        fix(tmp_path, rows)
    fixed = fix(tmp_path, rows, drop_bad=True)
    assert len(fixed.parts[""]) == 3
    assert fixed.changes == [f"removed 2 broken or empty rows from {tmp_path}/t.jsonl"]
    with pytest.raises(BadFile, match="no rows are left"):
        fix(tmp_path, [chat("a", "")], drop_bad=True)


def test_of_rows_that_are_the_same_the_first_stays(tmp_path: Path) -> None:
    system = chat("Hi there", "Hello")
    system["messages"].insert(0, {"role": "system", "content": "Be brief."})
    rows = [chat("Hi there", "Hello"), chat("hi, there!", "hello"), chat("Hi there", "Bye"), system]
    fixed = fix(tmp_path, rows, dedupe=True)
    assert [where[-1] for where, _ in fixed.parts[""]] == ["1", "3", "4"]


def test_one_person_has_one_placeholder_everywhere(tmp_path: Path) -> None:
    rows = [
        chat("I am jo@acme.com", json.dumps({"mail": "JO@acme.com", "card": 4111111111111111})),
        chat("Call al@acme.com or +49 171 2345678", "I call 0049 171 2345678."),
    ]
    fixed = fix(tmp_path, rows, anonymise=True)
    assert [turn["content"] for _, row in fixed.parts[""] for turn in row["messages"]] == [
        "I am <EMAIL_1>",
        '{"mail": "<EMAIL_1>", "card": "<CARD_1>"}',
        "Call <EMAIL_2> or <PHONE_1>",
        "I call <PHONE_1>.",
    ]
    assert fixed.changes == ["anonymised 6 values: 3 email, 2 phone, 1 card"]


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (
            {"role": "jo@acme.com", "x": ["jo@acme.com"]},
            {"role": "jo@acme.com", "x": ["<EMAIL_1>"]},
        ),
        ("data:image/png;base64,4111111111111111", "data:image/png;base64,4111111111111111"),
        ('{"a": 4111111111111111', '{"a": <CARD_1>'),
        (4111111111111111, "<CARD_1>"),
        (4111111111111112, 4111111111111112),
        (True, True),
        (None, None),
        ("<EMAIL_1>", "<EMAIL_1>"),
    ],
)
def test_only_what_is_said_is_cleaned(value: Any, clean: Any) -> None:
    assert Anonymiser().clean(value) == clean


def test_a_group_is_never_on_both_sides(tmp_path: Path) -> None:
    rows = [{**row, "customer": n % 13} for n, row in enumerate(many(100))]
    steps = {"split": (0.8, 0.1, 0.1), "group": "customer", "keep_format": True}
    fixed = fix(tmp_path, rows, **steps)
    train, dev, test = ({row["customer"] for _, row in part} for part in fixed.parts.values())
    assert list(fixed.parts) == ["train", "dev", "test"]
    assert len(train) + len(dev) + len(test) == len(train | dev | test) == 13
    assert len(fixed.parts["train"]) >= 75
    assert fix(tmp_path, rows, **steps).parts == fixed.parts
    assert fix(tmp_path, rows, **steps, seed=1).parts != fixed.parts
    with pytest.raises(BadOption, match=r"t.jsonl:1: no field 'client' to split by"):
        fix(tmp_path, rows, split=(0.5, 0.5), group="client")


def test_rows_that_ask_the_same_are_one_group(tmp_path: Path) -> None:
    rows = [chat(f"Question {n % 20}?", f"Answer {n}") for n in range(100)]
    fixed = fix(tmp_path, rows, split=(0.9, 0.1))
    train, dev = (set(asked(part)) for part in fixed.parts.values())
    assert not train & dev
    assert (len(train), len(dev)) == (18, 2)


def test_classes_become_equally_frequent(tmp_path: Path) -> None:
    rows = [
        chat(f"Row {n}", json.dumps({"kind": "rare" if n < 10 else "common"})) for n in range(90)
    ]
    for how, count in (("over", 80), ("under", 10)):
        fixed = fix(tmp_path, rows, balance=how, class_field="kind")
        counts = Counter(row["messages"][1]["content"] for _, row in fixed.parts[""])
        assert set(counts.values()) == {count}
    with pytest.raises(BadOption, match="answer has 60 values in 60 rows, too many"):
        fix(tmp_path, many(60), balance="over")
    with pytest.raises(BadOption, match=r"t.jsonl:1: no field 'sort' in the row or its answer"):
        fix(tmp_path, rows, balance="over", class_field="sort")


def test_only_the_first_part_is_balanced_and_mixed(tmp_path: Path) -> None:
    general = write(tmp_path / "g.jsonl", [chat(f"General {n}", "So.") for n in range(500)])
    rows = [chat(f"Row {n}", "yes" if n % 4 else "no") for n in range(100)]
    fixed = fix(tmp_path, rows, split=(0.8, 0.2), balance="over", mix=((general, 0.2),))
    train, dev = fixed.parts.values()
    assert len(set(asked(dev))) == len(dev) == 20
    assert not any(text.startswith("General") for text in asked(dev))
    assert not set(asked(train)) & set(asked(dev))
    own = sum(not text.startswith("General") for text in asked(train))
    assert abs(own / len(train) - 0.8) < 0.01
    assert len(set(asked(train)[:20])) > 5  # shuffled, not one behind the other


def test_a_mixture_never_repeats_a_row_and_says_when_it_falls_short(tmp_path: Path) -> None:
    few = write(tmp_path / "g.jsonl", [chat("General", "So."), many(1)[0]])
    fixed = fix(tmp_path, many(60), mix=((few, 0.5),))
    assert len(fixed.parts[""]) == 61  # the other row asks what the task asks
    assert fixed.changes == [f"mixed in 1 rows of {few}: 2% of the total (too few rows for 50%)"]
    with pytest.raises(BadOption, match="with a sum below 1"):
        fix(tmp_path, many(60), mix=((few, 0.5), (few, 0.5)))
    alpaca = write(tmp_path / "a.jsonl", [{"instruction": "a", "output": "b"}])
    assert len(fix(tmp_path, many(60), mix=((alpaca, 0.01),)).parts[""]) == 61
    with pytest.raises(BadOption, match="cannot be in one file as they are"):
        fix(tmp_path, many(60), mix=((alpaca, 0.01),), keep_format=True)
    text = write(tmp_path / "x.jsonl", [{"text": "a"}])
    with pytest.raises(BadOption, match="rows of the kinds sft, text cannot be in one file"):
        fix(tmp_path, many(60), mix=((text, 0.01),))


def test_portions_are_what_they_say() -> None:
    assert sorted(Counter(split_groups(range(10), (0.7, 0.3), 0)).values()) == [3, 7]
    with pytest.raises(BadOption, match="1 groups of 10 rows cannot fill 2 parts"):
        split_groups([1] * 10, (0.5, 0.5), 0)
    assert Counter(balanced("aab", "over", 0)) == {0: 1, 1: 1, 2: 2}
    assert len(balanced("aab", "under", 0)) == 2
    assert [len(rows) for rows in mixture(80, [(100, 0.2)], 0)] == [20]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("before")
    with pytest.raises(
        BadFile, match=r"t:2: cannot be written as JSON: wanted text, numbers and lists, got bytes"
    ):
        save_rows(path, [("t:1", {"a": 1}), ("t:2", {"a": b"x"})])
    with pytest.raises(BadFile, match="Out of range float"):
        save_rows(path, [("t:1", {"a": float("nan")})])
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["out.jsonl"]
    save_rows(path, [("t:1", {"a": "ü\ud800"})])
    assert json.loads(path.read_text()) == {"a": "ü\ud800"}
