"""Duplicate rows, and rows that contradict each other.

A duplicate is identical; a respelled row differs only in case, spaces or punctuation; a near
duplicate shares most of its text. A contradiction has the same prompt with another answer, which
may be intended for open questions, but not for labels.
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
    """Keeps 64-bit hashes of each row."""

    def __init__(self) -> None:
        self._exact: dict[bytes, str] = {}
        self._folded: dict[bytes, str] = {}
        self._asked: dict[bytes, tuple[str, bytes]] = {}
        self._texts: list[str] = []
        self._wheres: list[str] = []

    def see(self, view: View, findings: Findings) -> None:
        """Compare one row with the earlier ones."""
        where = view.row.where
        first = self._exact.setdefault(row_key(view), where)
        if first != where:
            findings.add("duplicate", "warning", where, f"the same row as {first}")
            return
        first = self._folded.setdefault(folded_key(view), where)
        if first != where:
            story = f"the same as {first} except for case, spaces or punctuation"
            findings.add("respelled", "warning", where, story)
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
            what = "other grading fields" if view.row.kind == "reward" else what
            story = f"the same prompt as {first}, with {what}"
            findings.add("contradiction", "warning", where, story)

    def end(self, path: str, findings: Findings) -> Mapping[str, Any]:
        """Add the near duplicates, which need all rows."""
        for index, (other, share) in near_pairs(self._texts, NEAR).items():
            story = f"{share:.0%} the same as {self._wheres[other]}"
            findings.add("near_duplicate", "warning", self._wheres[index], story)
        return {}


def row_key(view: View) -> bytes:
    """Equal for rows with identical texts; other fields are ignored."""
    return _key(view.setting, view.question, view.answer)


def folded_key(view: View) -> bytes:
    """Equal for rows with the same normalised texts."""
    return _key(view.setting, view.asked, view.answered)


def asked_key(view: View) -> bytes:
    """Equal for rows with the same normalised question, whatever their system prompt."""
    return _key(view.asked)


def _key(*texts: str) -> bytes:
    joined = "\x1f".join(texts).encode("utf-8", "surrogatepass")
    return blake2b(joined, digest_size=8).digest()
