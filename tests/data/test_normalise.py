"""What normalising takes away, and what it leaves."""

from __future__ import annotations

import pytest

from flywheel.data.leakage.normalise import normalise
from tests.growth import grows_with_size


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  Where is\tmy\n\nORDER?! ", "where is my order"),
        ("“Straße” — it's closed…", "strasse it s closed"),
        ("\uff26\uff55\uff4c\uff4c width \ufb01ne", "full width fine"),
        ("zero\u200bwidth so\u00adft \ufefftext\ufe0f", "zerowidth soft text"),
        ("cafe\u0301", "café"),
        ("order #43870, 3.5 kg", "order 43870 3 5 kg"),
        ("snake_case and e-mail, km/h", "snake case and e mail km h"),
        ("It costs $5 or €6, 20% off \U0001f600", "it costs $ 5 or € 6 20 % off \U0001f600"),
        ("\u4eca\u65e5\u306f", "\u4eca \u65e5 \u306f"),
        ("\u0915\u093f", "\u0915\u093f"),  # the vowel sign makes the word
        ("?!… --", ""),
        ("", ""),
        ("\ud800 alone", "\ud800 alone"),
    ],
)
def test_what_is_left_of_a_text(text: str, words: str) -> None:
    assert normalise(text) == words
    assert normalise(words) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 8 - 2?", "What is 8 * 2?"),
        ("8/2", "8*2"),
        ("What is 5?", "What is -5?"),
        ("1 < 2", "1 > 2"),
        ("$5", "€5"),
        ("order 12", "order 13"),
    ],
)
def test_what_makes_another_question_stays(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize("mark", ["\u0301\u0327", "\ufdfa", "- ", "x", " ", "1-"])
def test_a_long_text_of_anything_takes_no_time(mark: str) -> None:
    assert grows_with_size(lambda n: normalise("a" + mark * (n // len(mark)) + "é"), 50_000)
