"""Row lengths in tokens: the distribution, truncated rows and outliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, TypeVar

from flywheel.data.checks.findings import Findings
from flywheel.data.rows.tokens import A_TURN, TokenCounter
from flywheel.data.rows.view import Check, View, as_json, message_text

T = TypeVar("T", int, float)
_BATCH = 5000
_BATCH_CHARS = 4_000_000
# In robust standard deviations of the logarithm, because lengths are skewed.
_OUTLYING = 6.0
_LEAST_ROWS = 20
# A minimum spread: if nearly all rows have the same length, one more word is not an outlier, but
# two and a half times the length is.
_LEAST_SPREAD = 0.15


class Lengths(Check):
    """Counts tokens in batches, for speed. Keeps two numbers and a location per row."""

    def __init__(self, counter: TokenCounter, max_length: int | None) -> None:
        self._counter = counter
        self._most = max_length if max_length is not None else counter.context
        self._texts: list[str] = []
        self._chars = 0
        # For each row in the batch: which of its texts are learned, and the overhead per turn.
        self._waiting: list[tuple[list[bool], int]] = []
        self._wheres: list[str] = []
        self._tokens: list[int] = []
        self._learned = 0

    def see(self, view: View, findings: Findings) -> None:
        """Add the row's texts to the batch."""
        row = view.row
        texts = [message_text(turn) for turn in row.turns] or [row.text]
        learned = [
            turn.learned if row.kind in ("sft", "unpaired") else index >= len(row.prompt)
            for index, turn in enumerate(row.turns)
        ] or [True]
        if row.tools:
            texts.insert(0, as_json(row.tools))
            learned.insert(0, False)
        self._texts.extend(texts)
        self._chars += sum(map(len, texts))
        self._waiting.append((learned, A_TURN if row.turns else 0))
        self._wheres.append(row.where)
        if len(self._texts) >= _BATCH or self._chars >= _BATCH_CHARS:
            self._count(findings)

    def end(self, path: str, findings: Findings) -> Mapping[str, Any]:
        """The distribution; adds findings about truncated rows and outliers."""
        self._count(findings)
        if not self._tokens:
            return {"tokens": None}
        self._cut(findings)
        self._outliers(findings)
        ordered = sorted(self._tokens)
        return {
            "tokens": {
                "total": sum(ordered),
                "learned": self._learned,
                "how": self._counter.how,
                "exact": self._counter.exact,
                "max_length": self._most,
                "min": ordered[0],
                **{f"p{share}": _share(ordered, share) for share in (50, 90, 99)},
                "max": ordered[-1],
            }
        }

    def _count(self, findings: Findings) -> None:
        counts = iter(self._counter.count(self._texts))
        begun = len(self._tokens)
        for offset, (learned, frame) in enumerate(self._waiting):
            tokens = [next(counts) + frame for _ in learned]
            self._tokens.append(sum(tokens))
            self._learned += sum(n for n, taught in zip(tokens, learned, strict=True) if taught)
            before = sum(tokens[: learned.index(True)]) if True in learned else 0
            if self._most is not None and before >= self._most:
                story = f"the answer begins after {before:,} tokens, beyond the {self._most:,} read"
                findings.add("answer_cut", "warning", self._wheres[begun + offset], story)
        self._texts, self._waiting, self._chars = [], [], 0

    def _cut(self, findings: Findings) -> None:
        if self._most is None:
            return
        for where, tokens in zip(self._wheres, self._tokens, strict=True):
            if tokens > self._most:
                story = f"{tokens:,} tokens, of which {tokens - self._most:,} are truncated"
                findings.add("truncated", "warning", where, story)

    def _outliers(self, findings: Findings) -> None:
        logs = [log(1 + tokens) for tokens in self._tokens]
        middle = _share(sorted(logs), 50)
        spread = max(_share(sorted(abs(one - middle) for one in logs), 50) * 1.4826, _LEAST_SPREAD)
        if len(logs) < _LEAST_ROWS:
            return
        for where, tokens, one in zip(self._wheres, self._tokens, logs, strict=True):
            score = (one - middle) / spread
            if abs(score) > _OUTLYING:
                much = "long" if score > 0 else "short"
                story = f"unusually {much}: {tokens:,} tokens, {score:+.1f} robust deviations"
                findings.add("outlier", "note", where, story)


def _share(ordered: Sequence[T], percent: int) -> T:
    """The nearest-rank percentile."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
