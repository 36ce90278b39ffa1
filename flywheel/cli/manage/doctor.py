"""flywheel doctor: show what this installation can do."""

from __future__ import annotations

from flywheel.cli.terminal.options import Json
from flywheel.cli.terminal.tables import print_json, print_table
from flywheel.doctor import examine


def doctor(as_json: Json = False) -> None:
    """Show the available sandbox tier, extras, accelerator and models."""
    findings = examine()
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        rows = [("yes" if f.found else "no", f.subject, f.story) for f in findings]
        print_table(("available", "component", "details"), rows, wrap=True)
