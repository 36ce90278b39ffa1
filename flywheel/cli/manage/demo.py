"""flywheel demo: the whole loop on the embedded model, or only the graders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.terminal.streams import say
from flywheel.extras import MissingExtra, missing
from flywheel.levers.training.config import PACKAGES
from flywheel.recipes.demo import main as show_graders


def demo(
    folder: Annotated[Path, typer.Option(help="Folder for its store and jobs.")] = Path("demo"),
    fast: Annotated[bool, typer.Option("--fast", help="Run one lever; under 90 seconds.")] = False,
    graders: Annotated[
        bool, typer.Option("--graders", help="Show only the graders; needs no torch.")
    ] = False,
) -> None:
    """Measure, train, decide and promote on the embedded model: the whole loop in minutes.

    After Ctrl-C, the same command resumes it.
    """
    if graders:
        show_graders()
        return
    if line := missing(*PACKAGES):
        raise MissingExtra(f"{line} (flywheel demo --graders works without)")
    from flywheel.recipes.loop import RFT, SFT, main

    try:
        main(folder, (SFT,) if fast else (SFT, RFT))
    except KeyboardInterrupt:
        say("Stopped. Resume with: flywheel demo")
        raise typer.Exit(130) from None
