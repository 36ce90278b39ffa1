"""Formats: each is found by itself, and becomes one typed row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel.data.rows.training import read_training
from flywheel.data.rows.training_row import BadRow, Message, TrainingRow
from flywheel.errors import BadFile, BadOption

USER: dict[str, Any] = {"role": "user", "content": "2 + 2?"}
ANSWER: dict[str, Any] = {"role": "assistant", "content": "4"}
CALL: dict[str, Any] = {
    "role": "assistant",
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
    ],
}
TOOL: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "4"}
ADD = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://x.org/a.png", "detail": "low"}}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def one(tmp_path: Path, row: Any, format: str | None = None) -> TrainingRow:
    (found,) = read_training(write(tmp_path / "t.jsonl", row), format).rows
    return found


@pytest.mark.parametrize(
    ("row", "format", "kind"),
    [
        ({"messages": [USER, ANSWER]}, "chat", "sft"),
        ({"messages": [USER, {**ANSWER, "weight": 1}]}, "openai", "sft"),
        ({"messages": [USER, CALL], "tools": [ADD]}, "openai", "sft"),
        ({"messages": [{"role": "user", "content": [PICTURE]}, ANSWER]}, "vision", "sft"),
        ({"messages": [USER], "sum": 4}, "rft", "reward"),
        (
            {
                "conversations": [
                    {"from": "human", "value": "2 + 2?"},
                    {"from": "gpt", "value": "4"},
                ]
            },
            "sharegpt",
            "sft",
        ),
        ({"instruction": "Add.", "input": "2 2", "output": "4"}, "alpaca", "sft"),
        ({"prompt": "2 + 2?", "completion": "4"}, "completion", "sft"),
        ({"prompt": [USER], "completion": [ANSWER]}, "completion", "sft"),
        ({"prompt": "2 + 2?", "completion": "4", "label": True}, "kto", "unpaired"),
        ({"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}, "preference", "preference"),
        (
            {
                "input": {"messages": [USER]},
                "preferred_output": [ANSWER],
                "non_preferred_output": [{**ANSWER, "content": "5"}],
            },
            "dpo",
            "preference",
        ),
        ({"text": "2 + 2 = 4"}, "text", "text"),
    ],
)
def test_a_format_is_found_from_its_rows(
    tmp_path: Path, row: dict[str, Any], format: str, kind: str
) -> None:
    training = read_training(write(tmp_path / "t.jsonl", row))
    assert training.format.name == format
    (found,) = training.rows
    assert found.kind == kind
    assert found.where == f"{tmp_path}/t.jsonl:1"
    if kind in ("sft", "unpaired"):
        assert found.answers == (found.messages[-1],)
        assert found.prompt[-1].role == "user"


def test_an_instruction_and_its_input_are_one_prompt(tmp_path: Path) -> None:
    row = one(tmp_path, {"instruction": "Add.", "input": "2 2", "output": "4", "system": "Sums."})
    assert row.messages == (
        Message("system", "Sums."),
        Message("user", "Add.\n\n2 2"),
        Message("assistant", "4"),
    )
    assert one(tmp_path, {"instruction": "Add.", "output": "4"}).messages[0].text == "Add."


def test_a_pair_has_a_prompt_and_two_answers(tmp_path: Path) -> None:
    whole = [USER, ANSWER]
    repeated = {"prompt": [USER], "chosen": whole, "rejected": [USER, {**ANSWER, "content": "5"}]}
    for row in ({"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}, repeated):
        found = one(tmp_path, row)
        assert [turn.text for turn in found.turns] == ["2 + 2?", "4", "5"]
        assert found.chosen == Message("assistant", "4")


def test_fields_beside_the_format_are_the_item(tmp_path: Path) -> None:
    row = one(tmp_path, {"messages": [USER], "sum": 4, "how": {"by": "hand"}})
    assert row.item == {"sum": 4, "how": {"by": "hand"}}
    assert row.answers == ()
    assert one(tmp_path, {"text": "x", "topic": "y"}).item == {"topic": "y"}


def test_a_turn_of_weight_0_is_not_learned(tmp_path: Path) -> None:
    turns = [USER, {**ANSWER, "weight": 0}, USER, ANSWER]
    assert [turn.learned for turn in one(tmp_path, {"messages": turns}).messages] == [
        False,
        False,
        False,
        True,
    ]


def test_calls_and_their_tools_are_read(tmp_path: Path) -> None:
    fields = {"messages": [USER, CALL, TOOL, ANSWER], "tools": [ADD], "parallel_tool_calls": False}
    row = one(tmp_path, fields)
    assert row.tools == (ADD,)
    assert row.parallel_tool_calls is False
    assert row.messages[1].tool_calls[0]["function"]["name"] == "add"
    assert [turn.as_json() for turn in row.messages] == [
        USER,
        {**CALL, "content": None},
        TOOL,
        ANSWER,
    ]


def test_functions_of_older_files_become_tools(tmp_path: Path) -> None:
    asked = {"role": "assistant", "function_call": {"name": "add", "arguments": "{}"}}
    told = {"role": "function", "name": "add", "content": "4"}
    row = one(tmp_path, {"messages": [USER, asked, told, ANSWER], "functions": [ADD["function"]]})
    assert [turn.role for turn in row.messages] == ["user", "assistant", "tool", "assistant"]
    assert row.tools == (ADD,)


def test_sharegpt_calls_tools_too(tmp_path: Path) -> None:
    turns = [
        {"from": "human", "value": "2 + 2?"},
        {"from": "function_call", "value": '{"name": "add", "arguments": {"a": 2}}'},
        {"from": "observation", "value": "4"},
        {"from": "gpt", "value": "4"},
    ]
    row = one(tmp_path, {"conversations": turns, "system": "Sums.", "tools": json.dumps([ADD])})
    assert [turn.role for turn in row.messages] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert row.messages[2].tool_calls[0]["function"] == {"name": "add", "arguments": '{"a": 2}'}
    assert row.tools == (ADD,)


def test_an_image_is_kept_as_a_reference(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "What is it?"}, PICTURE]
    row = one(tmp_path, {"messages": [{"role": "user", "content": parts}, ANSWER]})
    assert (row.messages[0].text, row.messages[0].images) == ("What is it?", 1)
    assert row.messages[0].as_json()["content"] == parts


@pytest.mark.parametrize(
    ("row", "format", "story"),
    [
        ({"messages": [USER]}, "chat", ":1:2: messages: no assistant's turn"),
        ({"messages": []}, "chat", ":1:2: messages: wanted at least one message"),
        ({"messages": [USER, USER, ANSWER]}, "chat", "messages[1]: two user turns in a row"),
        ({"messages": [USER, ANSWER, ANSWER]}, "chat", "messages[2]: two assistant turns"),
        ({"messages": [USER, ANSWER, USER]}, "chat", "messages[2]: the last turn is user's"),
        ({"messages": [USER, TOOL, ANSWER]}, "chat", "messages[1]: tool turn without"),
        ({"messages": [USER, CALL, ANSWER]}, "chat", "turn while a call is unanswered"),
        (
            {"messages": [USER, CALL, {**TOOL, "tool_call_id": "c2"}]},
            "chat",
            "no unanswered call 'c2'",
        ),
        (
            {"messages": [USER, {"role": "system", "content": "x"}, ANSWER]},
            "chat",
            "messages[1]: system turn after user; it must come first",
        ),
        (
            {"messages": [USER, {**ANSWER, "weight": 0}]},
            "chat",
            "every assistant's turn has",
        ),
        ({"messages": [USER, {**ANSWER, "weight": 0.5}]}, "chat", "weight: wanted 0 or 1, got 0.5"),
        (
            {"messages": [{**USER, "weight": 1}, ANSWER]},
            "chat",
            "only an assistant's turn may have",
        ),
        (
            {"messages": [{**USER, "role": "bot"}, ANSWER]},
            "chat",
            "messages[0].role: wanted one of",
        ),
        ({"messages": [USER, {"role": "assistant"}]}, "chat", "messages[1].content: this field is"),
        ({"messages": [USER, {"role": "assistant", "content": 4}]}, "chat", "parts, got 4"),
        ({"messages": "hello"}, "chat", ':1:2: messages: wanted a list, got "hello"'),
        ({"messages": [USER, ANSWER]}, "rft", "for rft it must be the user's"),
        (
            {"messages": [USER, {"role": "assistant", "content": [PICTURE]}]},
            "chat",
            "only a user's turn may have images",
        ),
        (
            {"messages": [{**USER, "content": [{**PICTURE, "image_url": {"url": 4}}]}, ANSWER]},
            "chat",
            "messages[0].content[0].image_url.url: wanted text, got 4",
        ),
        ({"prompt": "a", "completion": "b", "label": "maybe"}, "kto", "wanted true or false"),
        ({"prompt": "a", "completion": 3.5, "label": [1]}, "kto", "label: wanted true or false"),
        ({"instruction": "a"}, "alpaca", "alpaca needs output; the row has: instruction"),
        ({"prompt": [USER, ANSWER], "completion": "x"}, "completion", "prompt ends with"),
        (
            {"input": {"messages": [USER]}, "preferred_output": [], "non_preferred_output": []},
            "dpo",
            "preferred_output: wanted one assistant message, got 0",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, row: dict[str, Any], format: str, story: str
) -> None:
    with pytest.raises(BadFile) as refused:
        one(tmp_path, row, format)
    assert f"{tmp_path}/t.jsonl:1" in str(refused.value)
    assert story in str(refused.value)


def test_the_column_is_that_of_the_value(tmp_path: Path) -> None:
    line = '{"messages": [{"role": "user", "content": "a"}, {"role": "bot", "content": "b"}]}\n'
    path = tmp_path / "t.jsonl"
    path.write_text(line)
    column = line.index('"role": "bot"') + 1
    with pytest.raises(BadFile, match=rf"t.jsonl:1:{column}: messages"):
        list(read_training(path).rows)


def test_formats_do_not_mix(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"text": "a"}, {"messages": [USER, ANSWER]}, {"text": "b"})
    training = read_training(path)
    with pytest.raises(BadFile, match=r":2:1: mixed formats: this row is chat, .* as text"):
        list(training.rows)
    assert [type(row) for row in training.read()] == [TrainingRow, BadRow, TrainingRow]


def test_one_row_without_its_answer_makes_no_other_format(tmp_path: Path) -> None:
    chat = {"messages": [USER, ANSWER]}
    training = read_training(write(tmp_path / "t.jsonl", {"messages": [USER]}, chat, chat))
    assert training.format.name == "chat"


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"question": "a", "answer": "b"})
    with pytest.raises(BadFile, match=r"t.jsonl:1: no format has the keys question, answer; .*alp"):
        read_training(path)
    with pytest.raises(BadOption, match="no format 'csv'; wanted one of dpo,"):
        read_training(path, "csv")
    for form in (None, "text"):
        with pytest.raises(BadFile, match="has no rows"):
            read_training(write(tmp_path / "empty.jsonl"), form)
