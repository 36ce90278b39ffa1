"""Rows that are there twice, and rows that contradict each other.

Twice: every word is the same (duplicate); only spelling, case or punctuation differs (respelled);
most of the words are the same (near_duplicate). A contradiction asks the same and has another
answer: for open questions that may be meant, for labels it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from flywheel.data.checks.findings import Findings
from flywheel.data.leakage.minhash import near_pairs
from flywheel.data.rows.view import Check, View

NEAR = 0.8


class Repeats(Check):
    """Remembers a number for each row. Two rows share one by chance once in 2**64."""

    def __init__(self) -> None:
        self._exact: dict[bytes, str] = {}
        self._folded: dict[bytes, str] = {}
        self._asked: dict[bytes, tuple[str, bytes]] = {}
        self._texts: list[str] = []
        self._wheres: list[str] = []

    def see(self, view: View, found: Findings) -> None:
        """Compare one row with those before it."""
        where = view.row.where
        first = self._exact.setdefault(row_key(view), where)
        if first != where:
            found.add("duplicate", "warning", where, f"the same row as {first}")
            return
        first = self._folded.setdefault(folded_key(view), where)
        if first != where:
            story = f"the same as {first} but for case, blanks or punctuation"
            found.add("respelled", "warning", where, story)
            return
        self._texts.append(f"{view.asked} {view.answered}")
        self._wheres.append(where)
        if not view.answered:
            return
        answer = _key(view.answered)
        asked = _key(view.setting, view.asked)
        first, answer_before = self._asked.setdefault(asked, (where, answer))
        if answer_before != answer:
            what = "another label" if view.row.kind == "unpaired" else "another answer"
            what = "other fields to grade by" if view.row.kind == "reward" else what
            found.add("contradiction", "warning", where, f"asks the same as {first}, with {what}")

    def end(self, path: str, found: Findings) -> Mapping[str, Any]:
        """The near duplicates, which need all rows at once."""
        for index, (other, share) in near_pairs(self._texts, NEAR).items():
            story = f"{share:.0%} the same as {self._wheres[other]}"
            found.add("near_duplicate", "warning", self._wheres[index], story)
        return {}


def row_key(view: View) -> bytes:
    """Equal for two rows that say exactly the same, whatever fields stand beside."""
    return _key(view.setting, view.question, view.answer)


def folded_key(view: View) -> bytes:
    """Equal for two rows that a reader would call the same."""
    return _key(view.setting, view.asked, view.answered)


def asked_key(view: View) -> bytes:
    """Equal for two rows that ask the same, in whatever setting."""
    return _key(view.asked)


def _key(*texts: str) -> bytes:
    joined = "\x1f".join(texts).encode("utf-8", "surrogatepass")
    return blake2b(joined, digest_size=8).digest()
