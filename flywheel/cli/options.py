"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DB = Path("flywheel.duckdb")
Db = Annotated[
    Path, typer.Option("--db", envvar="FLYWHEEL_DB", help="The store; made when there is none.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
UnsafePython = Annotated[
    bool, typer.Option(help="Run Python graders even where no sandbox is possible.")
]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="tiny, a folder, http://host/v1#MODEL, scripted:FILE …"),
]
PromptFile = Annotated[
    Path | None, typer.Option("--prompt", help="A prompt of your own, YAML or JSON.")
]
SplitName = Annotated[str, typer.Option("--split", help="train, dev or test.")]
Repeats = Annotated[int | None, typer.Option(min=1, help="Answers an item.")]
Limit = Annotated[int | None, typer.Option(min=1, help="The first so many items only.")]
Temperature = Annotated[float | None, typer.Option(min=0, help="Instead of the evalset's own.")]
JudgeName = Annotated[
    str | None, typer.Option("--judge", help="Who answers model graders, named like a model.")
]
InFlight = Annotated[int, typer.Option(min=1, help="Requests at once to an endpoint.")]
PriceFile = Annotated[
    Path | None,
    typer.Option("--prices", help="US dollars for a million tokens, by model; YAML or JSON."),
]
