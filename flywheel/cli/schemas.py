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

from flywheel import outputs

# By the command; one word of a group stands for all of its commands.
PRINTED: Mapping[str, Any] = {
    "eval": outputs.Run,
    "baseline": outputs.Run,
    "regrade": outputs.Run,
    "show": outputs.ShownRun,
    "runs": list[outputs.Run],
    "grade": outputs.Graded,
    "graders check": outputs.Probed | outputs.GraderLoads,
    "compare": outputs.Comparison,
    "gate": outputs.Gate,
    "plan": outputs.Plan,
    "improve": outputs.Job,
    "jobs": list[outputs.Job],
    "job": outputs.Job,
    "cancel": outputs.Cancelled,
    "data check": outputs.DataCheck,
    "data fix": outputs.DataFix,
    "leakage": outputs.Leakage,
    "import": outputs.Import,
    "store check": outputs.StoreCheck,
    "store compact": outputs.Compacted,
    "store export": outputs.Copied,
    "store rebuild": outputs.Copied,
    "doctor": list[outputs.Here],
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
