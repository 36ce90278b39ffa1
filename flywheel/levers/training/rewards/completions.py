"""The answers of an RFT: every one of them with its rewards, reasons and advantage, in Parquet.

TRL writes a file a step into the job's folder, `completions/completions_00010.parquet`, and DuckDB
reads them in place. Columns: step, prompt (as the model read it), completion, item, one for each
reward (NULL where there was no verdict), `<reward>_reason`, advantage. A step that is done again
after a stop replaces its file; one that is just being written, or was when the job was killed, is
left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flywheel.errors import BadFile

FOLDER = "completions"
_MAGIC = b"PAR1"


def whole_files(folder: Path) -> list[Path]:
    """The files of a job's folder that are written to their end, by step."""
    return [path for path in sorted((folder / FOLDER).glob("*.parquet")) if _is_whole(path)]


def query(folder: Path, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of an SQL query over the table `completions`. Raises BadFile when there are none yet."""
    import duckdb

    files = [str(path) for path in whole_files(folder)]
    if not files:
        raise BadFile(f"{folder / FOLDER}: no completions yet; they come with the first steps")
    with duckdb.connect() as connection:
        connection.read_parquet(files, union_by_name=True).create_view("completions")
        return connection.execute(sql, list(parameters)).fetchall()


def repeated(ids: Sequence[int], n: int = 4) -> float:
    """The share of an answer's n-grams that it had already: near 1 when it goes in circles."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(answers: Sequence[Sequence[int]], n: int = 2) -> float:
    """The share of the n-grams of some answers that are different: low when they are all alike."""
    grams = [tuple(ids[i : i + n]) for ids in answers for i in range(len(ids) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


def _is_whole(path: Path) -> bool:
    """Whether the file begins and ends as Parquet does: its end is written last."""
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        if file.seek(0, 2) < 3 * len(_MAGIC):
            return False
        file.seek(-len(_MAGIC), 2)
        return head == _MAGIC == file.read()
