"""flywheel tiny: rebuild the embedded default model, or show its card."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.terminal.options import finite
from flywheel.cli.terminal.progress import progress
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import print_line
from flywheel.errors import BadOption
from flywheel.tiny.build import build as build_model
from flywheel.tiny.pretrain import TOKENS, Budget, Progress
from flywheel.tiny.weights import tiny_folder

tiny = typer.Typer(
    help="Rebuild the embedded default model, or read its card.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_LINE_EVERY = 100


@tiny.callback()
def _group() -> None:
    """Rebuild the embedded default model, or read its card."""


@tiny.command()
def build(
    seeds: Annotated[
        str, typer.Option(help="Seeds to try; a later one is kept if it beats the first.")
    ] = "0,1,2",
    tokens: Annotated[int | None, typer.Option(min=1, help="Pretraining tokens per seed.")] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            min=1,
            callback=finite,
            help="Stop a seed after this many CPU seconds: not reproducible.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write the model to.")] = Path("tiny"),
) -> None:
    """Pretrain the model from scratch: about six minutes per seed on one free core.

    The same seed and tokens give the same documents in the same order on every machine.
    """
    numbers = _numbers(seeds)
    limit = Budget(tokens or TOKENS, budget)
    with progress("pretraining", limit.tokens * len(numbers), "tokens") as advance:
        built = build_model(out, numbers, limit, show=_shower(advance))
    print_line((out / "card.md").read_text(encoding="utf-8"))
    print_line(f"kept seed {built.kept.seed}, written to {out}")


@tiny.command()
def card() -> None:
    """Show the shipped model's card: how it was made, its scores and its limits."""
    print_line((tiny_folder() / "card.md").read_text(encoding="utf-8").rstrip())


def _numbers(seeds: str) -> list[int]:
    try:
        return [int(seed) for seed in seeds.split(",")]
    except ValueError:
        raise BadOption(f"--seeds is a list of numbers such as 0,1,2, got {seeds!r}") from None


def _shower(advance: Callable[[int], None]) -> Callable[[int, Progress], None]:
    """Advance the bar by each step's tokens; without a terminal, print a line periodically."""
    seen: dict[int, int] = {}

    def show(seed: int, now: Progress) -> None:
        advance(now.tokens - seen.get(seed, 0))
        seen[seed] = now.tokens
        if now.steps % _LINE_EVERY == 0 and not sys.stderr.isatty():
            say(
                f"seed {seed}  step {now.steps}  tokens {now.tokens:,}  loss {now.loss:.3f}"
                f"  {now.seconds:.0f} CPU s"
            )

    return show
