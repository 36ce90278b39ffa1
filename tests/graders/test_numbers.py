"""The last number of a text, read right or not at all: a table, and noise."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders.answers.numbers import last_number, plain

READ = [
    ("答案是42", "42"),
    ("答えは-3です。", "-3"),
    ("정답은42입니다", "42"),
    ("\u20115", "-5"),
    ("\uff0d5", "-5"),
    ("\u0663\u066b\u0665", "3.5"),
    (r"\frac{3}{4} = 0.75", "0.75"),
    (r"\fbox{5}", "5"),
    ("5 apples + 3 pears = 8 fruits", "8"),
    ("distance / speed = 120 / 60 = 2 hours", "2"),
    ("5 apples - 3 eaten", "3"),
    ("w/ 5", "5"),
    ("42", "42"),
    ("It is 42.", "42"),
    ("First 3, then $29.00.", "29"),
    ("1, 2, 3", "3"),
    ("-3.50", "-3.5"),
    ("\u22123.5", "-3.5"),
    ("-$5", "-5"),
    ("$-5", "-5"),
    ("+7", "7"),
    ("-0", "0"),
    (".25", "0.25"),
    ("$.25", "0.25"),
    ("5!", "5"),
    ("No.5", "5"),
    ("#12345", "12345"),
    ("(5)", "5"),
    ("3rd", "3"),
    ("~5 km", "5"),
    ("x = 5", "5"),
    ("- 42 apples", "42"),
    ("Result:\n- 42 apples", "42"),
    ("60%", "60"),
    (r"60\%", "60"),
    ("40km/h", "40"),
    ("$5/month", "5"),
    ("3 million", "3"),
    ("5 €", "5"),
    ("€ 5", "5"),
    ("25 m^2", "25"),
    ("25 m²", "25"),
    ("25 m2", "25"),
    (r"25 \text{ m}^2", "25"),
    (r"25\,\mathrm{cm}^{3}", "25"),
    (r"90^\circ", "90"),
    ("2 molecules of H2O", "2"),
    ("7, as GPT-4 says", "7"),
    ("7 for x_1", "7"),
    ("May 5, 2024", "2024"),
    ("In 2023 100 people", "100"),
    # thousands and decimals
    ("1,234", "1234"),
    ("1,234,567.89", "1234567.89"),
    ("1,23,456", "123456"),
    ("1 000", "1000"),
    ("12 345,6", "12345.6"),
    ("1\u202f000\u202f000", "1000000"),
    ("1\u00a0000.5", "1000.5"),
    ("1'000", "1000"),
    ("1_000", "1000"),
    ("$14{,}916$", "14916"),
    (r"14\,916", "14916"),
    (r"\boxed{14{,}916}", "14916"),
    (r"\boxed{3{,}14}", "3.14"),
    ("1.234,56", "1234.56"),
    ("1.234.567", "1234567"),
    ("1.234", "1.234"),
    ("3,14", "3.14"),
    ("0,500", "0.5"),
    ("5,00 €", "5"),
    # fractions
    ("3/4", "0.75"),
    ("-3/4", "-0.75"),
    ("3 / 4", "0.75"),
    ("1/3", "0.3333333333333333333333333333333333333333"),
    ("2/6", "0.3333333333333333333333333333333333333333"),
    ("1,000/4", "250"),
    ("2 1/2", "2.5"),
    ("-2 1/2", "-2.5"),
    ("2½", "2.5"),
    ("2 ½", "2.5"),
    ("½", "0.5"),
    ("1\u20442", "0.5"),
    (r"\frac{3}{4}", "0.75"),
    (r"\dfrac{3}{4}", "0.75"),
    (r"\frac34", "0.75"),
    (r"-\frac{1}{4}", "-0.25"),
    (r"\frac{-1}{4}", "-0.25"),
    (r"2\frac{1}{2}", "2.5"),
    (r"\boxed{\frac{22}{8}}", "2.75"),
    ("1/2 + 1/4 = 3/4", "0.75"),
    # powers of ten
    ("1.5e3", "1500"),
    ("1.5E-2", "0.015"),
    ("10e399", "1E+400"),
    ("1.5 x 10^3", "1500"),
    ("1.5 \u00d7 10^{3}", "1500"),
    (r"1.5 \times 10^{-3}", "0.0015"),
    (r"$1.5\cdot10^3$", "1500"),
    ("1.5*10**3", "1500"),
    ("1,5·10³", "1500"),
    ("-2 x 10^3", "-2000"),
    ("10^-3", "0.001"),
    ("10⁻³", "0.001"),
    ("\uff14\uff12", "42"),  # full-width digits
    ("\u0664\u0662", "42"),  # Arabic digits
]

NOT_READ = [
    "10%-20%",
    "5 kg - 10 kg",
    "5kg-10kg",
    "10km\u201320km",
    "5\u20117 days",
    "10 cm x 5 cm",
    "5°30'",
    r"\pi/2",
    r"\sqrt{2}/2",
    "n/2",
    "(1 + √5) / 2",
    "1/x",
    "3!/2",
    "y = 2x + 3",
    "x+7",
    "5 * x * 7",
    "2(3)",
    "0.(3)",
    r"0.\overline{3}",
    "0.3\u0304",
    "4^{1/2}",
    "4^(0.5)",
    "x^-2",
    "e^{-2}",
    "",
    "none at all",
    "H2O",
    "x_1",
    "GPT-4",
    "x-5",
    "5-7",
    "5\u20137",
    "It takes 3 - 5 days",
    "3:4",
    "3 : 4",
    "12:30",
    "on 2026-11-20",
    "11/20/2026",
    "2026-11-20T12:30",
    "5 ± 0.1",
    "5±0.1",
    "5 (±0.1)",
    r"5 \pm 0.1",
    "3 + 4",
    "3 x 4",
    "1920x1080",
    "2^10",
    "5²",
    "x^2",
    "2^n",
    r"2\sqrt{3}",
    r"\sqrt{2}",
    "√2",
    r"3\pi",
    "2π",
    r"\frac{\pi}{2}",
    r"\frac{\sqrt{3}}{2}",
    r"\frac{1}{0}",
    r"\frac 3 4",
    "1/0",
    "1/2/3",
    "2 3/2",
    "3/-4",
    "0x1F",
    "1.2.3",
    "192.168.1.1",
    "1,2,3",
    "1,234,56",
    "(1,5)",
    "[1,5]",
    "5'11",
    "555-1234",
    "\u20135",
    "1e400000",
    "9" * 1000,
]


@pytest.mark.parametrize(("text", "number"), READ)
def test_a_number_is_read_right(text: str, number: str) -> None:
    value = last_number(text)
    assert value is not None
    assert (plain(value), value) == (number, Decimal(number))


@pytest.mark.parametrize("text", NOT_READ)
def test_what_is_not_one_number_is_not_read(text: str) -> None:
    assert last_number(text) is None


@settings(max_examples=200, deadline=None)
@given(st.decimals(-(10**9), 10**9, places=3), st.sampled_from(["{}", "{:,}", "${:,}", "**{}**"]))
def test_every_number_is_read_as_it_was_written(number: Decimal, form: str) -> None:
    assert last_number(f"So 3 and 4 make {form.format(number)}.") == number


@settings(max_examples=200, deadline=None)
@given(st.integers(-999, 999), st.integers(1, 999))
def test_equal_fractions_are_equal(above: int, below: int) -> None:
    one, other = (
        last_number(f"{above}/{below}"),
        last_number(rf"\frac{{{3 * above}}}{{{3 * below}}}"),
    )
    assert one is not None
    assert one == other


PIECES = st.sampled_from([*"0123456789.,/:^-+x{}()\\ '$%½²", "\\frac", "10^", "1 000", "e3", " x "])


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=20).map("".join))
def test_no_text_crashes(text: str) -> None:
    value = last_number(text)
    assert value is None or last_number(plain(value)) == value


@pytest.mark.parametrize(
    "piece", ["1,", "1 ", "1/", "1^", "$", "-", "\\frac{", "{,}", "½", "x1", "1 000"]
)
def test_a_hostile_answer_is_read_in_linear_time(piece: str) -> None:
    last_number(piece * 200_000)


@pytest.mark.parametrize(
    "text",
    [
        "5 to 7",
        "from 5 to 7 days",
        "between 5 and 7",
        "between $5 and $7",
        "5 or 7",
        "1 in 4",
        "5 out of 100",
        "5 hours and 30 minutes",
        "3h 20min",
        "3 ft 4 in",
        "42 dollars and 50 cents",
        "1\u00f72",
        "2x",
        "y = 2x",
    ],
)
def test_two_numbers_that_words_make_one_are_not_read(text: str) -> None:
    assert last_number(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("We round 3.14159 to 3.14", "3.14"),
        ("He walks 10 km in 2 hours", "2"),
        ("1 /2", "0.5"),
        ("\uff10\uff0e\uff15", "0.5"),
        ("2x + 3 = 7, so x = 2", "2"),
        ("Add 2 to 5 to get 7", "7"),
        ("He has 3 dollars and 5 apples", "5"),
    ],
)
def test_a_number_beside_such_words_is_read(text: str, number: str) -> None:
    assert last_number(text) == Decimal(number)
