"""Words that came from elsewhere show what is in them, and fit wherever they are put."""

from __future__ import annotations

import pytest

from flywheel.reports.diff import diff
from flywheel.reports.words import cut
from tests.reports.made import HOSTILE


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
