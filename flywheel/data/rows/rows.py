"""JSON lines: one JSON object per line, streamed.

Errors name file:line:col. Empty lines are skipped.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from flywheel.data.rows.shapes import shorten
from flywheel.errors import BadFile
from graders.sample import Sample
from graders.text.strict_json import parse_json

# Parsing a line takes several times its size in memory.
MOST_LINE = 256 << 20
_SAMPLE_FIELDS = ("output_text", "output_tools", "choices", "output_audio", "model")


class BadLine(BadFile):
    """A line that is not a row: its location, and the reason."""

    def __init__(self, where: str, story: str) -> None:
        super().__init__(f"{where}: {story}")
        self.where, self.story = where, story


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The non-empty lines of a file with their numbers, from 1, without a byte order mark.

    Raises BadFile for a line longer than 256 MiB, without reading the rest of it.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(MOST_LINE + 1):
                number += 1
                if number == 1:
                    line = line.removeprefix(codecs.BOM_UTF8)
                if len(line) > MOST_LINE:
                    raise BadFile(
                        f"{path}:{number}:1: the line is longer than {MOST_LINE >> 20} MiB; shorten"
                        " the row, or write one row per line"
                    )
                if line.strip():
                    yield number, line
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}") from None


def parse_row(
    path: Path, number: int, line: bytes, parse: Callable[[bytes], Any] = parse_json
) -> dict[str, Any]:
    """Parse the object on a line. Raises BadLine."""
    where = f"{path}:{number}"
    try:
        value = parse(line.removeprefix(codecs.BOM_UTF8).rstrip(b"\r\n"))
    except UnicodeDecodeError as error:
        story = f"byte 0x{line[error.start]:02x} is not UTF-8"
        raise BadLine(f"{where}:{error.start + 1}", story) from None
    except json.JSONDecodeError as error:
        raise BadLine(f"{where}:{error.colno}", f"not JSON: {error.msg}") from None
    except ValueError as error:
        raise BadLine(f"{where}:1", f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadLine(f"{where}:1", f"a row is a JSON object, got {shorten(value)}")
    return cast("dict[str, Any]", value)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """All rows with their line numbers."""
    for number, line in read_lines(path):
        yield number, parse_row(path, number, line)


def sample_of_row(row: Mapping[str, Any]) -> Sample:
    """The sample in a row `{"item": {...}, "sample": ...}`. Raises ValueError.

    `sample` is the answer's text, or an object with `output_text` and the other fields of the
    `sample` namespace. Without `output_text`, the text is taken from `choices`, as in a saved chat
    completion.
    """
    unknown = set(row) - {"item", "sample"}
    if unknown or "sample" not in row:
        have = ", ".join(row) or "nothing"
        raise ValueError(f'a row is {{"item": {{…}}, "sample": …}}, got the keys {have}')
    item, given = row.get("item", {}), row["sample"]
    if not isinstance(item, dict):
        raise ValueError(f"`item` is a JSON object, got {shorten(item)}")
    if isinstance(given, str):
        return Sample(cast("dict[str, Any]", item), given)
    if not isinstance(given, dict):
        raise ValueError(f"`sample` is text or a JSON object, got {shorten(given)}")
    fields = cast("dict[str, Any]", given)
    known = {name: fields[name] for name in _SAMPLE_FIELDS if fields.get(name) is not None}
    message = _message(known.get("choices"))
    if "output_text" not in known and message is None:
        raise ValueError("`sample` has neither output_text nor choices with a message")
    known.setdefault("output_text", (message or {}).get("content") or "")
    known.setdefault("output_tools", (message or {}).get("tool_calls") or ())
    if not isinstance(known["output_text"], str):
        raise ValueError(f"`output_text` is text, got {shorten(known['output_text'])}")
    return Sample(cast("dict[str, Any]", item), **known)


def _message(choices: Any) -> Mapping[str, Any] | None:
    """The message of the first choice of a chat completion, or None."""
    try:
        message = choices[0]["message"]
    except (LookupError, TypeError):
        return None
    return cast("Mapping[str, Any]", message) if isinstance(message, dict) else None
