"""flywheel graders: check a grader's definition, and probe it for exploits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from flywheel.cli.measure.measuring import spec_of
from flywheel.cli.terminal.options import judging, takes
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import number, print_json, print_line, print_table
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.validity.check import GraderCheck, ProbeResult
from flywheel.outputs import work as outputs
from flywheel.visible import one_line
from flywheel.workspace.grading import check_definition, check_evalset
from graders.definition import wire_json

graders = typer.Typer(
    help="Check graders before measuring with them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@graders.callback()
def _group() -> None:
    """Check graders before measuring with them."""


@graders.command()
@takes(judging)
def check(
    what: Annotated[str, typer.Argument(help="A grader definition or an evalset.")],
    split: Annotated[str, typer.Option(help="Split whose items are used as probes.")] = "dev",
    most: Annotated[
        int | None,
        typer.Option(min=2, help="Maximum number of items; default: 50, or 10 with a judge."),
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Show every probe.")] = False,
    **given: Any,
) -> None:
    """Check a definition, or probe the graders of an evalset.

    The gold answer must pass, and about twenty kinds of wrong answers must not. Exits with 1 if a
    probe fails that the evalset does not excuse.
    """
    spec, as_json = spec_of(given), given["as_json"]
    if Path(what).is_file():
        wire = wire_json(check_definition(Path(what), replace(spec, judge=None)))
        if as_json:
            print_json(outputs.GraderLoads(ok=True, grader=wire))
        else:
            print_line(f"{what}: ok, {wire['type']} {wire['name']!r}")
        return
    evalset = load_evalset(what)
    checks = check_evalset(evalset, split, most, spec, say)
    bad = any(one.bad for one in checks)
    if as_json:
        print_json(
            outputs.Probed(
                ok=not bad,
                evalset=evalset.name,
                format_only=[one.grader for one in checks if one.format_only],
                probes=[probe.as_json() for one in checks for probe in one.probes],
            )
        )
    else:
        _print_checks(checks, show_all)
    raise typer.Exit(1 if bad else 0)


def _print_checks(checks: Iterable[GraderCheck], show_all: bool) -> None:
    checks = list(checks)
    if show_all:
        rows = [_row(probe) for one in checks for probe in one.probes]
        print_table(("grader", "probe", "n", "mean", "passed", "unparsed", "verdict"), rows)
    else:
        summary: list[tuple[str, ...]] = []
        for one in checks:
            count = {probe.status: 0 for probe in one.probes}
            for probe in one.probes:
                count[probe.status] += 1
            means = {p.probe: number(p.summary.mean) for p in one.probes}
            counts = (str(count.get(name, 0)) for name in ("ok", "info", "n/a", "excused", "BAD"))
            note = "BAD" if one.bad else "format" if one.format_only else "ok"
            summary.append((one.grader, means["gold"], means["other"], *counts, note))
        columns = ("grader", "gold", "other", "ok", "info", "n/a", "excused", "BAD", "verdict")
        print_table(columns, summary)
    for probe in (probe for one in checks for probe in one.probes):
        for line in _story(probe, show_all):
            print_line(line)


def _row(result: ProbeResult) -> tuple[str, ...]:
    one = result.summary
    figures = (str(one.n), number(one.mean), str(one.passed), str(one.unparsed))
    return (result.grader, result.probe, *figures, result.status)


def _story(result: ProbeResult, show_all: bool) -> list[str]:
    """The lines about a failed probe, an excused one, or an unneeded excuse.

    With `show_all` also why a probe is not applicable.
    """
    name = f"{result.grader}: {result.probe}"
    if show_all and result.status == "n/a":
        return [f"{name} is not applicable: {one_line(result.story, 200)}"]
    if result.status == "excused":
        return [f"{name} is excused: {one_line(result.excuse, 200)}"]
    if result.status == "BAD":
        lines = [f"{name}: {one_line(result.story, 200)} ({result.why})"]
        if result.worst is not None:
            lines.append(f"  item {one_line(result.worst.item)}: {one_line(result.worst.answer)}")
        return lines
    if result.excuse:
        return [f"{name} is excused in evalset.yaml but passes: remove the excuse"]
    return []
