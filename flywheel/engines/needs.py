"""Checks, before grading starts, that everything the graders need is available.

An engine leaves a sample ungraded if a judge, a sandbox or a model is missing. That is right for
an outage, but with an option that a user forgot every sample would be ungraded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flywheel.engines.engine import EngineSpec
from flywheel.errors import BadOption, FlywheelError, NoJudge
from flywheel.extras import need
from flywheel.samplers.local.scoring.embedder import PACKAGES as EMBEDDER
from flywheel.samplers.resolve import pins_of
from graders.asks import Embed, Judge, Rate, Run
from graders.grader import Grader
from graders.sandbox.confinement.tier import NoSandbox, best_tier

_NAMES = "tiny, a model's folder, http://host/v1#MODEL, python:FILE.py:F or scripted:FILE"


def check_needs(
    graders: Iterable[Grader], spec: EngineSpec, find_tier: Callable[[], object] = best_tier
) -> None:
    """Raise if one of these graders needs what an engine of this spec does not have.

    The message has the grader's name and the remedy. Raises NoJudge for a missing judge,
    MissingExtra for a package or the embedding model, BadOption for a missing reward model or
    sandbox. `find_tier` raises NoSandbox if no tier of the sandbox is available.
    """
    for grader in graders:
        check_packages(grader)
        needs = grader.needs()
        if Judge in needs and spec.judge is None:
            raise NoJudge(
                f"the grader {grader.name!r} needs a judge; name one with --judge, or as judge in"
                f" a training's config: {_NAMES}"
            )
        if Run in needs and not spec.unsafe_python:
            try:
                find_tier()
            except NoSandbox as error:
                raise BadOption(f"the grader {grader.name!r} needs a sandbox: {error}") from None
        if Rate in needs:
            try:
                grader.pinned(pins_of([grader]))
            except FlywheelError as error:
                text = f"the grader {grader.name!r} needs a reward model: {error}"
                raise BadOption(text) from None


def check_packages(grader: Grader) -> None:
    """Raise MissingExtra if a package that the grader needs is not installed."""
    packages = [*sorted(grader.packages()), *(EMBEDDER if Embed in grader.needs() else ())]
    need(*packages, user=f"the grader {grader.name!r}")
