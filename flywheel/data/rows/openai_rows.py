"""Rows in the format of OpenAI's fine-tuning API, and writing them to files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from flywheel.data.rows.training_row import Message, TrainingRow
from flywheel.errors import BadFile
from flywheel.files import whole_file


def openai_row(row: TrainingRow) -> dict[str, Any] | None:
    """The row in OpenAI's format: chat, DPO or RFT. None for KTO and text, which OpenAI lacks.

    Additional fields are kept for RFT, where graders use them; OpenAI refuses them elsewhere.
    """
    if row.kind in ("unpaired", "text"):
        return None
    asked: dict[str, Any] = {"messages": [turn.as_json() for turn in row.messages]}
    if row.tools:
        asked["tools"] = [dict(tool) for tool in row.tools]
    if row.parallel_tool_calls is not None:
        asked["parallel_tool_calls"] = row.parallel_tool_calls
    if row.kind == "preference":
        return {
            "input": asked,
            "preferred_output": _output(row.chosen),
            "non_preferred_output": _output(row.rejected),
        }
    return {**asked, **row.item} if row.kind == "reward" else asked


def save_rows(path: Path, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> int:
    """Write (where, fields) as JSON lines, atomically. Raises BadFile for a row that is not JSON.

    A lone surrogate, which UTF-8 cannot encode, is written as its escape.
    """
    written = 0
    with whole_file(path) as file:
        for where, fields in rows:
            try:
                line = json.dumps(fields, ensure_ascii=False, allow_nan=False, default=_plain)
            except (ValueError, TypeError) as error:
                raise BadFile(f"{where}: cannot be written as JSON: {error}") from None
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")
            written += 1
    return written


def _output(answer: Message | None) -> list[dict[str, Any]]:
    return [answer.as_json()] if answer else []


def _plain(value: Any) -> Any:
    """The JSON value of a type that only tables have."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"wanted text, numbers and lists, got {type(value).__name__}")
