"""A report: a comparison with its fixed and broken items, the input of every format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flywheel.errors import BadOption
from flywheel.evals.decision.compare import Candidate, Comparison
from flywheel.evals.decision.flips import Flip, load_flips
from flywheel.store.reader import Reader

# Limits on fixed and, separately, broken items: per candidate, and over all candidates.
_MOST_OF_ONE = 50
_MOST_IN_ALL = 600


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison, and the loaded fixed and broken items by candidate's run."""

    comparison: Comparison
    flips: Mapping[str, Sequence[Flip]]

    def of(self, candidate: Candidate, change: str) -> list[Flip]:
        """The loaded `fixed` or `broken` items of a candidate."""
        return [flip for flip in self.flips[candidate.run.run] if flip.change == change]

    def first(self, candidate: Candidate, most: int) -> list[Flip]:
        """Up to `most` broken items, then up to `most` fixed ones."""
        return [*self.of(candidate, "broken")[:most], *self.of(candidate, "fixed")[:most]]


def load_report(store: Reader, comparison: Comparison, most: int | None = None) -> Report:
    """A report with up to `most` fixed and `most` broken items per candidate.

    By default the limit depends on the number of candidates.
    """
    many = len(comparison.candidates)
    chosen = min(_MOST_OF_ONE, max(3, _MOST_IN_ALL // many)) if most is None else most
    flips = {
        one.run.run: load_flips(store, comparison, one, chosen) for one in comparison.candidates
    }
    return Report(comparison, flips)


def check_place(*places: Path | None) -> None:
    """Raise BadOption for an output file that cannot be written, before any work is done."""
    for place in places:
        if place is None or str(place) == "-":
            continue
        if place.is_dir():
            raise BadOption(f"{str(place)!r} is a folder; wanted a file name")
        if not place.parent.is_dir():
            raise BadOption(f"{str(place)!r}: no folder {str(place.parent)!r}; create it first")


def save(place: Path, text: str) -> None:
    """Write a report, replacing an existing file."""
    place.write_text(text, encoding="utf-8")
