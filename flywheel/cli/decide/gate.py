"""flywheel gate: promote the candidate, keep the baseline, or say how many items are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from flywheel.cli.decide.compare import check_markdown
from flywheel.cli.terminal.failure import is_interrupt, report
from flywheel.cli.terminal.layout import fill
from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json, finite
from flywheel.cli.terminal.streams import flush_output
from flywheel.cli.terminal.tables import print_json, print_line
from flywheel.evals.decision.decide import Rules
from flywheel.evals.decision.gate import Verdict
from flywheel.reports.junit import gate_junit
from flywheel.reports.markdown import gate_markdown
from flywheel.reports.report import check_place, save
from flywheel.workspace.open import open_workspace

EXIT_CODES = {"promote": 0, "keep": 1, "undecided": 2}
_ERROR = 3
_MARKS = {"pass": "ok  ", "fail": "NO  ", "open": "?   "}

NonInferior = Annotated[bool, typer.Option(help="Ask only for no loss beyond a negative --margin.")]
Fresh = Annotated[bool, typer.Option(help="Decide on the items that no other candidate has read.")]
NoLedger = Annotated[bool, typer.Option(help="Do not count what other database files have read.")]


class GateCommand(TyperCommand):
    """The command, with a separate exit code for errors, since 1 and 2 are decisions."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the command line. Usage errors exit with 3, because 2 means undecided."""
        try:
            return super().make_context(*args, **kwargs)
        except Exception as error:
            # A usage error; typer vendors click and does not export its class.
            if getattr(error, "exit_code", None) == EXIT_CODES["undecided"]:
                vars(error)["exit_code"] = _ERROR
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Errors exit with 3, because 1 means to keep the baseline."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                # A failed write must raise here; later it would exit with 1.
                flush_output()
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if is_interrupt(error):
                raise KeyboardInterrupt from None
            report(error)
            raise typer.Exit(_ERROR) from None


COMMAND_CLASS = GateCommand


def gate(
    candidate: Annotated[str, typer.Argument(help="The candidate run.")],
    baseline: Annotated[str, typer.Option(help="The run to beat, on the same split.")],
    seed_run: Annotated[
        list[str] | None, typer.Option(help="A run of the same lever with another seed.")
    ] = None,
    served: Annotated[
        str | None, typer.Option(help="A run of the artifact as it will be served.")
    ] = None,
    tried: Annotated[
        int, typer.Option(min=1, help="Number of candidates that were compared on these items.")
    ] = 1,
    margin: Annotated[
        float, typer.Option(callback=finite, help="The gain must be above this.")
    ] = 0.0,
    effect: Annotated[
        float, typer.Option(callback=finite, help="The smallest gain worth having.")
    ] = 0.05,
    non_inferior: NonInferior = False,
    fresh: Fresh = False,
    no_ledger: NoLedger = False,
    promote: Annotated[bool, typer.Option(help="Make a promoted candidate the baseline.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML, for a build.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write a summary for a build; - is standard output.")
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Decide whether a candidate replaces the baseline.

    Exit code 0: promote. 1: keep the baseline. 2: undecided; prints how many items are needed.
    3: an error.
    """
    check_markdown(markdown, as_json)
    check_place(junit, markdown)
    with open_workspace(db) as workspace:
        decision = workspace.gate(
            candidate,
            baseline=baseline,
            seeds=seed_run or (),
            served=served,
            tried=tried,
            rules=Rules(
                margin=margin,
                effect=effect,
                non_inferior=non_inferior,
                fresh=fresh,
                ledger=not no_ledger,
            ),
        )
        verdict = decision.decided
        # Before the promotion, so that a failed write promotes nothing.
        _save(verdict, promote, junit, markdown)
        if promote and decision.outcome == "promote":
            decision.promote()
    if as_json:
        print_json(verdict.as_json())
    elif str(markdown) != "-":
        _show(verdict, promote)
    raise typer.Exit(EXIT_CODES[verdict.decision.outcome])


def _save(verdict: Verdict, promoted: bool, junit: Path | None, markdown: Path | None) -> None:
    """Write the requested files; a summary with the name - is printed."""
    if junit is not None:
        save(junit, gate_junit(verdict))
    if markdown is not None:
        summary = gate_markdown(verdict, promoted)
        if str(markdown) == "-":
            print_line(summary.rstrip("\n"))
        else:
            save(markdown, summary)


def _show(verdict: Verdict, promoted: bool) -> None:
    decision = verdict.decision
    for check in decision.checks:
        print_line(fill(f"{_MARKS[check.state]} {check.name}: {check.reason}", 7))
    if verdict.head:
        reads, head = verdict.head
        print_line(f"     sealed reads {reads:,}, head {head}")
    print_line("")
    match decision.outcome:
        case "promote":
            state = "now the baseline" if promoted else "--promote makes it the baseline"
            if verdict.margin < 0:
                state = f"{verdict.claim}; {state}"
            print_line(f"PROMOTE {verdict.candidate.run}: {state}")
        case "keep":
            print_line(f"KEEP {verdict.baseline.run}")
        case "undecided":
            items = (
                f"needs about {decision.items:,} items"
                if decision.items
                else "see the lines marked ?"
            )
            print_line(f"UNDECIDED: {items}")
