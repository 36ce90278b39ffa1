"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DB = Path("flywheel.duckdb")


def finite(value: float | None) -> float | None:
    """The number, when it is one. Raises BadParameter for inf and nan, which floats include."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"wanted a finite number, got {value}")
    return value


Db = Annotated[
    Path, typer.Option("--db", envvar="FLYWHEEL_DB", help="Database file; created if missing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UnsafePython = Annotated[
    bool, typer.Option(help="Run Python graders even where no sandbox is possible.")
]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="tiny, a folder, http://host/v1#MODEL, python:FILE.py:F …"),
]
PromptFile = Annotated[
    Path | None, typer.Option("--prompt", help="Prompt file, YAML or JSON; default: the evalset's.")
]
SplitName = Annotated[str, typer.Option("--split", help="train, dev or test.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Samples per item.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only the first N items.")]
Temperature = Annotated[
    float | None,
    typer.Option(min=0, callback=finite, help="Sampling temperature; default: the evalset's."),
]
JudgeName = Annotated[
    str | None, typer.Option("--judge", help="Judge model; same syntax as --model.")
]
ApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        "--api-key-env",
        help="Environment variable that holds the endpoint's key.  [default: OPENAI_API_KEY]",
        metavar="NAME",
    ),
]
JudgeApiKeyEnv = Annotated[
    str | None,
    typer.Option(
        "--judge-api-key-env",
        help="The same for the judge's endpoint.  [default: OPENAI_API_KEY]",
        metavar="NAME",
    ),
]
MaxSamples = Annotated[
    int | None, typer.Option("--max-samples", min=1, help="Stop after N requests; resumable.")
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost", min=0, callback=finite, help="Stop after N US dollars; needs --prices."
    ),
]
InFlight = Annotated[int, typer.Option(min=1, help="Maximum concurrent requests.")]
PriceFile = Annotated[
    Path | None,
    typer.Option(
        "--prices", help="Price file: US dollars per million tokens, by model; YAML or JSON."
    ),
]
