"""flywheel compare: is a candidate better than the baseline, and how sure is that?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.terminal.layout import fill
from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.errors import BadOption
from flywheel.evals.decision.compare import Candidate, Comparison, GraderComparison
from flywheel.evals.decision.conclude import conclude, spread_of
from flywheel.evals.decision.decide import p_of, points
from flywheel.evals.decision.flips import Flip
from flywheel.reports.junit import compare_junit
from flywheel.reports.markdown import compare_markdown
from flywheel.reports.page import page
from flywheel.reports.report import Report, check_place, save
from flywheel.store.tables.runs import RunRow
from flywheel.visible import one_line
from flywheel.workspace.open import open_reading

_WIDTH = 100
_NAME = 40
_GRADER = 24
_SHOWN = 3
_COLUMNS = ("grader", "baseline", "candidate", "points", "low", "high", "p", "won", "lost", "tied")
# Columns to leave out on a narrow terminal, in this order.
_DROP = ("tied", "lost", "won", "p")


def compare(
    baseline: Annotated[str, typer.Argument(help="The run to compare with.")],
    candidates: Annotated[list[str], typer.Argument(help="One run or more to compare with it.")],
    items: Annotated[
        int | None,
        typer.Option(min=0, help="Fixed and broken items to show; default: 3, in files 50."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained HTML page.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML, for a build.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write a summary for a build; - is standard output.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Compare runs item by item: differences with intervals, what was fixed, what was broken.

    A look at the sealed test split is recorded.
    """
    check_markdown(markdown, as_json)
    check_place(html, junit, markdown)
    most = _SHOWN if items is None and not (html or junit or markdown) else items
    with open_reading(db) as workspace:
        compared = workspace.compare(baseline, *candidates)
        comparison, report = compared.comparison, compared.report(most)
    summary = _save(report, html, junit, markdown)
    shown = {
        one.run.run: report.first(one, _SHOWN if items is None else items)
        for one in comparison.candidates
    }
    if as_json:
        fields = comparison.as_json()
        for one in fields["candidates"]:
            one["flips"] = [flip.as_json() for flip in shown[one["run"]]]
        print_json(fields)
    elif summary:
        print_line(summary.rstrip("\n"))
    else:
        _show(comparison, shown)
        if written := [str(file) for file in (html, junit, markdown) if file is not None]:
            print_line(f"\nwritten: {', '.join(written)}")


def check_markdown(markdown: Path | None, as_json: bool) -> None:
    """Raise BadOption if a summary and JSON would both go to standard output."""
    if as_json and str(markdown) == "-":
        raise BadOption("--json and --markdown - both write to standard output; use only one")


def _save(report: Report, html: Path | None, junit: Path | None, markdown: Path | None) -> str:
    """Write the requested files. Returns a summary to print instead of the tables, or ""."""
    if html is not None:
        save(html, page(report))
    if junit is not None:
        save(junit, compare_junit(report))
    if markdown is None:
        return ""
    summary = compare_markdown(report)
    if str(markdown) == "-":
        return summary
    save(markdown, summary)
    return ""


def _show(comparison: Comparison, flips: dict[str, list[Flip]]) -> None:
    base = comparison.baseline
    print_line(fill(f"{one_line(base.evalset)} {base.split}: baseline {_title(base)}"))
    for one in comparison.candidates:
        print_line(f"\n{_title(one.run)}")
        print_table(_COLUMNS, [_row(grader) for grader in one.graders.values()], drop=_DROP)
        print_line("* primary, + guard, ! audit; low and high bound the difference, 95%")
        print_line("")
        for sentence in conclude(comparison, one):
            print_line(fill(sentence))
        _show_flips(one, flips[one.run.run])
        _show_slices(one)
    if len(comparison.candidates) > 1:
        print_line(f"\n{fill(spread_of(comparison))}")
    print_line("")
    _show_spending(comparison)


def _title(run: RunRow) -> str:
    """A run and its model, which may be a path, so its end is shown."""
    return f"{one_line(run.run, _NAME)}, {one_line(run.model[-_NAME:])}"


def _row(grader: GraderComparison) -> tuple[str, ...]:
    values, paired = grader.as_json(), grader.paired
    mark = {"primary": "*", "guard": "+", "audit": "!"}.get(grader.role, "")
    means = (number(values["baseline"]), number(values["candidate"]))
    name = one_line(grader.grader, _GRADER) + mark
    if paired is None:
        return (name, *means, "-", "-", "-", "-", "0", "0", "0")
    differences = (_points(paired.difference), _points(paired.low), _points(paired.high))
    counts = (str(paired.wins), str(paired.losses), str(paired.ties))
    return (name, *means, *differences, p_of(paired.p), *counts)


def _show_flips(one: Candidate, flips: Sequence[Flip]) -> None:
    primary = one.primary
    if primary is None:
        return
    print_line(f"\n{primary.fixed} fixed, {primary.broken} broken")
    for flip in flips:
        print_line(f"  {flip.change} {one_line(flip.id, 80)}")
        print_line(f"    baseline   {_line(flip.before_output)}")
        print_line(f"    candidate  {_line(flip.after_output)}")


def _show_slices(one: Candidate) -> None:
    if not one.slices:
        return
    print_line("")
    rows = [
        (
            one_line(part.tag, _NAME),
            str(part.paired.n),
            _points(part.paired.difference),
            _points(part.paired.low),
            _points(part.paired.high),
            p_of(part.adjusted),
        )
        for part in one.slices
    ]
    print_table(("slice", "items", "points", "low", "high", f"p of {len(rows)}"), rows)


def _show_spending(comparison: Comparison) -> None:
    rows: list[tuple[str, ...]] = []
    for run, spent in [
        (comparison.baseline, comparison.spending),
        *((one.run, one.spending) for one in comparison.candidates),
    ]:
        price = spent.cost.price
        tokens = spent.cost.prompt_tokens + spent.cost.completion_tokens
        rows.append(
            (
                one_line(run.run, _NAME),
                f"{tokens:,}",
                str(spent.cost.cached),
                "-" if price is None else f"{price:.4f}",
                "-" if spent.seconds is None else f"{spent.seconds:.1f}",
                "-" if spent.latency is None else f"{spent.latency:.2f}",
            )
        )
    print_table(("run", "tokens", "from cache", "dollars", "seconds", "latency"), rows)


def _points(share: float | None) -> str:
    return "-" if share is None else points(share)


def _line(text: str) -> str:
    """An answer on one line, with control characters escaped, truncated to the width."""
    room = _WIDTH - 16
    shown = one_line(text, 2 * room)
    return (shown if len(shown) <= room else shown[: room - 1] + "…") or "(nothing)"
