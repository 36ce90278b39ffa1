"""Comparisons beyond the wire: JSON, patterns, beginnings, several references, distances."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from graders.asks import Embed, Vectors
from graders.definition import read_grader, wire_json
from graders.grader import Grade
from graders.sample import Sample
from graders.text.strict_json import dump_json
from graders.ungraded import Kind, Ungraded


def check(operation: str, answer: str, gold: Any = "Paris", **fields: Any) -> Grade:
    definition = {"operation": operation, "reference": "{{ item.gold }}", **fields}
    return read_grader({"type": "string_check", **definition}).grade(Sample({"gold": gold}, answer))


def similar(metric: str, answer: str, gold: Any, **fields: Any) -> Grade:
    definition = {"evaluation_metric": metric, "reference": "{{ item.gold }}", **fields}
    grader = read_grader({"type": "text_similarity", **definition})
    return grader.grade(Sample({"gold": gold}, answer))


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ('{"a": 1, "b": 2}', {"b": 2, "a": 1}, 1.0),
        ('{"a": 1.0}', {"a": 1}, 1.0),
        ('{"a": 1e2}', {"a": 100}, 1.0),
        ('{"a": -0}', {"a": 0}, 1.0),
        ("0.1", 0.1, 1.0),
        ("100000000000000000000000001", 100000000000000000000000000, 0.0),  # exact, no float
        ("true", True, 1.0),
        ("true", 1, 0.0),
        ("1", True, 0.0),
        ('"1"', 1, 0.0),
        ("null", None, 1.0),
        ("[1, 2]", [1, 2], 1.0),
        ("[2, 1]", [1, 2], 0.0),
        ("[1]", [1, 1], 0.0),
        ("[]", {}, 0.0),
        ('{"a": null}', {}, 0.0),
        ('```json\n{"a": 1}\n```', {"a": 1}, 1.0),
        ('{"é": "\\u00e9"}', {"é": "é"}, 1.0),
    ],
)
def test_json_values_are_compared(answer: str, gold: Any, score: float) -> None:
    given = check("json", answer, gold)
    assert (given.score, given.parsed) == (score, True)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Paris",
        'Here: {"a": 1}',
        '{"a": 1',
        '{"a": 1, "a": 1}',
        '{"b": [{"a": 1, "a": 2}]}',
        "NaN",
        "[" * 100_000,
        "9" * 5_000 + ".",
        "1e99999999999999999999",
    ],
)
def test_what_is_no_json_or_names_a_key_twice_is_unparsed(answer: str) -> None:
    given = check("json", answer, {"a": 1})
    assert (given.score, given.parsed) == (0.0, False)


def test_lists_in_any_order_are_equal_on_request() -> None:
    gold = {"tags": ["a", "b", "b"], "rows": [[1, 2], [3]]}
    answer = '{"rows": [[3], [2, 1]], "tags": ["b", "a", "b"]}'
    assert check("json", answer, gold).score == 0.0
    assert check("json", answer, gold, ignore_order=True).score == 1.0
    assert check("json", '["a", "b"]', ["a", "b", "b"], ignore_order=True).score == 0.0


def test_json_folds_its_strings_on_request_and_never_its_words() -> None:
    assert check("json", '{"a": " PARIS"}', {"a": "Paris"}).score == 0.0
    folded = {"ignore_case": True, "ignore_space": True}
    assert check("json", '{"a": " PARIS"}', {"a": "Paris"}, **folded).score == 1.0
    assert not check("json", '{"a": TRUE}', {"a": True}, **folded).parsed


def test_json_of_a_text_with_more_around_it_is_extracted() -> None:
    assert check("json", 'So: {"a": 1.0}. Done.', {"a": 1}, extract="json").score == 1.0
    assert not check("json", 'So: {"a": 1, "a": 1}.', {"a": 1}, extract="json").parsed
    assert not check("json", "no braces", {"a": 1}, extract="json").parsed


def test_a_reference_that_is_no_json_is_the_evalsets_fault() -> None:
    with pytest.raises(Ungraded, match="'Paris' is not JSON"):
        check("json", "{}", "Paris")


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | FLOATS
JSON = st.recursive(
    LEAVES,
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(JSON, JSON)
def test_json_equality_is_that_of_values(one: Any, other: Any) -> None:
    assert check("json", dump_json(one), dump_json(one), ignore_order=True).score == 1.0
    if one != other:
        assert check("json", dump_json(one), dump_json(other)).score == 0.0


@pytest.mark.parametrize(
    ("operation", "answer", "gold", "fields", "score"),
    [
        ("starts_with", "Paris, of course", "Paris", {}, 1.0),
        ("starts_with", "In Paris", "Paris", {}, 0.0),
        ("starts_with", "PARIS", "Paris", {}, 0.0),
        ("starts_with", " PARIS", "Paris", {"ignore_case": True, "ignore_space": True}, 1.0),
        ("regex", "It is Paris.", r"\bParis\b", {}, 1.0),
        ("regex", "It is PARIS.", r"\bParis\b", {}, 0.0),
        ("regex", "It is PARIS.", r"\bParis\b", {"ignore_case": True}, 1.0),
        ("regex", "a b", r"^\S+$", {"ignore_case": True}, 0.0),  # \S is not folded to \s
        ("regex", "x42", r"^[a-z]\d+$", {"extract": {"type": "regex", "pattern": r"x\d+"}}, 1.0),
        ("regex", "Parisian", "^Paris$", {}, 0.0),
    ],
)
def test_beginnings_and_patterns(
    operation: str, answer: str, gold: str, fields: dict[str, Any], score: float
) -> None:
    assert check(operation, answer, gold, **fields).score == score


def test_a_pattern_that_explodes_or_is_none_is_ungraded() -> None:
    with pytest.raises(Ungraded, match="took more than"):
        check("regex", "a" * 40 + "!", r"^(a|aa)+$")
    with pytest.raises(Ungraded, match="not a regular expression"):
        check("regex", "a", "(")


@pytest.mark.parametrize("operation", ["like", "ilike", "starts_with", "regex"])
def test_an_empty_reference_is_no_reference(operation: str) -> None:
    with pytest.raises(ValidationError, match="needs a reference"):
        check(operation, "anything", reference="")
    with pytest.raises(ValidationError, match="needs a reference"):
        check(operation, "anything", reference=["Paris", ""])
    with pytest.raises(Ungraded, match="the reference is empty") as ungraded:
        check(operation, "anything", gold="")
    assert ungraded.value.kind is Kind.OTHER
    with pytest.raises(Ungraded, match="the reference is empty"):
        check(operation, "anything", gold=["Paris", ""], reference=["{{ item.gold }}"])


def test_an_empty_text_can_be_wanted_exactly() -> None:
    assert check("eq", "", gold="").score == 1.0
    assert check("eq", "x", gold="", reference="").score == 0.0


@pytest.mark.parametrize(
    ("operation", "answer", "reference", "score"),
    [
        ("eq", "Lutetia", ["Paris", "Lutetia"], 1.0),
        ("eq", "Rome", ["Paris", "Lutetia"], 0.0),
        ("ne", "Rome", ["Paris", "Lutetia"], 1.0),
        ("ne", "Paris", ["Paris", "Lutetia"], 0.0),
        ("like", "It is Lutetia.", ["Paris", "Lutetia"], 1.0),
        ("eq", "Ville", ["{{ item.gold }}"], 1.0),  # an item's list stands for its elements
        ("eq", "Paname", ["Paris", "{{ item.gold }}"], 1.0),
        ("eq", '["Ville", "Paname"]', ["{{ item.gold }}"], 0.0),
        ("eq", '["Ville", "Paname"]', "{{ item.gold }}", 1.0),  # one text, as it was
        ("eq", "3", ["{{ item.numbers }}"], 1.0),
        ("json", "3.0", ["{{ item.numbers }}"], 1.0),
    ],
)
def test_any_of_several_references(
    operation: str, answer: str, reference: Any, score: float
) -> None:
    definition = {"type": "string_check", "operation": operation, "reference": reference}
    item = {"gold": ["Ville", "Paname"], "numbers": [1, 3]}
    assert read_grader(definition).grade(Sample(item, answer)).score == score


def test_several_references_are_shown_and_read_like_one() -> None:
    given = check("eq", "1,000", reference=["999", "1000.0"], extract="number")
    assert given.score == 1.0
    assert given.reason == "'1000' eq any of '999', '1000' is True"
    assert check("eq", "5", reference=["3", "5.05"], tolerance=0.1).score == 1.0


def test_no_reference_at_all_is_refused_or_ungraded() -> None:
    with pytest.raises(ValidationError, match="needs at least one"):
        check("eq", "x", reference=[])
    with pytest.raises(Ungraded, match="list of references is empty"):
        check("eq", "x", gold=[], reference=["{{ item.gold }}"])


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"operation": "eq", "ignore_order": True}, "goes with json, not eq"),
        ({"operation": "json", "tolerance": 1}, "goes with eq or ne, not json"),
        ({"operation": "regex", "ignore_space": True}, "does not go with regex"),
        ({"operation": "regex", "reference": "("}, "not a regular expression"),
        ({"operation": "eq", "reference": ["{{ x }}"]}, "must start with 'item' or 'sample'"),
    ],
)
def test_options_that_do_not_fit_are_refused(fields: dict[str, Any], story: str) -> None:
    with pytest.raises(ValidationError, match=story):
        read_grader({"type": "string_check", "reference": "x", **fields})


def test_an_evaluate_module_takes_one_reference() -> None:
    with pytest.raises(ValidationError, match="takes one reference"):
        read_grader({"type": "evaluate", "module": "m", "result": "r", "reference": ["a"]})


@pytest.mark.parametrize(
    ("metric", "answer", "gold", "score"),
    [
        ("levenshtein", "kitten", "sitting", 1 - 3 / 7),
        ("levenshtein", "same", "same", 1.0),
        ("levenshtein", "", "abc", 0.0),
        ("levenshtein", "ABC", "abc", 0.0),
        ("numeric_diff", "It is 90.", "110", 0.9),
        ("numeric_diff", "-5", "5", 0.0),
        ("numeric_diff", "0", "0.0", 1.0),
        ("numeric_diff", "1/2", "50%", 1 - 49.5 / 50.5),
        ("numeric_diff", "x" * 200_000 + " 7", "7", 1.0),
    ],
)
def test_distances(metric: str, answer: str, gold: str, score: float) -> None:
    assert similar(metric, answer, gold).score == pytest.approx(score)


def test_a_number_that_is_missing_is_unparsed_or_ungraded() -> None:
    assert not similar("numeric_diff", "none", "5").parsed
    with pytest.raises(Ungraded, match="no number to read in the reference"):
        similar("numeric_diff", "5", "none")


def test_the_closest_reference_counts() -> None:
    assert similar("levenshtein", "abd", "", reference=["xyz", "abc"]).score == pytest.approx(2 / 3)
    grader = read_grader(
        {"type": "text_similarity", "evaluation_metric": "cosine", "reference": ["north", "east"]}
    )
    sample = Sample({}, "up")
    assert grader.asks(sample) == (Embed(("up", "north", "east")),)
    vectors = Vectors(((1.0, 0.0), (0.0, 1.0), (0.6, 0.8)))
    assert grader.grade(sample, [vectors]).score == pytest.approx(0.6)


def test_definitions_with_extensions_go_out_as_they_came() -> None:
    for definition in (
        {"type": "string_check", "operation": "json", "reference": "{}", "ignore_order": True},
        {"type": "string_check", "operation": "eq", "reference": ["a", "{{ item.b }}"]},
        {"type": "text_similarity", "evaluation_metric": "levenshtein", "reference": "a"},
        {"type": "string_check", "operation": "eq", "reference": "a", "extract": {"type": "json"}},
    ):
        assert wire_json(read_grader(definition)) == {**definition, "name": definition["type"]}


@pytest.mark.parametrize("answer", ["\\boxed {1}", "\\fbox{1}", "\\boxed{2} no, \\boxed{1}"])
def test_a_box_is_read_in_its_other_spellings(answer: str) -> None:
    check = {"type": "string_check", "operation": "eq", "reference": "1", "extract": "boxed"}
    assert read_grader(check).grade(Sample({}, answer)).score == 1.0


def test_a_code_block_with_other_line_ends_is_taken_off() -> None:
    check = {"type": "string_check", "operation": "json", "reference": '{"a": 1}'}
    answer = Sample({}, '```json\r\n{"a": 1}\r\n```')
    assert read_grader(check).grade(answer).score == 1.0
