"""Refused rows: placeholders for answers and verdicts that the store refuses.

A batch that the store refuses is written again sample by sample. A sample that is refused alone
becomes a failed sample with the reason, so that the run finishes; a resume samples it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.store.errors import BadBatch, BadRow
from flywheel.store.tables.definitions import ItemRow
from flywheel.store.tables.samples import SampleRow
from flywheel.store.tables.scores import ScoreRow
from graders.ungraded import Kind

REFUSED = (BadRow, BadBatch)
_MOST_STORY = 500


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one batch of a run: samples, the item of each, and their scores."""

    items: Sequence[ItemRow]
    samples: Sequence[SampleRow]
    scores: Sequence[ScoreRow]

    @property
    def tables(self) -> Mapping[str, Sequence[tuple[Any, ...]]]:
        """The rows by table."""
        return {"items": self.items, "samples": self.samples, "scores": self.scores}

    def singles(self) -> list[Rows]:
        """The rows split by sample."""
        scores: dict[tuple[int, int], list[ScoreRow]] = {}
        for score in self.scores:
            scores.setdefault((score.position, score.repeat), []).append(score)
        return [
            Rows([item], [sample], scores.get((sample.position, sample.repeat), []))
            for item, sample in zip(self.items, self.samples, strict=True)
        ]

    def refused(self, error: Exception) -> Rows:
        """The same samples as failed ones, without the parts that the store may refuse."""
        return Rows(self.items, [refused_sample(sample, error) for sample in self.samples], [])


def refused_sample(row: SampleRow, error: Exception) -> SampleRow:
    """The failed sample that replaces a refused one."""
    return row._replace(
        output_text="",
        extra=None,
        error=f"not stored: {error!s:.{_MOST_STORY}}",
        truncated=False,
        prompt_tokens=0,
        completion_tokens=0,
        cached_tokens=0,
        seconds=0.0,
        price=None,
        model=None,
        finish_reason=None,
        response=None,
    )


def refused_score(row: ScoreRow, error: Exception) -> ScoreRow:
    """The ungraded verdict that replaces a refused one."""
    return row._replace(
        score=None,
        passed=None,
        parsed=None,
        reason="",
        error_kind=Kind.OTHER.value,
        error_label="not_stored",
        error_detail=f"not stored: {error!s:.{_MOST_STORY}}",
        parts=None,
        usage=None,
        judge_reply=None,
    )
