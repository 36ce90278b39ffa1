"""What would act on the screen, or be unseen, is shown as a sign."""

from __future__ import annotations

import pytest

from flywheel.review.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext\twith tabs", "plain\ntext\twith tabs"),
        ("\x1b[31mred\x1b[0m", "⟨U+001B⟩[31mred⟨U+001B⟩[0m"),
        ("a\x00b\r\x7f\x9b", "a⟨U+0000⟩b⟨U+000D⟩⟨U+007F⟩⟨U+009B⟩"),
        ("abc\u202edef", "abc⟨U+202E⟩def"),
        ("in\u2066out\u2069", "in⟨U+2066⟩out⟨U+2069⟩"),
        ("z\u200bw\ufeff\u00ad", "z⟨U+200B⟩w⟨U+FEFF⟩⟨U+00AD⟩"),
        ("hi\U000e0041", "hi⟨U+E0041⟩"),
        ("line\u2028break", "line⟨U+2028⟩break"),
        ("half \ud800", "half ⟨U+D800⟩"),
        ("\U0001f469\u200d\U0001f52c \u0645\u06cc\u200c\u062e",) * 2,
        ("\u05e9\u05dc\u05d5\u05dd",) * 2,
        ("![x](http://evil.example/a.png)", "![x](http://evil.example/a.png)"),
        ("", ""),
    ],
)
def test_unseen_characters_are_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    assert visible("x" * 200_000) == "x" * 50_000 + "\n… and 150,000 more characters"
    assert visible("12345", most=5) == "12345"
