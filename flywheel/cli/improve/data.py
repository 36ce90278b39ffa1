"""flywheel data: check training files, and repair them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from flywheel.cli.terminal.options import Json
from flywheel.cli.terminal.progress import Advance, progress
from flywheel.cli.terminal.tables import print_json, print_line, print_table
from flywheel.data.checks.check import check_training
from flywheel.data.checks.findings import Findings, Report
from flywheel.data.checks.names import open_names
from flywheel.data.checks.pii import Names as Finder
from flywheel.data.leakage.leakage import describe_overlap
from flywheel.data.repair.fix import PARTS, Steps, fix_training
from flywheel.data.repair.splits import Balance
from flywheel.data.rows.openai_rows import save_rows
from flywheel.data.rows.tokens import TokenCounter, counter_of, estimated
from flywheel.data.rows.training import read_training
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import load_evalset, shipped
from flywheel.evals.evalset.leaks import check_file
from flywheel.models.hub import cached_folder
from flywheel.outputs import work as outputs
from flywheel.tiny.weights import tiny_folder

_SHOWN_EACH = 3
_SHOWN_CLASSES = 8
_MOST_LEAKS = 1000
# Formats with one row per line, whose lines a progress bar can count.
_LINED = (".jsonl", ".ndjson", ".csv", ".tsv")
_FORMATS = "chat, openai, vision, rft, dpo, preference, kto, completion, alpaca, sharegpt or text."

data = typer.Typer(
    help="Check and repair training files.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
File = Annotated[
    Path, typer.Argument(help="JSON lines, a JSON array, CSV, Parquet or a datasets folder.")
]
FormatName = Annotated[
    str | None, typer.Option("--format", help=f"Row format; detected by default: {_FORMATS}")
]
Split = Annotated[
    str | None, typer.Option(help="Shares of two or three parts: 0.9,0.1 (train, dev, test).")
]
Group = Annotated[
    str | None, typer.Option(help="Keep rows with the same FIELD in one part of --split.")
]
How = Annotated[
    str | None, typer.Option(help="over: repeat rarer classes; under: drop from frequent ones.")
]
ClassField = Annotated[
    str | None, typer.Option("--class", help="Field that holds the class, in rows or JSON answers.")
]
Names = Annotated[
    str | None, typer.Option(help="Also detect names of people, with this spaCy pipeline.")
]
Mix = Annotated[list[str] | None, typer.Option(help="FILE=0.2: a fifth of the result from FILE.")]


@data.callback()
def _group() -> None:
    """Check and repair training files."""


@data.command()
def check(
    file: File,
    form: FormatName = None,
    evalset: Annotated[
        list[str] | None,
        typer.Option(
            help="Search the file for dev and test items of this evalset, or of all; repeatable."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Count tokens with this model's tokenizer: tiny, a folder …"
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(min=1, help="Maximum tokens per row; default: the model's context."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show all findings, not three each.")
    ] = False,
    names: Names = None,
    as_json: Json = False,
) -> None:
    """Check every row and report errors, warnings and statistics.

    Broken and empty rows, pairs with equal answers, items of an evalset and fewer than ten rows are
    errors; duplicates, contradictions, personal data, damaged or truncated text and imbalanced
    classes are warnings. Exits with 1 if there are errors.
    """
    training = read_training(file, form)
    counter = _counter(model)
    with _bar(file) as advance:
        report = check_training(training, counter, max_length, advance, _finder(names))
    leakage = _check_leakage(file, evalset or [], report.findings)
    if as_json:
        print_json(outputs.DataCheck(**report.as_json(), leakage=leakage))
    else:
        _show(report, leakage, every)
    raise typer.Exit(1 if report.refused else 0)


@data.command()
def fix(
    file: File,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Output file; parts of --split are named after it."),
    ],
    form: FormatName = None,
    drop_bad: Annotated[bool, typer.Option(help="Remove broken and empty rows.")] = False,
    dedupe: Annotated[bool, typer.Option(help="Remove duplicate rows.")] = False,
    anonymise: Annotated[
        bool, typer.Option(help="Replace personal data with placeholders such as <EMAIL_1>.")
    ] = False,
    split: Split = None,
    by_group: Group = None,
    balance: How = None,
    class_field: ClassField = None,
    mix: Mix = None,
    names: Names = None,
    seed: Annotated[int, typer.Option(help="Random seed.")] = 0,
    keep_format: Annotated[
        bool, typer.Option(help="Keep the row format instead of writing OpenAI's.")
    ] = False,
    force: Annotated[bool, typer.Option(help="Overwrite existing files.")] = False,
    as_json: Json = False,
) -> None:
    """Write a repaired copy as JSON lines in OpenAI's format, and list the changes.

    The order is: drop bad rows, anonymise, dedupe, split, balance, mix. Only the first part of a
    split is balanced and mixed.
    """
    steps = Steps(
        drop_bad=drop_bad,
        anonymise=anonymise,
        names=_finder(names),
        dedupe=dedupe,
        split=_shares(split),
        group=by_group,
        balance=_balance(balance),
        class_field=class_field,
        mix=tuple(_mixed(text) for text in mix or ()),
        seed=seed,
        keep_format=keep_format,
    )
    if steps.group and not steps.split:
        raise BadOption("--by-group needs --split, such as --split 0.9,0.1")
    if steps.class_field and not steps.balance:
        raise BadOption("--class needs --balance over or --balance under")
    targets = _targets(out, steps)
    existing = [str(path) for path in targets.values() if path.exists()]
    if existing and not force:
        raise BadOption(f"{', '.join(existing)} already exists; --force overwrites it")
    fixed = fix_training(read_training(file, form), steps)
    rows = {str(targets[part]): save_rows(targets[part], fixed.parts[part]) for part in targets}
    if as_json:
        print_json(outputs.DataFix(format=fixed.format, changes=fixed.changes, rows=rows))
        return
    for change in fixed.changes:
        print_line(change)
    for path, count in rows.items():
        print_line(f"{path}: {fixed.format}, {count} rows")


def _finder(pipeline: str | None) -> Finder | None:
    return open_names(pipeline) if pipeline else None


def _counter(model: str | None) -> TokenCounter:
    if model is None:
        return estimated()
    if model.startswith(("http://", "https://", "scripted:", "replay:", "python:")):
        return estimated(f"the tokenizer of {model} cannot be read")
    if model == "tiny":
        return counter_of(model, tiny_folder())
    if Path(model).is_dir():
        return counter_of(model, Path(model))
    if "/" not in model:
        raise BadOption(f"no model {model!r}; wanted tiny, a folder, or a hub id in the cache")
    return counter_of(model, cached_folder(model))


def _bar(file: Path) -> Any:
    if file.suffix.lower() not in _LINED or not file.is_file():
        ignore: Advance = lambda rows: None  # noqa: E731 - no bar is shown
        return nullcontext(ignore)
    with file.open("rb") as lines:
        total = sum(block.count(b"\n") for block in iter(lambda: lines.read(1 << 20), b""))
    return progress(file.name, total, "rows")


def _check_leakage(file: Path, names: list[str], findings: Findings) -> dict[str, int | None]:
    """The number of each evalset's items in the file; None if broken rows prevent the check."""
    if "all" in names:
        mine = {path.parent.name for path in Path("evalsets").glob("*/evalset.yaml")}
        names = [name for name in names if name != "all"] + sorted(mine.union(shipped()))
    counts: dict[str, int | None] = {}
    for name in dict.fromkeys(names):
        evalset = load_evalset(name)
        if findings.counts["error", "bad_row"]:
            counts[name] = None
            continue
        leaks = check_file(evalset, file, _MOST_LEAKS)
        counts[name] = sum(leak.overlaps.total for leak in leaks)
        for overlap in (one for leak in leaks for one in leak.overlaps.worst):
            severity = "warning" if overlap.how == "group" else "error"
            findings.add(
                "leak", severity, overlap.left.where, f"{name} {describe_overlap(overlap)}"
            )
    return counts


def _show(report: Report, leakage: dict[str, int | None], every: bool) -> None:
    print_line(f"{report.path}: {report.format}, {report.rows:,} rows")
    print_table(("measure", "value"), list(_figures(report, leakage)), wrap=True)
    print_line("")
    shown: dict[tuple[str, str], int] = {}
    rows: list[tuple[str, str, str]] = []
    for one in report.findings.sorted():
        key = (one.severity, one.kind)
        shown[key] = shown.get(key, 0) + 1
        count = report.findings.counts[one.severity, one.kind]
        if every or shown[key] <= _SHOWN_EACH:
            rows.append((one.severity, one.where, f"{one.kind}: {one.story}"))
        elif shown[key] == _SHOWN_EACH + 1:
            rows.append(("", "", f"{one.kind}: {count - _SHOWN_EACH:,} more; --all shows them"))
    if rows:
        print_table(("severity", "where", "finding"), rows, wrap=True)
    totals = [
        (severity, report.findings.total(severity)) for severity in ("error", "warning", "note")
    ]
    counts = [f"{n:,} {severity}{'s' if n != 1 else ''}" for severity, n in totals if n]
    print_line(f"{report.path}: {report.verdict} ({', '.join(counts) or 'nothing found'})")


def _figures(report: Report, leakage: dict[str, int | None]) -> Iterator[tuple[str, str]]:
    tokens = report.figures["tokens"]
    if tokens:
        yield "tokens", f"{tokens['total']:,}, {tokens['learned']:,} learned; {tokens['how']}"
        marks = ", ".join(
            f"{name} {tokens[name]:,}" for name in ("min", "p50", "p90", "p99", "max")
        )
        most = tokens["max_length"]
        yield "per row", f"{marks}; maximum length {most:,}" if most else marks
    yield "languages", _counts(report.figures["languages"])
    for name, counts in report.figures["classes"].items():
        yield name, _counts(counts)
    pii = report.figures["pii"]
    personal = _counts({kind: n for kind, n in pii.items() if n}) or "none found"
    unchecked = "; names not checked, see --names"
    yield "personal", personal if pii["name"] is not None else f"{personal}{unchecked}"
    for name, count in leakage.items():
        shown = "not checked: some rows cannot be read" if count is None else f"{count} items"
        yield f"in {name}", shown
    if not leakage:
        yield "leakage", "not checked, see --evalset"


def _counts(counts: dict[str, int]) -> str:
    shown = [f"{name} {n:,}" for name, n in list(counts.items())[:_SHOWN_CLASSES]]
    more = len(counts) - _SHOWN_CLASSES
    return ", ".join([*shown, f"{more} more"] if more > 0 else shown)


def _shares(text: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        shares = tuple(float(share) for share in text.split(","))
    except ValueError:
        shares = ()
    if len(shares) not in (2, 3) or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise BadOption(f"--split is two or three shares with sum 1, such as 0.9,0.1; got {text!r}")
    return shares


def _balance(text: str | None) -> Balance | None:
    if text is None or text == "over" or text == "under":
        return text
    raise BadOption(f"--balance is over or under, got {text!r}")


def _mixed(text: str) -> tuple[Path, float]:
    name, _, share = text.rpartition("=")
    try:
        if name and 0 < float(share) < 1:
            return Path(name), float(share)
    except ValueError:
        pass
    raise BadOption(f"--mix is FILE=SHARE, such as general.jsonl=0.2; got {text!r}")


def _targets(out: Path, steps: Steps) -> dict[str, Path]:
    """The output file of each part: out.jsonl, or out.train.jsonl, out.dev.jsonl …"""
    if not steps.split:
        return {"": out}
    names = PARTS[: len(steps.split)]
    return {name: out.with_name(f"{out.stem}.{name}{out.suffix}") for name in names}
