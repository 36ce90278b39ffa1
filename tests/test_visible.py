"""Text from elsewhere shows what is in it, and fits wherever it is put."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from flywheel.visible import beginning, json_visible, one_line, visible
from tests.reports.made import HOSTILE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext\twith tabs", "plain\ntext\twith tabs"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]52;c;cm0gLXJm\x07", r"\x1b]52;c;cm0gLXJm\x07"),
        ("a\x00b\r\x7f\x9b", r"a\x00b\r\x7f\x9b"),
        ("abc\u202egnp.exe", r"abc\u202egnp.exe"),
        ("in\u2066out\u2069", r"in\u2066out\u2069"),
        ("z\u200bw\ufeff\u00ad\u2060", r"z\u200bw\ufeff\xad\u2060"),
        ("hi\U000e0041\U000e0101", r"hi\U000e0041\U000e0101"),
        ("a\u034fb\u3164c\ufe00", r"a\u034fb\u3164c\ufe00"),
        ("line\u2028break", r"line\u2028break"),
        ("half \ud800", r"half \ud800"),
        ("\ufffe\ufdd0", r"\ufffe\ufdd0"),
        ("pay\u200dpal \u200c", r"pay\u200dpal \u200c"),
        ("200\u202f000 \u00a0\u3000\ue000\U0001faea",) * 2,
        ("\U0001f469\u200d\U0001f52c \u2764\ufe0f\u200d\U0001f525 \u0645\u06cc\u200c\u062e",) * 2,
        ("\u05e9\u05dc\u05d5\u05dd \u65e5\u672c\u8a9e",) * 2,
        ("![x](http://evil.example/a.png)",) * 2,
        ("",) * 2,
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


@pytest.mark.parametrize("text", [HOSTILE, "\x9b2J\x7f\U000e0041", "\U0001f469\u200d\U0001f52c"])
def test_json_means_the_same_and_hides_nothing(text: str) -> None:
    printed = json_visible(json.dumps({text: [text]}, ensure_ascii=False, indent=2))
    assert json.loads(printed) == {text: [text]}
    assert visible(printed) == printed


def test_a_name_is_one_line_of_a_length() -> None:
    assert one_line("a\nb\tc") == "a\\nb\\tc"
    assert one_line("x" * 500, 10) == "xxxxxxxxx…"
    assert "\n" not in one_line(HOSTILE)


def test_a_long_text_is_cut_and_says_so() -> None:
    assert beginning("x" * 200_000) == "x" * 50_000 + "\n… and 150,000 more characters"
    assert beginning("12345", most=5) == "12345"
