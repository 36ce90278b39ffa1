"""A generic format: JSONL with one verdict per line.

    {"run": "a", "item": "q1", "grader": "exact", "score": 1}

Optional fields: `repeat` (from 0), `group`, `passed`, `output`, `reason`, `error` (why `score` is
null), `evalset`, `split`, `model`, `prompt_tokens`, `completion_tokens`, `seconds`, `price` (US
dollars). Other fields are refused, so that a misspelt one is not ignored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flywheel.data.rows.rows import parse_row, read_lines
from flywheel.errors import BadFile
from flywheel.importers.verdict import (
    MOST_REPEATS,
    NO_ANSWER,
    SPLITS,
    Answer,
    Naming,
    Source,
    Verdict,
    is_name,
    passes,
)
from flywheel.places import BadPlace, json_places

_NEEDED = ("run", "item", "grader", "score")
_OF_THE_ANSWER = ("output", "prompt_tokens", "completion_tokens", "seconds", "price")
_SAID = ("repeat", "group", "passed", "reason", "error", "evalset", "split", "model")
_KNOWN = frozenset((*_NEEDED, *_SAID, *_OF_THE_ANSWER))
_MOST_TOKENS = 1 << 53


class _Fault(Exception):
    """A field with an invalid value."""

    def __init__(self, field: str, story: str) -> None:
        super().__init__(story)
        self.field = field


def read_scores(path: Path, naming: Naming) -> Iterator[Verdict]:
    """The verdicts in a file. Raises BadFile with file:line:col."""
    sources: dict[str, Source] = {}
    for number, line in read_lines(path):
        row = parse_row(path, number, line)
        try:
            yield _verdict(f"{path}:{number}:1", row, _source(row, path, naming, sources))
        except _Fault as fault:
            column = _column(line, fault.field)
            raise BadFile(f"{path}:{number}:{column}: {fault.field}: {fault}") from None
        except RecursionError:
            raise BadFile(f"{path}:{number}:1: nested too deeply to read") from None


def _verdict(place: str, row: dict[str, Any], source: Source) -> Verdict:
    score, error = row["score"], _text(row, "error")
    passed = row.get("passed")
    if score is not None:
        score = _finite(row, "score")
        if error is not None:
            raise _Fault("error", "a row has a score or an error; one of them must be null")
    elif passed is not None:
        raise _Fault("passed", "needs a score; remove it, or add the score")
    if passed is None:
        passed = None if score is None else passes(score)
    elif not isinstance(passed, bool):
        raise _Fault("passed", f"wanted true or false, got {passed!r}")
    item = row["item"]
    if isinstance(item, bool) or not isinstance(item, str | int) or item == "":
        raise _Fault("item", f"wanted text or a whole number, got {item!r:.80}")
    return Verdict(
        place=place,
        source=source,
        item=str(item),
        grader=_name(row, "grader"),
        score=score,
        passed=passed,
        reason=_text(row, "reason") or "",
        error="no score, and no reason given" if score is None and error is None else error,
        repeat=_count(row, "repeat", MOST_REPEATS) or 0,
        group=_group(row),
        answer=_answer(row) if any(name in row for name in _OF_THE_ANSWER) else NO_ANSWER,
    )


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(
        output=_text(row, "output"),
        prompt_tokens=_count(row, "prompt_tokens", _MOST_TOKENS),
        completion_tokens=_count(row, "completion_tokens", _MOST_TOKENS),
        seconds=_amount(row, "seconds"),
        price=_amount(row, "price"),
    )


def _source(row: dict[str, Any], path: Path, naming: Naming, sources: dict[str, Source]) -> Source:
    """The run of a row, the same object for the same run. Also checks the row's field names."""
    if not row.keys() <= _KNOWN:
        unknown = next(name for name in row if name not in _KNOWN)
        raise _Fault(unknown, f"unknown field; a row has {', '.join(sorted(_KNOWN))}")
    for name in _NEEDED:
        if name not in row:
            raise _Fault(name, "this field is missing")
    run = _name(row, "run")
    known = sources.get(run)
    # The default is the value in the run's first row.
    evalset = naming.evalset or _optional_name(row, "evalset") or (known and known.evalset)
    split = row.get("split") or (known.split if known else naming.split)
    model = _optional_name(row, "model") or (known.model if known else run)
    if evalset is None:
        raise _Fault("evalset", "this field is missing; add it, or pass --evalset")
    if split not in SPLITS:
        raise _Fault("split", f"wanted one of {', '.join(SPLITS)}, got {split!r:.80}")
    if known and (known.evalset, known.split, known.model) == (evalset, split, model):
        return known
    # `gather` refuses a second source with the same name.
    source = Source(run, evalset, split, model, f"imported from {path.name}")
    sources.setdefault(run, source)
    return source


def _optional_name(row: dict[str, Any], field: str) -> str | None:
    return None if row.get(field) is None else _name(row, field)


def _name(row: dict[str, Any], field: str) -> str:
    value = row[field]
    if not is_name(value):
        raise _Fault(field, f"wanted a name of 1 to 200 printable characters, got {value!r:.80}")
    return value


def _text(row: dict[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is not None and not isinstance(value, str):
        raise _Fault(field, f"wanted text, got {value!r:.80}")
    return value


def _group(row: dict[str, Any]) -> str | None:
    value = row.get("group")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Fault("group", f"wanted text or a whole number, got {value!r:.80}")
    return str(value)


def _count(row: dict[str, Any], field: str, most: int) -> int | None:
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < most:
        raise _Fault(field, f"wanted a whole number from 0 to {most - 1}, got {value!r:.80}")
    return value


def _amount(row: dict[str, Any], field: str) -> float | None:
    if row.get(field) is None:
        return None
    value = _finite(row, field)
    if value < 0:
        raise _Fault(field, f"wanted 0 or more, got {value!r}")
    return value


def _finite(row: dict[str, Any], field: str) -> float:
    value = row[field]
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise _Fault(field, f"wanted a finite number, got {value!r:.80}")


def _column(line: bytes, field: str) -> int:
    """The column of a field in its line; 1 for a missing one."""
    try:
        return json_places(line.decode("utf-8-sig")).get((field,), (1, 1))[1]
    except BadPlace as fault:  # a number that is too large; its key comes before it
        before = line.decode("utf-8-sig")[: fault.column]
        return max(1, before.rfind(f'"{field}"') + 1)
    except (RecursionError, ValueError):
        return 1
