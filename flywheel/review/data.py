"""The data of the pages: reads runs, comparisons and trainings, writes votes.

One process owns the store and opens it once for all pages. Finished runs never change, so
results are cached.

    review = open_review(Path("flywheel.duckdb"))
    turn = review.turn("run-a", "run-b", "ada")
    review.vote("run-a", "run-b", "ada", turn.pair, "left", seconds=2.5)
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args
from uuid import uuid4

from flywheel.errors import BadOption, NotComparable
from flywheel.evals.decision.compare import Comparison, compare
from flywheel.evals.decision.conclude import describe_floor
from flywheel.evals.decision.pairs import Pairs, check_comparable
from flywheel.evals.decision.sealed_reads import note_read
from flywheel.evals.results.results import Result, load_result, the_run
from flywheel.jobs.folder import job_folders, jobs_root
from flywheel.review.answers import differing, item_fields, prompt_text, texts, verdicts
from flywheel.review.blind import Place, in_order, sides, tally
from flywheel.review.rows import (
    BlindPair,
    Change,
    Compared,
    Offers,
    Tally,
    Training,
    TrainingLine,
    Turn,
)
from flywheel.review.trainings import training, training_lines
from flywheel.store.rows.table import utc_now
from flywheel.store.tables.runs import list_runs
from flywheel.store.tables.votes import Choice, VoteRow, standing_votes
from flywheel.workspace.local import Local

Which = Literal["fixed", "broken"]

_open: dict[Path, Review] = {}
_opening = threading.Lock()


def open_review(path: Path, url: str | None = None) -> Review:
    """The review of this store, opened on the first call; this process then owns the store.

    `url` is the address of the pages. Raises StoreInUse and StoreFailed; the next call retries.
    """
    with _opening:
        key = path.resolve()
        if key not in _open:
            _open[key] = Review(Local(path, url=url))
        return _open[key]


class Review:
    """The queries of the pages. Thread-safe. Each person votes under their own name."""

    def __init__(self, workspace: Local) -> None:
        self._workspace, self.store = workspace, workspace.store
        self._voting = threading.Lock()
        self._keeping = threading.Lock()
        self._result: Callable[[str], Result] = lru_cache(1000)(self._load_result)
        self._compared: Callable[[str, str], Comparison] = lru_cache(4)(self._load_comparison)
        self._places: Callable[[str, str], list[Place]] = lru_cache(4)(self._load_places)
        self._queue: Callable[[str, str, str], list[Place]] = lru_cache(16)(self._load_queue)

    def close(self) -> None:
        """Close the store."""
        with _opening:
            _open.pop(self.store.path.resolve(), None)
            self._workspace.close()

    def runs(self, most: int = 50) -> list[Result]:
        """The newest runs first."""
        return [self._result(str(row["run"])) for row in list_runs(self.store, most)]

    def offers(self, baseline: str, most: int = 50) -> Offers:
        """The newest runs that can be compared with this one, and why the others cannot."""
        base, offers = the_run(self.store, baseline), Offers([], {})
        for result in self.runs(most):
            if result.run.run == base.run:
                continue
            try:
                check_comparable(base, result.run)
                offers.runs.append(result)
            except NotComparable as error:
                offers.refused[result.run.run] = str(error).split(". ")[0]
        return offers

    def compared(self, baseline: str, candidate: str) -> Compared:
        """Scores, intervals and slices. Raises NoRun, NotComparable, BadOption."""
        comparison = self._compared(*self._names(baseline, candidate))
        (one,) = comparison.candidates
        return Compared(
            comparison.baseline,
            one.run,
            (prompt_text(self.store, comparison.baseline), prompt_text(self.store, one.run)),
            sorted(one.graders.values(), key=lambda grader: grader.role != "primary"),
            sorted(one.slices, key=lambda part: -abs(part.paired.difference)),
            describe_floor(one),
        )

    def changes(
        self, baseline: str, candidate: str, grader: str, which: Which, page: int = 0, size: int = 5
    ) -> list[Change]:
        """A page of the items that a grader passed in only one of the runs."""
        comparison = self._compared(*self._names(baseline, candidate))
        (one,) = comparison.candidates
        if grader not in one.graders:
            raise BadOption(f"no grader {grader!r} in both runs: {', '.join(one.graders)}")
        items = _changed(one.graders[grader].pairs, which)[page * size : (page + 1) * size]
        base, row = comparison.baseline, one.run
        fields = item_fields(self.store, items, [base, row])
        before = verdicts(self.store, base, grader, items)
        after = verdicts(self.store, row, grader, items)
        order = {item: number for number, item in enumerate(items)}
        return [
            Change(
                comparison.facts.ids.get(place.item, place.item),
                place.repeat,
                fields[place.item].asked if place.item in fields else {},
                before.get(place),
                after.get(place),
            )
            for place in sorted({*before, *after}, key=lambda p: (order[p.item], p.repeat))
        ]

    def turn(self, one: str, other: str, who: str) -> Turn:
        """The next pair for this person. Raises NoRun and NotComparable."""
        one, other = self._names(one, other)
        places = self._queue(one, other, who)
        judged = {
            Place(v.item, v.repeat) for v in standing_votes(self.store, one, other) if v.who == who
        }
        left = [place for place in places if place not in judged]
        pair = self._pair(left[0], one, other, who) if left else None
        return Turn(len(places) - len(left), len(places), pair)

    def vote(
        self, one: str, other: str, who: str, pair: BlindPair, choice: str, *, seconds: float
    ) -> bool:
        """Write a vote to disk. False if this person has already voted on the pair.

        Raises BadOption for an unknown choice, an empty name or an unknown pair.
        """
        one, other = self._names(one, other)
        place = Place(pair.item, pair.repeat)
        if choice not in get_args(Choice) or not who.strip():
            raise BadOption(f"wanted a name and one of {get_args(Choice)}, got {who!r}, {choice!r}")
        if place not in self._differing(one, other):
            raise BadOption(f"{one} and {other} have no differing answers to {place.item[:12]!r}")
        left, right = sides(place, one, other, who)
        with self._voting:
            if any(
                (v.item, v.repeat, v.who) == (*place, who)
                for v in standing_votes(self.store, one, other)
            ):
                return False
            name = uuid4().hex
            row = VoteRow(
                name, left, right, *place, choice, None, who, max(seconds, 0.0), utc_now()
            )
            return self.store.write(f"vote-{name}", {"votes": [row]})

    def undo(self, one: str, other: str, who: str) -> bool:
        """Undo this person's newest vote on these runs. False if there is none."""
        one, other = self._names(one, other)
        with self._voting:
            mine = [vote for vote in standing_votes(self.store, one, other) if vote.who == who]
            if not mine:
                return False
            name = uuid4().hex
            row = mine[-1]._replace(
                vote=name, choice=None, undoes=mine[-1].vote, seconds=0.0, created=utc_now()
            )
            return self.store.write(f"vote-{name}", {"votes": [row]})

    def tally(self, baseline: str, candidate: str) -> Tally:
        """The votes of all people on two runs."""
        base, row = self._names(baseline, candidate)
        return tally(standing_votes(self.store, base, row), row)

    def trainings(self, most: int = 50) -> list[TrainingLine]:
        """The jobs, newest first, with their current events.

        Other processes cannot write to the store while this one owns it, so the events of running
        jobs are copied into it here.
        """
        with self._keeping:
            self._workspace.keep_jobs(job_folders(jobs_root(self.store.path)))
        return training_lines(self.store, most)

    def training(self, job: str) -> Training:
        """One job: exams, alarms and steps. Raises NoJob."""
        return training(self.store, job)

    def _names(self, one: str, other: str) -> tuple[str, str]:
        """The full names of the runs: `latest` may later be another run."""
        return the_run(self.store, one).run, the_run(self.store, other).run

    def _pair(self, place: Place, one: str, other: str, who: str) -> BlindPair:
        shown = [the_run(self.store, run) for run in sides(place, one, other, who)]
        left, right = (texts(self.store, run, [place.item])[place] or "" for run in shown)
        fields = item_fields(self.store, [place.item], shown)[place.item]
        return BlindPair(place.item, place.repeat, fields.asked, fields.rest, left, right)

    def _differing(self, one: str, other: str) -> list[Place]:
        first, second = sorted((one, other))
        return self._places(first, second)

    def _load_places(self, one: str, other: str) -> list[Place]:
        first, second = the_run(self.store, one), the_run(self.store, other)
        check_comparable(first, second)
        return differing(self.store, first, second)

    def _load_queue(self, one: str, other: str, who: str) -> list[Place]:
        return in_order(self._differing(one, other), one, other, who)

    def _load_comparison(self, baseline: str, candidate: str) -> Comparison:
        comparison = compare(self.store, baseline, [candidate])
        note_read(self.store, comparison, "review")
        return comparison

    def _load_result(self, run: str) -> Result:
        return load_result(self.store, run)


def _changed(pairs: Pairs, which: Which) -> list[str]:
    """The items that passed in only one run: fixed by the candidate, or broken by it."""
    was, now = pairs.was_passed >= 0.5, pairs.is_passed >= 0.5
    keep = ~was & now if which == "fixed" else was & ~now
    return [item for item, kept in zip(pairs.items, keep.tolist(), strict=True) if kept]
