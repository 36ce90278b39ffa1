"""Formulas: what they compute, and what they refuse, with the column."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.combine.formula import BadFormula, Formula
from graders.ungraded import Kind, Ungraded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", 0.5),
        ("(a + b) / 2", 1.25),
        ("1 - 2 - 3", -4),
        ("8 / 4 / 2", 1),
        ("2 + 3 * 4", 14),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("(-2) ^ 2", 4),
        ("2 ^ -1", 0.5),
        ("2 * -3", -6),
        ("--1", 1),
        ("+a", 0.5),
        (".5 + 1.e0 + 1e-3", 1.501),
        ("min(a, b, 3)", 0.5),
        ("max(b)", 2),
        ("abs(-b) + floor(1.7) + ceil(1.2)", 5),
        ("exp(0) + sqrt(4) + log(1)", 3),
        ("min (a,b)", 0.5),
        ("+".join(["1"] * 3000), 3000),
        ("max(" + ",".join(["b"] * 500) + ")", 2),
    ],
)
def test_value(text: str, value: float) -> None:
    assert Formula(text, ["a", "b"])({"a": 0.5, "b": 2.0}) == pytest.approx(value)


def test_a_grader_may_have_the_name_of_a_function() -> None:
    assert Formula("min + max(min, 2)", ["min"])({"min": 1.0}) == 3


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("", "column 1: the end came"),
        ("(a + b", "column 7: the end came"),
        ("a + b)", "column 6: ')' came"),
        ("a +", "column 4: the end came"),
        ("a b", "column 3: 'b' came"),
        ("a ** b", "column 4: '*' came"),
        ("a % b", "column 3: '%' came"),
        ("a > b", "column 3: '>' came"),
        ("c", "column 1: unknown name 'c'"),
        ("sim-score", "column 1: unknown name 'sim'"),
        ("pow(a, b)", "column 1: unknown name 'pow'"),
        ("a(1)", "column 1: unknown name 'a'"),
        ("abs(a, b)", "column 6: ',' came"),
        ("max()", "column 5: ')' came"),
        ("a + ²", "column 5: '²' came"),
        ("a + ٣", "column 5: '٣' came"),
        ("1e999", "column 1: '1e999' came"),
        ("__import__('os')", "column 1: unknown name '__import__'"),
        ("a.real", "column 2: '.' came"),
        ("'x' * 9", 'column 1: "\'" came'),
        ("lambda: 1", "column 1: unknown name 'lambda'"),
        ("a if b else 1", "column 3: 'if' came"),
        ("(" * 60 + "1" + ")" * 60, "nested more than 50 deep"),
        ("-" * 60 + "1", "nested more than 50 deep"),
        ("1+" * 6000 + "1", "column 10001: the formula has 12001 characters"),
    ],
)
def test_what_is_no_formula_is_refused_with_its_column(text: str, story: str) -> None:
    with pytest.raises(BadFormula) as refused:
        Formula(text, ["a", "b"])
    assert story in str(refused.value)


@pytest.mark.parametrize(
    "text", ["a / 0", "log(0)", "log(-a)", "sqrt(-1)", "exp(1000)", "(0-8) ^ 0.5", "10^10^10"]
)
def test_a_result_that_is_no_finite_number_is_no_verdict(text: str) -> None:
    with pytest.raises(Ungraded) as ungraded:
        Formula(text, ["a"])({"a": 1.0})
    assert ungraded.value.kind is Kind.OTHER
    assert text in ungraded.value.detail


@given(st.text(alphabet="ab12.+-*/^(), minxe", max_size=40))
def test_any_text_is_computed_or_refused(text: str) -> None:
    try:
        value = Formula(text, ["a", "b"])({"a": 0.5, "b": 2.0})
    except (BadFormula, Ungraded):
        return
    assert math.isfinite(value)
