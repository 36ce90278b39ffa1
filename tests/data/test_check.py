"""The check of a training file: every finding has its place, and the verdict follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel.data.checks.check import check_training
from flywheel.data.checks.findings import Report
from flywheel.data.leakage.minhash import near_pairs
from flywheel.data.rows.tokens import counter_of, estimated
from flywheel.data.rows.training import read_training
from flywheel.tiny.weights import SHIPPED

THINGS = ("parcel", "lamp", "chair", "phone", "ticket", "bicycle", "kettle", "mirror")
PLACES = ("Rome", "Oslo", "Paris", "Lisbon", "Bern", "Graz", "Ghent", "Turin", "Porto", "Basel")


def chat(user: str, answer: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return {"messages": turns, **more}


def many(count: int) -> list[dict[str, Any]]:
    """Rows that nothing can be said against."""
    return [
        chat(
            f"The {THINGS[n % 8]} that I ordered for {PLACES[n % 10]} is not here, no. {n * 7919}",
            f"I am looking for {THINGS[n % 8]} {n * 7919}; it left {PLACES[n % 7]} {n} hours ago.",
        )
        for n in range(count)
    ]


def check(tmp_path: Path, rows: list[Any], **options: Any) -> Report:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return check_training(read_training(path), **options)


def found(report: Report, kind: str) -> list[tuple[str, str]]:
    """(line, story) of the findings of a kind."""
    return [
        (one.where.partition("t.jsonl")[2].removeprefix(":"), one.story)
        for one in report.findings.sorted()
        if one.kind == kind
    ]


def test_a_good_file_is_ready(tmp_path: Path) -> None:
    report = check(tmp_path, many(60))
    assert report.findings.sorted() == []
    assert (report.verdict, report.format, report.rows) == ("ready", "chat", 60)
    assert report.figures["languages"] == {"en": 60}


@pytest.mark.parametrize(
    ("count", "verdict"),
    [(9, "refused"), (10, "ready with warnings"), (49, "ready with warnings"), (50, "ready")],
)
def test_too_few_rows_are_refused_and_few_are_warned_of(
    tmp_path: Path, count: int, verdict: str
) -> None:
    assert check(tmp_path, many(count)).verdict == verdict


@pytest.mark.parametrize(
    ("row", "kind", "line", "story"),
    [
        ([1], "bad_row", "61:1", "a row is a JSON object"),
        (chat("a", "b")["messages"][0], "bad_row", "61:1", "chat needs messages"),
        (chat("What is it?", " "), "empty", "61", "an answer is empty"),
        (chat(" ", "It is."), "empty", "61", "the prompt is empty"),
        (chat("So \udc80?", "It is."), "damaged", "61", "a lone surrogate"),
        (chat("Wo ist das B\ufffdro?", "Da."), "damaged", "61", "damaged by a wrong encoding"),
        (chat("Wo ist das BÃ¼ro?", "Da."), "damaged", "61", "damaged by a wrong encoding"),
        (chat("I am jo@acme.com, not al@acme.com.", "Hi"), "pii", "61", "an e-mail address (2 tim"),
        (chat("So?", "Hi", contact="+49 171 2345678"), "pii", "61", "a phone number"),
        (many(3)[2], "duplicate", "61", "the same row as"),
        (many(1)[0], "duplicate", "61", "t.jsonl:1"),
        (chat("what is 2 + 2?", "4"), "contradiction", "62", "another answer"),
        (chat("x " * 4000, "Hi"), "outlier", "61", "unusually long: 2,"),
        (chat("x " * 4000, "Hi"), "truncated", "61", "of which 1,"),
        (chat("x " * 4000, "Hi"), "answer_cut", "61", "beyond the 1,000 read"),
        (chat("Mein Paket ist noch nicht da, wo ist es?", "So."), "language", "61", "like 'de'"),
    ],
)
def test_each_finding_has_its_line(
    tmp_path: Path, row: Any, kind: str, line: str, story: str
) -> None:
    last = chat("What is 2 + 2 ?", "5") if kind == "contradiction" else many(61)[60]
    report = check(tmp_path, [*many(60), row, last], max_length=1000)
    ((place, told),) = found(report, kind)
    assert place == line
    assert story in told
    refused = kind in ("bad_row", "empty") or "surrogate" in told
    assert report.refused == refused


def test_a_respelled_row_is_named(tmp_path: Path) -> None:
    row = many(1)[0]["messages"]
    again = chat(row[0]["content"].upper() + " !", row[1]["content"].lower())
    ((line, story),) = found(check(tmp_path, [*many(60), again]), "respelled")
    assert (line, story[:11]) == ("61", "the same as")


def test_near_duplicates_are_found_behind_what_all_rows_begin_with(tmp_path: Path) -> None:
    rules = "Answer as the support desk of a furniture shop would, in one short sentence. " * 5
    rows = [chat(rules + row["messages"][0]["content"], "Yes.") for row in many(60)]
    long = " ".join(f"{thing} for {place}," for thing in THINGS for place in PLACES)
    both = [chat(rules + long, "Yes."), chat(rules + long + " and a table", "Yes.")]
    report = check(tmp_path, [*rows, *both])
    lines = [line for line, _ in found(report, "near_duplicate")]
    assert lines[-1] == "62"
    assert len(lines) < 10


def test_near_pairs_are_what_comparing_all_would_find() -> None:
    texts = [f"{thing} of {place} and {place} with {thing}" for thing in THINGS for place in PLACES]
    texts = [*texts, *(text + " too" for text in texts)]
    grams = [{text[i : i + 5] for i in range(len(text) - 4)} for text in texts]
    wanted = {
        n for n in range(len(texts)) for m in range(n)
        if len(grams[n] & grams[m]) / len(grams[n] | grams[m]) >= 0.8
    }  # fmt: skip
    pairs = near_pairs(texts, 0.8)
    assert set(pairs) <= wanted
    assert len(pairs) > 0.95 * len(wanted)
    assert all(other < index and share >= 0.8 for index, (other, share) in pairs.items())
    assert near_pairs(["a"], 0.8) == {}
    assert near_pairs(["", "", "a"], 0.8) == {1: (0, 1.0)}


def test_classes_are_counted_by_field(tmp_path: Path) -> None:
    rows = [
        chat(row["messages"][0]["content"], json.dumps({"kind": "late", "n": n, "vip": n < 5}))
        for n, row in enumerate(many(60))
    ]
    report = check(tmp_path, rows)
    assert report.figures["classes"] == {"kind": {"late": 60}, "vip": {"false": 55, "true": 5}}
    assert [story for _, story in found(report, "imbalance")] == ["vip: 92% of the rows have false"]
    assert found(report, "one_class") != []
    labels = [
        chat(row["messages"][0]["content"], "yes" if n else "no") for n, row in enumerate(rows)
    ]
    report = check(tmp_path, labels)
    assert report.figures["classes"] == {"answer": {"yes": 59, "no": 1}}
    assert [story for _, story in found(report, "rare_class")] == [
        'answer: fewer than 5 rows have "no"'
    ]


def test_pairs_labels_and_prompts_are_checked_too(tmp_path: Path) -> None:
    texts = [row["messages"][0]["content"] for row in many(60)]
    pairs = [{"prompt": text, "chosen": "Yes.", "rejected": "No."} for text in texts]
    report = check(tmp_path, [*pairs, {"prompt": "So?", "chosen": "Yes.", "rejected": "Yes."}])
    assert [line for line, _ in found(report, "same_pair")] == ["61"]
    kto = [{"prompt": text, "completion": "Yes.", "label": n > 2} for n, text in enumerate(texts)]
    report = check(tmp_path, [*kto, {**kto[0], "label": True}])
    assert [story for _, story in found(report, "contradiction")] == [
        f"the same prompt as {tmp_path}/t.jsonl:1, with another label"
    ]
    assert [story for _, story in found(report, "imbalance")] == [
        "label: 95% of the rows have true"
    ]
    rft = [
        {"messages": [{"role": "user", "content": text}], "n": n} for n, text in enumerate(texts)
    ]
    report = check(tmp_path, [*rft, {**rft[0], "n": 99}])
    assert [line for line, _ in found(report, "contradiction")] == ["61"]


def test_tokens_are_counted_by_the_model_or_said_to_be_estimated(tmp_path: Path) -> None:
    rows = [chat("Hello", "Hi")] * 10
    tokens = check(tmp_path, rows, counter=counter_of("tiny", SHIPPED)).figures["tokens"]
    assert (tokens["how"], tokens["exact"]) == ("by the tokenizer of tiny", True)
    assert tokens["max_length"] == 1024
    tokens = check(tmp_path, rows).figures["tokens"]
    assert (tokens["how"], tokens["total"]) == ("estimated at 4 bytes per token", 10 * (2 + 1 + 10))
    assert tokens["learned"] == 10 * (1 + 5)
    assert counter_of("m", tmp_path).how.endswith("because m has no tokenizer.json")
    assert estimated().count(["", "a", "\udc80", "x" * 9]) == [0, 1, 1, 3]


def test_the_report_lists_a_thousand_of_a_kind_and_counts_all(tmp_path: Path) -> None:
    report = check(tmp_path, [chat("a", "b")] * 1500)
    assert len(found(report, "duplicate")) == 1000
    written = report.as_json()
    assert (written["counts"]["duplicate"], written["verdict"]) == (1499, "ready with warnings")
    assert len(written["findings"]) < 1010


def test_images_count_as_something_asked(tmp_path: Path) -> None:
    rows = many(60)
    for n, row in enumerate(rows):
        row["messages"][0]["content"] = [{"type": "image_url", "image_url": {"url": f"data:{n}"}}]
    report = check(tmp_path, rows)
    assert (report.format, report.verdict) == ("vision", "ready")
