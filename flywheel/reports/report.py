"""A report: a comparison with the answers that belong to it, ready to be written in any form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flywheel.errors import BadOption
from flywheel.evals.decision.compare import Candidate, Comparison
from flywheel.evals.decision.flips import Flip, load_flips
from flywheel.store.reader import Reader

# Fixed items of a candidate and as many broken ones; of all candidates together.
_MOST_OF_ONE = 50
_MOST_IN_ALL = 600


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison, and the fixed and broken items by candidate."""

    comparison: Comparison
    flips: Mapping[str, Sequence[Flip]]

    def of(self, candidate: Candidate, change: str) -> list[Flip]:
        """The items of a candidate that were `fixed` or `broken`, as many as were loaded."""
        return [flip for flip in self.flips[candidate.run.run] if flip.change == change]

    def first(self, candidate: Candidate, most: int) -> list[Flip]:
        """The first so many broken items, then the first so many fixed ones."""
        return [*self.of(candidate, "broken")[:most], *self.of(candidate, "fixed")[:most]]


def load_report(store: Reader, comparison: Comparison, most: int | None = None) -> Report:
    """A report with so many fixed and broken items a candidate, by default as many as are read."""
    many = len(comparison.candidates)
    chosen = min(_MOST_OF_ONE, max(3, _MOST_IN_ALL // many)) if most is None else most
    flips = {
        one.run.run: load_flips(store, comparison, one, chosen) for one in comparison.candidates
    }
    return Report(comparison, flips)


def check_place(*places: Path | None) -> None:
    """Raise BadOption for a file that cannot be written there, before any work is done for it."""
    for place in places:
        if place is None or str(place) == "-":
            continue
        if place.is_dir():
            raise BadOption(f"{str(place)!r} is a folder; wanted the name of a file to write")
        if not place.parent.is_dir():
            raise BadOption(f"{str(place)!r}: there is no folder {str(place.parent)!r}; make it")


def save(place: Path, text: str) -> None:
    """Write a report. What was there is replaced."""
    place.write_text(text, encoding="utf-8")
