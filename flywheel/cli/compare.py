"""flywheel compare: is a candidate better than the baseline, and how sure is that?"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flywheel.cli.options import DEFAULT_DB, Db, Json

if TYPE_CHECKING:
    from flywheel.evals.compare import Candidate, Comparison, GraderComparison
    from flywheel.evals.flips import Flip

_WIDTH = 100
_COLUMNS = ("grader", "baseline", "candidate", "points", "low", "high", "p", "won", "lost", "tied")


def compare(
    baseline: Annotated[str, typer.Argument(help="The run to compare with.")],
    candidates: Annotated[list[str], typer.Argument(help="One run or more to compare with it.")],
    items: Annotated[int, typer.Option(min=0, help="How many fixed and broken items to show.")] = 3,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Compare runs item by item: differences with intervals, what was fixed, what was broken.

    A look at the sealed test split is written down.
    """
    from flywheel.cli.tables import print_json
    from flywheel.evals.compare import compare as compare_runs
    from flywheel.evals.flips import load_flips
    from flywheel.evals.looks import note_look
    from flywheel.store.store import open_store

    with open_store(db) as store:
        found = compare_runs(store, baseline, candidates)
        note_look(store, found, "compare")
        flips = {one.run.run: load_flips(store, found, one, items) for one in found.candidates}
    if as_json:
        told = found.as_json()
        for one in told["candidates"]:
            one["flips"] = [flip.as_json() for flip in flips[one["run"]]]
        print_json(told)
        return
    _show(found, flips)


def _show(found: Comparison, flips: dict[str, list[Flip]]) -> None:
    from flywheel.cli.tables import print_line, print_table
    from flywheel.evals.conclude import conclude, spread_of

    base = found.baseline
    print_line(f"{base.evalset} {base.split}: baseline {base.run}, {base.model[-40:]}")
    for one in found.candidates:
        print_line(f"\n{one.run.run}, {one.run.model[-40:]}")
        print_table(_COLUMNS, [_row(grader) for grader in one.graders.values()])
        print_line("* primary, + guard, ! audit; low and high bound the difference, 95%")
        print_line("")
        for sentence in conclude(found, one):
            print_line(textwrap.fill(sentence, _WIDTH, subsequent_indent="  "))
        _show_flips(one, flips[one.run.run])
        _show_slices(one)
    if len(found.candidates) > 1:
        print_line(f"\n{spread_of(found)}")
    print_line("")
    _show_spending(found)


def _row(found: GraderComparison) -> tuple[str, ...]:
    from flywheel.cli.tables import number

    told, paired = found.as_json(), found.paired
    mark = {"primary": "*", "guard": "+", "audit": "!"}.get(found.role, "")
    means = (number(told["baseline"]), number(told["candidate"]))
    if paired is None:
        return (found.grader[:28] + mark, *means, "-", "-", "-", "-", "0", "0", "0")
    differences = (_points(paired.difference), _points(paired.low), _points(paired.high))
    counts = (str(paired.wins), str(paired.losses), str(paired.ties))
    return (found.grader[:28] + mark, *means, *differences, _p(paired.p), *counts)


def _show_flips(one: Candidate, flips: Sequence[Flip]) -> None:
    from flywheel.cli.tables import print_line

    primary = one.primary
    if primary is None:
        return
    print_line(f"\n{primary.fixed} fixed, {primary.broken} broken")
    for flip in flips:
        print_line(f"  {flip.change} {flip.id[:80]}")
        print_line(f"    baseline   {_line(flip.before_output)}")
        print_line(f"    candidate  {_line(flip.after_output)}")


def _show_slices(one: Candidate) -> None:
    from flywheel.cli.tables import print_line, print_table

    if not one.slices:
        return
    print_line("")
    rows = [
        (
            part.tag[:40],
            str(part.paired.n),
            _points(part.paired.difference),
            _points(part.paired.low),
            _points(part.paired.high),
            _p(part.adjusted),
        )
        for part in one.slices
    ]
    print_table(("slice", "items", "points", "low", "high", f"p of {len(rows)}"), rows)


def _show_spending(found: Comparison) -> None:
    from flywheel.cli.tables import print_table

    rows: list[tuple[str, ...]] = []
    for run, spent in [
        (found.baseline, found.spending),
        *((one.run, one.spending) for one in found.candidates),
    ]:
        price, seconds = spent.cost.price, spent.seconds
        tokens = spent.cost.prompt_tokens + spent.cost.completion_tokens
        rows.append(
            (
                run.run,
                f"{tokens:,}",
                str(spent.cost.cached),
                "-" if price is None else f"{price:.4f}",
                "-" if seconds is None else f"{seconds:.3f}",
            )
        )
    print_table(("run", "tokens", "from cache", "dollars", "seconds an answer"), rows)


def _points(share: float | None) -> str:
    from flywheel.evals.decide import points

    return "-" if share is None else points(share)


def _p(value: float | None) -> str:
    return "-" if value is None else f"{max(value, 0.001):.3f}"


def _line(text: str) -> str:
    """An answer as one line: control characters as escapes, and not too long."""
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return textwrap.shorten(shown, _WIDTH - 16, placeholder=" …") or "(nothing)"
