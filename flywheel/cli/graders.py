"""flywheel graders: is a grader worth trusting?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flywheel.cli.options import Json, JudgeApiKeyEnv, JudgeName, UnsafePython

if TYPE_CHECKING:
    from flywheel.engines.here import Here
    from flywheel.evals.evalset import Evalset, Split
    from flywheel.evals.validity import ProbeResult

graders = typer.Typer(
    help="Check graders before anything is measured with them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@graders.callback()
def _group() -> None:
    """Check graders before anything is measured with them."""


@graders.command()
def check(
    what: Annotated[str, typer.Argument(help="A grader's definition, or an evalset.")],
    split: Annotated[str, typer.Option(help="Which split's items to probe with.")] = "dev",
    most: Annotated[int, typer.Option(min=2, help="At most this many items.")] = 50,
    judge: JudgeName = None,
    judge_api_key_env: JudgeApiKeyEnv = None,
    as_json: Json = False,
    unsafe_local_python: UnsafePython = False,
) -> None:
    """Check a definition, or probe the graders of an evalset.

    The gold answer must pass. Nothing at all, the prompt said back, another item's answer and an
    order to give full marks must not. Exits with 1 when a grader fails a probe.
    """
    from flywheel.cli.measuring import Asking
    from flywheel.engines.here import Here
    from flywheel.evals.evalset import load_evalset

    asking = Asking(
        judge=judge, judge_api_key_env=judge_api_key_env, unsafe_python=unsafe_local_python
    )
    if Path(what).is_file():
        with Here(unsafe_python=unsafe_local_python) as engine:
            _check_file(Path(what), engine, as_json)
        return
    evalset = load_evalset(what)
    with Here(asking.open_judge(evalset.graders), unsafe_python=unsafe_local_python) as engine:
        _check_evalset(evalset, _split(split), most, engine, as_json)


def _check_file(path: Path, engine: Here, as_json: bool) -> None:
    from flywheel.cli.tables import print_json, print_line
    from flywheel.evals.definitions import load_grader
    from flywheel.evals.sources import check_sources
    from graders.definition import wire_json

    grader = load_grader(path)
    check_sources(path, grader, engine.sandbox)
    if as_json:
        print_json({"ok": True, "grader": wire_json(grader)})
    else:
        print_line(f"{path}: ok, {wire_json(grader)['type']} {grader.name!r}")


def _check_evalset(evalset: Evalset, split: Split, most: int, engine: Here, as_json: bool) -> None:
    import asyncio
    from itertools import islice

    from flywheel.cli.tables import number, print_json, print_line, print_table
    from flywheel.evals.validity import check_evalset

    items = list(islice(evalset.split(split), most))
    results = asyncio.run(check_evalset(evalset, items, engine))
    bad = [result for result in results if not result.ok]
    if as_json:
        print_json({"ok": not bad, "evalset": evalset.name, "probes": [_json(r) for r in results]})
    else:
        columns = ("grader", "probe", "n", "mean", "passed", "unparsed", "ungraded", "verdict")
        print_table(columns, [_row(r, number(r.summary.mean)) for r in results])
        for result in bad:
            print_line(_story(result))
    raise typer.Exit(1 if bad else 0)


def _row(result: ProbeResult, mean: str) -> tuple[str, ...]:
    summary = result.summary
    counts = (summary.passed, summary.unparsed, summary.ungraded.total())
    verdict = "BAD" if not result.ok else "-" if not summary.n else "ok"
    return (result.grader, result.probe, str(summary.n), mean, *map(str, counts), verdict)


def _json(result: ProbeResult) -> dict[str, object]:
    return {
        "grader": result.grader,
        "probe": result.probe,
        "ok": result.ok,
        "wrong": result.wrong,
        **result.summary.as_json(),
    }


def _story(result: ProbeResult) -> str:
    ungraded = result.summary.ungraded.total()
    if ungraded:
        return f"{result.grader}: no verdict on {ungraded} of the {result.probe!r} probes"
    if result.probe == "gold":
        return f"{result.grader}: the gold answer does not pass on {result.wrong} items"
    return (
        f"{result.grader}: the {result.probe!r} probe passes, or scores as high as gold, on"
        f" {result.wrong} items"
    )


def _split(name: str) -> Split:
    from flywheel.errors import BadOption

    if name == "train" or name == "dev" or name == "test":
        return name
    raise BadOption(f"--split is train, dev or test, got {name!r}")
