"""string_check: the four operations, and the extensions that are off unless named."""

from __future__ import annotations

from typing import Any

import pytest

from graders.definition import read_grader
from graders.grader import Grade
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded
from tests.growth import grows_with_size


def grade(answer: str, gold: Any = "Paris", **fields: Any) -> Grade:
    definition = {"operation": "eq", "reference": "{{ item.gold }}", **fields}
    return read_grader({"type": "string_check", **definition}).grade(Sample({"gold": gold}, answer))


@pytest.mark.parametrize(
    ("operation", "answer", "score"),
    [
        ("eq", "Paris", 1.0),
        ("eq", "paris", 0.0),
        ("eq", " Paris", 0.0),  # nothing is trimmed
        ("ne", "Rome", 1.0),
        ("neq", "Rome", 1.0),  # as the guide writes it
        ("ne", "Paris", 0.0),
        ("like", "It is Paris.", 1.0),
        ("like", "It is PARIS.", 0.0),
        ("like", "", 0.0),
        ("like", "%Paris%", 1.0),
        ("ilike", "It is PARIS.", 1.0),
        ("ilike", "Pari", 0.0),
    ],
)
def test_operations(operation: str, answer: str, score: float) -> None:
    given = grade(answer, operation=operation)
    assert (given.score, given.passed) == (score, score == 1.0)


def test_the_reason_shows_both_strings() -> None:
    assert grade("Rome").reason == "'Rome' eq 'Paris' is False"


def test_the_reason_of_a_huge_answer_is_short() -> None:
    given = grade("x" * 100_000_000)
    assert given.score == 0.0
    assert len(given.reason) < 1000


def test_an_answer_cannot_smuggle_in_a_slot() -> None:
    assert grade("{{ item.gold }}").score == 0.0


@pytest.mark.parametrize(
    ("extract", "answer", "gold", "score"),
    [
        ("number", "First 3, then $29.00.", "29", 1.0),
        ("number", "It costs 1,000", "$1000", 1.0),
        ("number", "That is 60%", "60", 1.0),
        ("number", "-0", "0", 1.0),
        ("number", "x = -3.50", "-3.5", 1.0),
        ("number", "240 km in 6 hours, so 40km/h", "40", 1.0),
        ("number", "USD 5, that is .25 each: $.25", "0.25", 1.0),
        ("number", "Result:\n- 42 apples", "42", 1.0),
        ("number", "It is 6/8", "3/4", 1.0),
        ("number", "10e399", "1e400", 1.0),
        ("choice", "The answer is (B)", "B", 1.0),
        ("choice", "B", "B", 1.0),
        ("choice", "b.", "B", 1.0),
        ("choice", "**C**, because A and B are wrong", "C", 1.0),
        ("choice", "Answer: C", "(C)", 1.0),
        ("choice", "B. The answer is a bit subtle.", "B", 1.0),
        ("choice", "(B) is right. The best option is a hash map.", "B", 1.0),
        ("choice", "The answer is I think B", "B", 1.0),
        ("choice", r"\boxed{B}", "B", 1.0),
        ("choice", "I choose A.", "A", 1.0),
        ("choice", "The answer is A", "A", 1.0),
        ("choice", "First I thought the answer is A. The answer is D.", "D", 1.0),
        ("boxed", r"so \boxed{\frac{1}{2}} it is", r"\frac{1}{2}", 1.0),
        ("boxed", r"\boxed{1} no, \boxed{2}", "2", 1.0),
        ({"type": "json", "field": "a.b[1]"}, 'Sure: {"a": {"b": [1, "x"]}}', "x", 1.0),
        ({"type": "json", "field": "n"}, '```json\n{"n": 3}\n```', 3, 1.0),
        ({"type": "regex", "pattern": r"#### (\S+)"}, "#### 1\n#### 72", "72", 1.0),
        ({"type": "json", "field": "n"}, 'Let me think {"a": 1}. {"n": 3} {"b": 1}', "3", 1.0),
        ({"type": "regex", "pattern": r"\d+"}, "a1b22", "22", 1.0),
        ({"type": "regex", "pattern": r"A(\d+)|B(\d+)"}, "A3 B4", "4", 1.0),
    ],
)
def test_extract(extract: Any, answer: str, gold: Any, score: float) -> None:
    given = grade(answer, gold, extract=extract)
    assert (given.score, given.parsed) == (score, True)


@pytest.mark.parametrize(
    ("extract", "answer"),
    [
        ("number", "none at all"),
        ("number", "2 of 3"),
        ("number", "It takes 3 of 4"),
        ("number", "on 2026-11-20"),
        ("number", "It takes 3 - 5 days"),
        ("number", "9" * 1000),
        ("choice", "A cat sat on a mat"),
        ("choice", "the answer is a bit unclear"),
        ("boxed", r"\boxed{never closed"),
        ({"type": "json", "field": "a"}, "no braces"),
        ({"type": "json", "field": "a"}, '{"b": 1}'),
        ({"type": "json", "field": "a"}, '{"a":' * 100_000),
        ({"type": "json", "field": "a"}, "{" * 100_000),
        ({"type": "regex", "pattern": "#### (.*)"}, "no marks"),
    ],
)
def test_an_answer_without_it_scores_zero_and_counts_as_unparsed(extract: Any, answer: str) -> None:
    given = grade(answer, "1" if extract == "number" else "A", extract=extract)
    assert (given.score, given.passed, given.parsed) == (0.0, False, False)


@pytest.mark.parametrize(
    ("extract", "before", "piece", "after"),
    [
        ("choice", "xx", "\n", ""),
        ("choice", "", "answer ", ""),
        ("number", "", "1,", "x"),
        ("number", "", "$", ""),
        ("boxed", "", "\\boxed{", ""),
        ({"type": "json", "field": "z"}, '{"a":[' * 400, "1,", ""),
        ({"type": "json", "field": "z"}, '{"a":' * 990 + '"', "x", ""),
    ],
    ids=[*"1234567"],
)
def test_a_hostile_answer_is_read_in_time(
    extract: Any, before: str, piece: str, after: str
) -> None:
    reference = "1" if extract == "number" else "A"

    def read(pieces: int) -> None:
        grade(before + piece * pieces + after, reference, extract=extract)

    assert grows_with_size(read, 100_000)


def test_a_reference_without_a_number_is_the_evalsets_fault() -> None:
    with pytest.raises(Ungraded, match="the reference cannot be compared"):
        grade("3", "three", extract="number")


def test_a_regex_that_explodes_is_ungraded() -> None:
    with pytest.raises(Ungraded, match="took more than") as ungraded:
        grade("a" * 40 + "!", "x", extract={"type": "regex", "pattern": r"^(a|aa)+$"})
    assert ungraded.value.kind is Kind.OTHER


@pytest.mark.parametrize(
    ("tolerance", "answer", "score"),
    [
        (0.01, "3.14", 1.0),
        (0.001, "3.14", 0.0),
        ({"relative": 0.01}, "about 3.15", 1.0),
        ({"absolute": 0}, "3.14159", 1.0),
        (0.1, "pi", 0.0),
    ],
)
def test_tolerance_compares_numbers(tolerance: Any, answer: str, score: float) -> None:
    assert grade(answer, "3.14159", tolerance=tolerance).score == score


def test_tolerance_with_ne_asks_for_distance() -> None:
    assert grade("5", "3", operation="ne", tolerance=1).score == 1.0
    assert grade("3.5", "3", operation="ne", tolerance=1).score == 0.0


@pytest.mark.parametrize(
    ("fold", "answer"),
    [
        ({"ignore_case": True}, "PARIS"),
        ({"ignore_space": True}, "  Paris \n"),
        ({"ignore_case": True, "ignore_space": True}, "\tpARIS"),
    ],
)
def test_folding_is_off_unless_named(fold: dict[str, bool], answer: str) -> None:
    assert grade(answer).score == 0.0
    assert grade(answer, **fold).score == 1.0
