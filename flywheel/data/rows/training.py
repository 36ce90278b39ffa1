"""Training files in any format, read as typed rows.

A file is streamed each time its rows are read, so it need not fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from flywheel.data.rows.formats import Format, describe_formats, format_named, looks_like, recognise
from flywheel.data.rows.shapes import BadShape
from flywheel.data.rows.sources import Raw, read_raw
from flywheel.data.rows.training_row import BadRow, TrainingRow
from flywheel.errors import BadFile
from flywheel.places import BadPlace, Loc, json_places

_LOOKED_AT = 100
# Longer lines get no column: finding it is slow.
_LONGEST_LINE = 100_000


@dataclass(frozen=True, slots=True)
class Training:
    """A training file with its format. `detected`: by its rows, not named by the user."""

    path: Path
    format: Format
    detected: bool = True

    @property
    def rows(self) -> Iterator[TrainingRow]:
        """All rows, from the beginning. Raises BadFile with the location of an invalid one."""
        for row in self.read():
            if isinstance(row, BadRow):
                raise BadFile(f"{row.where}: {row.story}")
            yield row

    def read(self) -> Iterator[TrainingRow | BadRow]:
        """All rows, with a BadRow for each invalid one."""
        for raw in read_raw(self.path):
            yield raw if isinstance(raw, BadRow) else self.typed(raw)

    def typed(self, raw: Raw) -> TrainingRow | BadRow:
        """Convert a raw row, or return a BadRow with the reason."""
        try:
            if self.detected:
                self._refuse_mixture(raw)
            return self.format.read(raw.fields, raw.where)
        except BadShape as fault:
            return BadRow(raw.where + _column(raw.text, fault.loc), str(fault))

    def _refuse_mixture(self, raw: Raw) -> None:
        name = looks_like(raw.fields)
        if name == self.format.name or (name == "chat" and "messages" in self.format.needs):
            return
        if name is not None:
            raise BadShape(
                (), f"mixed formats: this row is {name}, the file began as {self.format.name}"
            )


def read_training(path: Path, format: str | None = None) -> Training:
    """A training file with its format, detected or named. Raises BadFile or BadOption.

    Only the first rows are read here; errors in later ones are raised when they are read.
    """
    if format is not None:
        form = format_named(format)
        if next(read_raw(path), None) is None:
            raise BadFile(f"{path}: has no rows")
        return Training(path, form, detected=False)
    first = list(islice(read_raw(path), _LOOKED_AT))
    if not first:
        raise BadFile(f"{path}: has no rows")
    rows = [raw for raw in first if isinstance(raw, Raw)]
    if not rows:
        raise BadFile(
            "\n".join(f"{row.where}: {row.story}" for row in first[:1] if isinstance(row, BadRow))
        )
    form = recognise([raw.fields for raw in rows])
    if form is None:
        have = ", ".join(key for key, value in rows[0].fields.items() if value is not None)
        raise BadFile(
            f"{rows[0].where}: no format has the keys {have or 'of an empty row'}; wanted one of"
            f" {describe_formats()}; pass the closest one with --format to see what is missing"
        )
    return Training(path, form)


def _column(line: bytes, loc: Loc) -> str:
    """`:col` of the value at this path of the row; empty for a long or unusual line."""
    if not line or len(line) > _LONGEST_LINE:
        return ""
    try:
        places = json_places(line.decode("utf-8-sig"))
    except (BadPlace, RecursionError, ValueError):
        return ""
    while loc not in places:
        loc = loc[:-1]
    return f":{places[loc][1]}"
