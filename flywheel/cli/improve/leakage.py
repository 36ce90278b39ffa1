"""flywheel leakage: find items that train, dev, test, prompts and training files share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flywheel.cli.terminal.options import Json
from flywheel.cli.terminal.tables import print_json, print_line, print_table
from flywheel.data.leakage.leakage import WAYS, Overlap, describe_overlap
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.evalset.leaks import Leak, check_evalset, check_file
from flywheel.outputs import work as outputs

_SHOWN = 5


def leakage(
    evalset: Annotated[str, typer.Argument(help="An evalset, by name or folder.")],
    file: Annotated[
        list[Path] | None, typer.Option(help="Training file to check; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find items of dev and test that occur in train, in the prompt's examples or in a file.

    An item counts once, by its strongest kind of overlap: same text, same words, half of it within
    another (13-gram), nearly the same (minhash), same group. Exits with 1 if there is any overlap.
    """
    loaded = load_evalset(evalset)
    leaks = check_evalset(loaded)
    for path in file or ():
        leaks += check_file(loaded, path)
    leaking = [leak for leak in leaks if leak.overlaps.total]
    if as_json:
        sides = [_json(leak) for leak in leaks]
        print_json(outputs.Leakage(ok=not leaking, evalset=loaded.name, sides=sides))
    elif not leaks:
        print_line(f"{loaded.name}: has only one split, nothing to compare")
    else:
        print_table(("in", "of", "items", *WAYS, "verdict"), [_row(leak) for leak in leaks])
        for leak in leaking:
            print_line(f"{leak.right} in {leak.left}:")
            for overlap in leak.overlaps.worst[:_SHOWN]:
                print_line(f"  {describe_overlap(overlap)}")
    raise typer.Exit(1 if leaking else 0)


def _row(leak: Leak) -> tuple[str, ...]:
    counts = [str(count) for count in leak.overlaps.counts.values()]
    return (
        leak.left,
        leak.right,
        str(leak.items),
        *counts,
        "LEAK" if leak.overlaps.total else "ok",
    )


def _json(leak: Leak) -> outputs.Side:
    return {
        "in": leak.left,
        "of": leak.right,
        "items": leak.items,
        "leaking": leak.overlaps.total,
        "ways": {str(how): n for how, n in leak.overlaps.counts.items()},
        "worst": [_pair(overlap) for overlap in leak.overlaps.worst],
    }


def _pair(overlap: Overlap) -> outputs.Overlap:
    return {
        "in": overlap.left.where,
        "of": overlap.right.where,
        "how": overlap.how,
        "share": round(overlap.share, 3),
        "shown": overlap.shown,
    }
