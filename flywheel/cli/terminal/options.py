"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, TypeVar

import typer

DEFAULT_DB = Path("flywheel.duckdb")
Command = TypeVar("Command", bound=Callable[..., None])


def finite(value: float | None) -> float | None:
    """Validate that a number is finite. Raises BadParameter for inf and nan."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"wanted a finite number, got {value}")
    return value


Db = Annotated[
    Path, typer.Option("--db", envvar="FLYWHEEL_DB", help="Database file; created if missing.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def takes(*shared: Callable[..., object]) -> Callable[[Command], Command]:
    """Add the parameters of these functions to a command, which gets them as keywords."""

    def widen(command: Command) -> Command:
        own, *more = (signature(one, eval_str=True).parameters for one in (command, *shared))
        named = [one for one in own.values() if one.kind is not Parameter.VAR_KEYWORD]
        parameters = [*named, *(one for each in more for one in each.values())]
        vars(command)["__signature__"] = Signature(parameters)
        return command

    return widen


def sampling(
    prompt: Annotated[
        Path | None,
        typer.Option("--prompt", help="Prompt file, YAML or JSON; default: the evalset's."),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="train, dev or test.")] = "dev",
    repeats: Annotated[int | None, typer.Option(min=1, help="Samples per item.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N items.")] = None,
    temperature: Annotated[
        float | None,
        typer.Option(min=0, callback=finite, help="Sampling temperature; default: the evalset's."),
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            "--api-key-env",
            help="Environment variable that holds the endpoint's key.  [default: OPENAI_API_KEY]",
            metavar="NAME",
        ),
    ] = None,
    max_samples: Annotated[
        int | None, typer.Option("--max-samples", min=1, help="Stop after N requests; resumable.")
    ] = None,
) -> None:
    """The options of commands that sample from a model."""


def judging(
    judge: Annotated[
        str | None, typer.Option("--judge", help="Judge model; same syntax as --model.")
    ] = None,
    judge_api_key_env: Annotated[
        str | None,
        typer.Option(
            "--judge-api-key-env",
            help="Environment variable with the judge endpoint's key.  [default: OPENAI_API_KEY]",
            metavar="NAME",
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", help="Price file: US dollars per million tokens, by model; YAML or JSON."
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            "--max-cost", min=0, callback=finite, help="Stop after N US dollars; needs --prices."
        ),
    ] = None,
    as_json: Json = False,
    unsafe_local_python: Annotated[
        bool, typer.Option(help="Run Python graders even where no sandbox is possible.")
    ] = False,
) -> None:
    """The options of commands that grade."""


def storing(
    in_flight: Annotated[int, typer.Option(min=1, help="Maximum concurrent requests.")] = 64,
    db: Db = DEFAULT_DB,
) -> None:
    """The options of commands that measure into the store."""
