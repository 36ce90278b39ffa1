"""Grade a file of answers: rows `{"item": ..., "sample": ...}` in, one verdict per line out.

Every row is checked before grading starts, so that an invalid last line wastes no work. Graders
without asks run in worker processes, the others through the engine, a few hundred rows at a time.
The output gets its name only when it is complete.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from flywheel.data.rows.rows import parse_row, read_lines, sample_of_row
from flywheel.engines.engine import Answerer
from flywheel.errors import BadFile, WorkerDied
from flywheel.evals.grading.grade import Verdict, grade_answered, grade_samples
from flywheel.evals.results.summary import Summary
from flywheel.files import whole_file
from flywheel.synchronous import Background
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


@dataclass(frozen=True, slots=True)
class Job:
    """A file of checked rows, and the file for their verdicts."""

    rows: Path
    out: Path
    count: int
    workers: int


def open_job(rows: Path, out: Path, workers: int) -> Job:
    """Check every row and the output path. Raises BadFile for the first fault."""
    if rows.exists() and not rows.is_file():
        raise BadFile(f"{rows}: wanted a file; it is read twice, so a pipe or a folder will not do")
    if out.exists() and not out.is_file():
        raise BadFile(f"{out}: wanted a file to write, and this is none")
    if out.exists() and rows.exists() and out.samefile(rows):
        raise BadFile(f"{out}: the verdicts would replace the rows; name another file")
    count = 0
    for number, line in read_lines(rows):
        _sample(rows, number, line)
        count += 1
    if not count:
        raise BadFile(f'{rows}: no rows in it; wanted lines of {{"item": {{…}}, "sample": …}}')
    return Job(rows, out, count, workers)


def grade_file(grader: Grader, job: Job, engine: Answerer, advance: Advance) -> Summary:
    """Grade every row of the job in order. `advance` is called after each chunk.

    The verdicts are written to a temporary file beside `out`, which is removed after an error or an
    interrupt.
    """
    summary = Summary()
    try:
        # A symbolic link is kept, and its target replaced.
        with whole_file(job.out.resolve()) as file:
            for lines, counted in _chunks(grader, job, engine):
                file.writelines(lines)
                summary.merge(counted)
                advance(counted.n)
    except OSError as error:
        raise BadFile(f"{job.out}: cannot be written: {error.strerror}") from None
    return summary


def _chunks(grader: Grader, job: Job, engine: Answerer) -> Iterator[_Graded]:
    rows, chunks = job.rows, _split(read_lines(job.rows))
    if not grader.is_pure():
        with Background() as loop:
            for chunk in chunks:
                samples = [_sample(rows, *line) for line in chunk]
                yield _report(grader, loop.start(grade_samples(grader, samples, engine)).wait())
    elif job.count < _WORTH_PROCESSES or job.workers == 1:
        for chunk in chunks:
            yield _grade_pure(grader, rows, chunk)
    else:
        yield from _in_processes(grader, rows, chunks, job.workers)


def _in_processes(
    grader: Grader, rows: Path, chunks: Iterator[list[_Line]], workers: int
) -> Iterator[_Graded]:
    # spawn, not fork: the parent may hold threads, a sandbox and an event loop.
    context = multiprocessing.get_context("spawn")
    start = (wire_json(grader), rows)
    pool = ProcessPoolExecutor(workers, context, _start_worker, start)
    # Only a window of chunks is in memory, since the file may be larger.
    window = deque(pool.submit(_grade_in_worker, chunk) for chunk in islice(chunks, 2 * workers))
    try:
        while window:
            yield window.popleft().result()
            window.extend(pool.submit(_grade_in_worker, chunk) for chunk in islice(chunks, 1))
    except BrokenProcessPool:
        raise WorkerDied("a worker process died, perhaps for memory; try --workers 1") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: dict[str, Any] = {}


def _start_worker(definition: dict[str, Any], rows: Path) -> None:
    # Ctrl-C reaches every process of the terminal, but only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
        line = json.dumps(verdict_json(grader, verdict), ensure_ascii=False, allow_nan=False) + "\n"
        # A lone surrogate can only be written as a JSON escape.
        lines.append(line.encode("utf-8", "backslashreplace"))
    return lines, Summary.of(verdicts)


def verdict_json(grader: Grader, verdict: Verdict) -> dict[str, Any]:
    """One line of the output. An ungraded sample has score null and an error."""
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
    """Chunks of lines, limited by number and by bytes, since an answer may have 100 MB."""
    chunk, size = list[_Line](), 0
    for line in lines:
        chunk.append(line)
        size += len(line[1])
        if len(chunk) == _CHUNK or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
