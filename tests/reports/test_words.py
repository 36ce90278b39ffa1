"""Words that came from elsewhere show what is in them, and fit wherever they are put."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from flywheel.reports.diff import diff
from flywheel.reports.words import cut, one_line, visible
from tests.reports.made import HOSTILE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb", "a\\r\nb"),
        ("\x00", "\\x00"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
        ("שלום 日本語 👩‍👩‍👧", "שלום 日本語 👩‍👩‍👧"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_every_character_fits_into_xml_and_utf_8() -> None:
    every = "".join(map(chr, range(0x110000)))
    shown = visible(every)
    shown.encode("utf-8")
    element = ElementTree.Element("e")
    element.text = shown
    assert ElementTree.fromstring(ElementTree.tostring(element, "unicode")).text == shown


def test_a_name_is_one_line_of_a_length() -> None:
    assert one_line("a\nb\tc") == "a\\nb\\tc"
    assert one_line("x" * 500, 10) == "xxxxxxxxx…"
    assert "\n" not in one_line(HOSTILE)


def test_what_is_cut_is_counted() -> None:
    assert cut("x" * 2001) == ("x" * 2000, 1)
    assert cut("short") == ("short", 0)


@pytest.mark.parametrize(
    ("before", "after", "left", "right"),
    [
        ("a b c", "a b c", [], []),
        ("", "new", [], ["new"]),
        ('{"p": "high"}', '{"p": "low"}', ["high"], ["low"]),
        ("the cat sat", "the dog sat", ["cat "], ["dog "]),
        ("東京です", "京都です", ["東"], ["都"]),
    ],
)
def test_words_of_one_answer_only_are_found(
    before: str, after: str, left: list[str], right: list[str]
) -> None:
    found = diff(before, after)
    assert [piece.text for piece in found[0] if piece.alone] == left
    assert [piece.text for piece in found[1] if piece.alone] == right


def test_pieces_make_the_whole_again() -> None:
    left, right = diff(HOSTILE, HOSTILE[::-1])
    assert "".join(piece.text for piece in left) == HOSTILE
    assert "".join(piece.text for piece in right) == HOSTILE[::-1]
