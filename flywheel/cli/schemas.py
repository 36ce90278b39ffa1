"""The JSON schema of what each command prints with `--json`.

python -m flywheel.cli.schemas FOLDER      writes them; those of this version are in docs/schemas
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from flywheel.outputs import runs, work

# By the command; one word of a group stands for all of its commands.
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


def schema(command: str) -> dict[str, Any]:
    """The schema of this command's output."""
    return TypeAdapter[Any](PRINTED[command]).json_schema()


def file_name(command: str) -> str:
    """The name of its file."""
    return f"{command.replace(' ', '-')}.json"


def write(folder: Path) -> None:
    """Write every schema."""
    folder.mkdir(parents=True, exist_ok=True)
    for command in PRINTED:
        text = json.dumps(schema(command), indent=1) + "\n"
        (folder / file_name(command)).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
