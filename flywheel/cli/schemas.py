"""The JSON schemas of what each command prints with `--json`, and of the events of runs and jobs.

`python -m flywheel.cli.schemas FOLDER` writes them; docs/schemas has those of this version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from flywheel.outputs import events, runs, work

# By command; the name of a group stands for all of its commands.
PRINTED: Mapping[str, Any] = {
    "eval": runs.Run,
    "baseline": runs.Run,
    "regrade": runs.Run,
    "show": runs.ShownRun,
    "runs": list[runs.Run],
    "grade": work.Graded,
    "graders check": work.Probed | work.GraderLoads,
    "compare": runs.Comparison,
    "gate": runs.Gate,
    "plan": runs.Plan,
    "improve": work.Job,
    "jobs": list[work.Job],
    "job": work.Job,
    "cancel": work.Cancelled,
    "data check": work.DataCheck,
    "data fix": work.DataFix,
    "leakage": work.Leakage,
    "import": work.Import,
    "store check": work.StoreCheck,
    "store compact": work.Compacted,
    "store export": work.Copied,
    "store rebuild": work.Copied,
    "doctor": list[work.Here],
}
PUBLISHED: Mapping[str, Any] = {**PRINTED, "event": events.Event}


def schema(name: str) -> dict[str, Any]:
    """The schema of a command's output, or of an event."""
    return TypeAdapter[Any](PUBLISHED[name]).json_schema()


def file_name(name: str) -> str:
    """The schema's file name."""
    return f"{name.replace(' ', '-')}.json"


def write(folder: Path) -> None:
    """Write all schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PUBLISHED:
        text = json.dumps(schema(name), indent=1) + "\n"
        (folder / file_name(name)).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
