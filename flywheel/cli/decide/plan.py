"""flywheel plan: estimate the sample size that a gain needs."""

from __future__ import annotations

from typing import Annotated

import typer

from flywheel.cli.terminal.layout import fill
from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json, finite
from flywheel.cli.terminal.tables import print_json, print_line, print_table
from flywheel.evals.decision.sample_size import Forecast, Wish
from flywheel.workspace.open import forecast_of


def plan(
    evalset: Annotated[str, typer.Argument(help="An evalset's name or folder.")],
    effect: Annotated[
        float, typer.Option(callback=finite, help="Gain to detect, as a share.")
    ] = 0.05,
    power: Annotated[
        float, typer.Option(callback=finite, help="Power: the probability of detecting it.")
    ] = 0.8,
    discordance: Annotated[
        float,
        typer.Option(callback=finite, help="Share of items that only one of the two runs passes."),
    ] = 0.2,
    look: Annotated[
        int, typer.Option(min=1, help="The number of this look at the test split.")
    ] = 1,
    like: Annotated[
        list[str] | None,
        typer.Option(help="A run, or two runs to estimate the variance from; repeatable."),
    ] = None,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Estimate the sample size needed to detect a gain, and the gain that each split can detect."""
    wish = Wish(effect=effect, power=power, look=look, discordance=discordance)
    forecast = forecast_of(db, evalset, wish, like or ())
    if as_json:
        print_json(forecast.as_json())
        return
    _show(forecast)


def _show(forecast: Forecast) -> None:
    wish = forecast.wish
    print_line(
        f"You need {forecast.items:,} items to detect {100 * wish.effect:g} points"
        f" with {wish.power:.0%} power"
    )
    level = "two-sided 95%"
    if wish.look > 1:
        level = f"look {wish.look} at a split, {100 * (1 - wish.alpha):.4g}%"
    print_line(fill(f"spread {forecast.spread.source}; {level}"))
    print_line("")
    print_table(
        ("gain in points", "items"),
        [(f"{100 * effect:g}", f"{items:,}") for effect, items in forecast.table],
    )
    print_line("")
    rows = [
        (name, f"{items:,}", "-" if mde is None else f"{100 * mde:.1f}")
        for name, (items, mde) in forecast.splits.items()
    ]
    print_table(("split", "items", "detects points"), rows)
    if any(mde is None for _, mde in forecast.splits.values()):
        print_line("- too few items to detect any gain with that power")
    spent = [f"${forecast.price:.2f}"] if forecast.price is not None else []
    if forecast.seconds is not None:
        spent.append(f"{forecast.seconds:,.1f} s")
    if spent:
        print_line(
            f"\n{forecast.items:,} answers take about {', '.join(spent)}, at the baseline's rate"
        )
