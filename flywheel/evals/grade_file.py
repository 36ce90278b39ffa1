"""Grade a file of answers: rows `{"item": ..., "sample": ...}` in, one line of verdict a row out.

Every row is read once before anything is graded, so a broken line on the last page costs nothing.
Graders that ask nothing run in worker processes, the others through the engine, a few hundred rows
at a time. The output appears under its name only when it is whole.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from flywheel.data.rows import parse_row, read_lines, sample_of_row
from flywheel.errors import BadFile, WorkerDied
from flywheel.evals.grade import Engine, Verdict, grade_answered, grade_samples
from flywheel.evals.summary import Summary
from graders.definition import read_grader, wire_json
from graders.grader import Grade, Grader
from graders.sample import Sample

Advance = Callable[[int], None]
_Line = tuple[int, bytes]
_Graded = tuple[list[bytes], Summary]
_CHUNK = 512
_CHUNK_BYTES = 16 << 20
# Below this, starting worker processes costs more than they save.
_WORTH_PROCESSES = 4 * _CHUNK


def count_rows(path: Path) -> int:
    """Check every row and count them. Raises BadFile with the place of the first fault."""
    count = 0
    for number, line in read_lines(path):
        _sample(path, number, line)
        count += 1
    if not count:
        raise BadFile(f'{path}: no rows in it; wanted lines of {{"item": {{…}}, "sample": …}}')
    return count


def grade_file(
    grader: Grader, rows: Path, out: Path, engine: Engine, workers: int, advance: Advance
) -> Summary:
    """Grade every row of `rows` into `out`, in order. `advance` hears of each chunk done."""
    count = count_rows(rows)
    summary = Summary()
    partial = out.with_name(out.name + ".partial")
    with _create(partial) as file:
        for lines, counted in _chunks(grader, rows, count, engine, workers):
            file.writelines(lines)
            summary.merge(counted)
            advance(counted.n)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(out)
    return summary


def _create(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise BadFile(f"{path}: cannot be written: {error.strerror}") from None


def _chunks(
    grader: Grader, rows: Path, count: int, engine: Engine, workers: int
) -> Iterator[_Graded]:
    chunks = _split(read_lines(rows))
    if not grader.is_pure():
        with asyncio.Runner() as loop:
            for chunk in chunks:
                samples = [_sample(rows, *line) for line in chunk]
                yield _report(grader, loop.run(grade_samples(grader, samples, engine)))
    elif count < _WORTH_PROCESSES or workers == 1:
        for chunk in chunks:
            yield _grade_pure(grader, rows, chunk)
    else:
        yield from _in_processes(grader, rows, chunks, workers)


def _in_processes(
    grader: Grader, rows: Path, chunks: Iterator[list[_Line]], workers: int
) -> Iterator[_Graded]:
    # spawn, not fork: the parent may hold threads, a sandbox and an event loop.
    context = multiprocessing.get_context("spawn")
    start = (wire_json(grader), rows)
    with ProcessPoolExecutor(workers, context, _start_worker, start) as pool:
        # A window of chunks, not all of them: the file may be larger than the memory.
        window = [pool.submit(_grade_in_worker, chunk) for chunk in islice(chunks, 2 * workers)]
        try:
            while window:
                yield window.pop(0).result()
                window += [pool.submit(_grade_in_worker, chunk) for chunk in islice(chunks, 1)]
        except BrokenProcessPool:
            raise WorkerDied("a worker process died, perhaps for memory; try --workers 1") from None


_worker: dict[str, Any] = {}


def _start_worker(definition: dict[str, Any], rows: Path) -> None:
    _worker.update(grader=read_grader(definition), rows=rows)


def _grade_in_worker(chunk: list[_Line]) -> _Graded:
    return _grade_pure(_worker["grader"], _worker["rows"], chunk)


def _grade_pure(grader: Grader, rows: Path, chunk: list[_Line]) -> _Graded:
    return _report(grader, [grade_answered(grader, _sample(rows, *line)) for line in chunk])


def _sample(path: Path, number: int, line: bytes) -> Sample:
    row = parse_row(path, number, line)
    try:
        return sample_of_row(row)
    except ValueError as error:
        raise BadFile(f"{path}:{number}:1: {error}") from None


def _report(grader: Grader, verdicts: Sequence[Verdict]) -> _Graded:
    lines = list[bytes]()
    for verdict in verdicts:
        line = json.dumps(verdict_json(grader, verdict), ensure_ascii=False) + "\n"
        # A lone surrogate is JSON as an escape, and no UTF-8 otherwise.
        lines.append(line.encode("utf-8", "backslashreplace"))
    return lines, Summary.of(verdicts)


def verdict_json(grader: Grader, verdict: Verdict) -> dict[str, Any]:
    """One line of the output. An ungraded sample has score null and says why."""
    if isinstance(verdict, Grade):
        graded: dict[str, Any] = {
            "grader": grader.name,
            "score": verdict.score,
            "passed": verdict.passed,
            "parsed": verdict.parsed,
            "reason": verdict.reason,
        }
        return {**graded, "parts": dict(verdict.parts)} if verdict.parts else graded
    error = {"kind": verdict.kind.value, "label": verdict.label, "detail": verdict.detail}
    return {"grader": grader.name, "score": None, "passed": None, "error": error}


def _split(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    """Chunks of lines, cut by number and by bytes: an answer may have 100 MB."""
    chunk, size = list[_Line](), 0
    for line in lines:
        chunk.append(line)
        size += len(line[1])
        if len(chunk) == _CHUNK or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
