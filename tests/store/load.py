"""How fast the store writes, how soon it answers, and how much memory it takes.

python -m tests.store.load 1000000
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path

from flywheel.store.store import Store, open_store
from flywheel.store.tables.samples import find_cached, finished
from flywheel.store.tables.scores import summarise
from tests.store.rows import Tables, run, sample, score

RUN = "run"


@dataclass(frozen=True, slots=True)
class Load:
    """Rows a second, milliseconds from `append` to the answer, and megabytes gained on the way."""

    rows: int
    batch: int
    rows_per_second: int
    median_ms: float
    p99_ms: float
    most_ms: float
    megabytes_gained: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Seconds for each question over a run of so many samples, half of its plan."""

    samples: int
    open_and_resume: float
    cached_1000: float
    summary: float


def measure_writing(path: Path, rows: int, batch: int, per_second: float | None = None) -> Load:
    """Append batches that are half samples, half scores; at most `per_second` rows a second.

    The memory gained is counted after the first fifth, when everything is loaded and warm.
    """
    times: list[float] = []
    with open_store(path) as store:
        store.write("warm", {"runs": [run(RUN)]})
        begun, warm, ack = time.perf_counter(), 0, None
        for number in range(rows // batch):
            if number == rows // batch // 5:
                warm = megabytes()
            if per_second:
                time.sleep(max(0.0, begun + number * batch / per_second - time.perf_counter()))
            ack = _send(store, number, batch, times)
        if ack:
            ack.result()
        took, gained = time.perf_counter() - begun, megabytes() - warm
    times.sort()
    median, p99, most = (round(1_000 * times[int(q * (len(times) - 1))], 1) for q in (0.5, 0.99, 1))
    return Load(rows, batch, round(rows / took), median, p99, most, gained)


def measure_asking(path: Path, samples: int) -> Asked:
    """Fill a run with so many samples of four repeats, and ask what a run asks."""
    items = [_item(number) for number in range(samples // 2)]
    with open_store(path) as store:
        for start in range(0, samples // 4, 250):
            store.append(f"b{start}", _run_rows(start, items[start : start + 250]))
    begun = time.perf_counter()
    with open_store(path) as store:
        assert finished(store, RUN, len(items), 4).sum() == samples
        resumed = time.perf_counter()
        assert len(find_cached(store, items[:1_000])) == 1_000
        cached = time.perf_counter()
        assert summarise(store, RUN)[0].n == samples
        end = time.perf_counter()
    spent = (resumed - begun, cached - resumed, end - cached)
    return Asked(samples, *(round(seconds, 3) for seconds in spent))


def megabytes() -> int:
    """The memory that this process has now (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def _item(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def _send(store: Store, number: int, batch: int, times: list[float]) -> Future[bool]:
    half = batch // 2
    tables: Tables = {
        "samples": _half(sample(RUN, 0, number, output_text="The capital is Paris. " * 8), half),
        "scores": _half(score(RUN, 0, number), half),
    }
    begun = time.perf_counter()
    ack = store.append(f"b{number}", tables)

    def answered(_: Future[bool]) -> None:
        times.append(time.perf_counter() - begun)

    # As one who does not wait: a callback through Ack itself would hurry the writer.
    Future[bool].add_done_callback(ack, answered)
    return ack


def _half(row: tuple[object, ...], count: int) -> list[tuple[object, ...]]:
    return [row] * count


def _run_rows(start: int, items: Iterable[str]) -> Tables:
    pairs = [(p, item, repeat) for p, item in enumerate(items, start) for repeat in range(4)]
    answer, verdict = sample(RUN, 0), score(RUN, 0)
    return {
        "samples": [answer._replace(item=i, position=p, repeat=r, key=i) for p, i, r in pairs],
        "scores": [verdict._replace(item=i, repeat=r) for _, i, r in pairs],
    }


if __name__ == "__main__":
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for place, batch in enumerate((100, 200, 1_000)):
            load = measure_writing(Path(folder) / f"{place}.duckdb", rows, batch)
            sys.stdout.write(f"{asdict(load)}\n")
        paced = measure_writing(Path(folder) / "paced.duckdb", rows // 10, 100, 20_000)
        sys.stdout.write(f"20,000 rows a second: {asdict(paced)}\n")
        asked = measure_asking(Path(folder) / "asked.duckdb", rows)
        sys.stdout.write(f"{asdict(asked)}\n")
