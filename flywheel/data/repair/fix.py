"""Repairs a training file, in this order:

1. Unreadable and empty rows are removed with `drop_bad`; otherwise they stop the repair.
2. Personal data are replaced by placeholders, consistently across all files.
3. Of rows that differ only in case, spaces and punctuation, the first is kept.
4. The rows are split; a group, by default the rows with the same question, stays in one part.
5. Classes are balanced, and 6. other files are mixed in, in the first part only: the other parts
   keep measuring the task, and no row is copied across parts.

All rows are in memory at once. The result depends only on the files, the steps and the seed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from flywheel.data.checks.classes import MOST_CLASSES, class_values
from flywheel.data.checks.findings import Findings
from flywheel.data.checks.pii import Names
from flywheel.data.checks.quality import Blanks
from flywheel.data.checks.repeats import asked_key, folded_key
from flywheel.data.repair.anonymise import Anonymiser
from flywheel.data.repair.splits import Balance, balanced, mixture, split_groups
from flywheel.data.rows.formats import looks_like
from flywheel.data.rows.openai_rows import openai_row
from flywheel.data.rows.sources import Raw, read_raw
from flywheel.data.rows.training import Training, read_training
from flywheel.data.rows.training_row import BadRow
from flywheel.data.rows.view import View, view_of
from flywheel.errors import BadFile, BadOption

Rows = list[list[tuple[str, Mapping[str, Any]]]]
_OPENAI = {"sft": "openai", "preference": "dpo", "reward": "rft"}
PARTS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps to perform. `mix` has files with their shares, `split` the shares of the parts.

    `names` finds names of people for `anonymise`.
    """

    drop_bad: bool = False
    anonymise: bool = False
    names: Names | None = None
    dedupe: bool = False
    split: tuple[float, ...] = ()
    group: str | None = None
    balance: Balance | None = None
    class_field: str | None = None
    mix: tuple[tuple[Path, float], ...] = ()
    seed: int = 0
    keep_format: bool = False


class Kept(NamedTuple):
    """A row's fields in the file, and its view for the checks."""

    fields: Mapping[str, Any]
    view: View


@dataclass(slots=True)
class Fixed:
    """The rows of each part to write, and the changes as text."""

    format: str
    parts: dict[str, list[tuple[str, Mapping[str, Any]]]]
    changes: list[str] = field(default_factory=list[str])


def fix_training(training: Training, steps: Steps) -> Fixed:
    """Repair a file. Raises BadFile for a bad row without `drop_bad`, and BadOption."""
    changes: list[str] = []
    anonymiser = Anonymiser(steps.names) if steps.anonymise else None
    rows = _read(training, steps, anonymiser, changes)
    others = [
        (path, _read(read_training(path), steps, anonymiser, changes), share)
        for path, share in steps.mix
    ]
    if anonymiser is not None:
        counts = ", ".join(f"{n} {kind}" for kind, n in anonymiser.counts.most_common())
        changes.append(f"anonymised {anonymiser.counts.total()} values: {counts or 'none found'}")
    parts = _split(rows, steps, changes)
    first, *rest = parts
    if steps.balance:
        first = _balance(first, steps, changes)
    if others:
        first = _mix(first, rows, others, steps, changes)
    names = PARTS if rest else ("",)
    form = training.format.name
    written, form = _written([first, *rest], form, steps, changes)
    return Fixed(form, dict(zip(names, written, strict=False)), changes)


def _read(
    training: Training, steps: Steps, anonymiser: Anonymiser | None, changes: list[str]
) -> list[Kept]:
    rows: list[Kept] = []
    seen: set[bytes] = set()
    bad = again = 0
    for raw in read_raw(training.path):
        kept = _keep(raw, training, anonymiser)
        if isinstance(kept, BadRow):
            if not steps.drop_bad:
                raise BadFile(f"{kept.where}: {kept.story}; --drop-bad removes such rows")
            bad += 1
            continue
        key = folded_key(kept.view) if steps.dedupe else b""
        if key and key in seen:
            again += 1
            continue
        seen.add(key)
        rows.append(kept)
    if steps.drop_bad:
        changes.append(f"removed {_rows(bad, 'broken or empty')} from {training.path}")
    if steps.dedupe:
        changes.append(f"removed {_rows(again, 'duplicate')} from {training.path}")
    if not rows:
        raise BadFile(f"{training.path}: no rows are left")
    return rows


def _rows(count: int, kind: str) -> str:
    return f"{count} {kind} {'row' if count == 1 else 'rows'}"


def _keep(raw: Raw | BadRow, training: Training, anonymiser: Anonymiser | None) -> Kept | BadRow:
    if isinstance(raw, BadRow):
        return raw
    fields = anonymiser.clean(raw.fields) if anonymiser else raw.fields
    row = training.typed(raw._replace(fields=fields))
    if isinstance(row, BadRow):
        return row
    view, findings = view_of(row), Findings()
    Blanks().see(view, findings)
    errors = [one for one in findings.kept if one.severity == "error"]
    return BadRow(row.where, errors[0].story) if errors else Kept(fields, view)


def _split(rows: list[Kept], steps: Steps, changes: list[str]) -> list[list[Kept]]:
    if not steps.split:
        return [rows]
    groups: list[Hashable] = [_group(row, steps.group) for row in rows]
    parts: list[list[Kept]] = [[] for _ in steps.split]
    for row, part in zip(rows, split_groups(groups, steps.split, steps.seed), strict=True):
        parts[part].append(row)
    by = f"{steps.group} ({len(set(groups))} groups)" if steps.group else "question"
    sizes = ", ".join(str(len(part)) for part in parts)
    changes.append(f"split by {by}: {sizes} rows")
    return parts


def _group(row: Kept, name: str | None) -> Hashable:
    if name is None:
        return asked_key(row.view)
    if row.fields.get(name) is None:
        raise BadOption(f"{row.view.row.where}: no field {name!r} to split by")
    return str(row.fields[name])


def _balance(rows: list[Kept], steps: Steps, changes: list[str]) -> list[Kept]:
    assert steps.balance is not None
    classes = [_class(row, steps.class_field) for row in rows]
    name = steps.class_field or "answer"
    if len(set(classes)) > min(MOST_CLASSES, len(rows) // 2):
        raise BadOption(
            f"{name} has {len(set(classes))} values in {len(rows)} rows, too many for classes; name"
            " a field of the rows or of JSON answers with --class"
        )
    chosen = [rows[index] for index in balanced(classes, steps.balance, steps.seed)]
    changes.append(
        f"balanced {len(set(classes))} classes of {name}, {steps.balance}: from {len(rows)} to"
        f" {len(chosen)} rows"
    )
    return chosen


def _class(row: Kept, name: str | None) -> Hashable:
    if name is None:
        return row.view.answered
    value = row.fields.get(name, dict(class_values(row.view.row)).get(name))
    if value is None:
        raise BadOption(f"{row.view.row.where}: no field {name!r} in the row or its answer")
    return str(value)


def _mix(
    first: list[Kept],
    rows: Sequence[Kept],
    others: Sequence[tuple[Path, list[Kept], float]],
    steps: Steps,
    changes: list[str],
) -> list[Kept]:
    """The task's rows shuffled with others, excluding those that ask one of its questions."""
    known = {asked_key(row.view) for row in rows}
    free = [[row for row in other if asked_key(row.view) not in known] for _, other, _ in others]
    sizes = [(len(kept), share) for kept, (_, _, share) in zip(free, others, strict=True)]
    mixed = list(first)
    drawn = mixture(len(first), sizes, steps.seed)
    for other, indices in zip(free, drawn, strict=True):
        mixed += [other[index] for index in indices]
    for (path, _, share), indices in zip(others, drawn, strict=True):
        got = len(indices) / len(mixed)
        short = f" (too few rows for {share:.0%})" if share - got > 0.01 else ""
        changes.append(f"mixed in {len(indices)} rows of {path}: {got:.0%} of the total{short}")
    Random(f"{steps.seed} order").shuffle(mixed)
    return mixed


def _written(
    parts: list[list[Kept]], form: str, steps: Steps, changes: list[str]
) -> tuple[Rows, str]:
    """The rows to write, all in one format."""
    kinds = {row.view.row.kind for part in parts for row in part}
    if len(kinds) > 1:
        raise BadOption(f"rows of the kinds {', '.join(sorted(kinds))} cannot be in one file")
    own: Rows = [[(row.view.row.where, row.fields) for row in part] for part in parts]
    if not steps.keep_format and not kinds & {"unpaired", "text"}:
        made: Rows = [
            [(row.view.row.where, openai_row(row.view.row) or {}) for row in part] for part in parts
        ]
        return made, _OPENAI[kinds.pop()]
    formats = {looks_like(fields) for part in own for _, fields in part}
    if len(formats) > 1:
        raise BadOption(
            f"rows of the formats {', '.join(map(str, formats))} cannot be in one file as they are"
        )
    if not steps.keep_format:
        changes.append(f"kept the format {form}: OpenAI has no equivalent")
    return own, form
