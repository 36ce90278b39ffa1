"""Kill a writing process again and again, and look at what is left.

python -m tests.store.crash 50
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from flywheel.store.store import open_store
from flywheel.store.upkeep.check import check_store
from tests.store.process import line, python

# A checkpoint every ten batches or so, not every hundred, so that kills fall into checkpoints too.
WRITE = """
import os, sys
from collections import deque
from pathlib import Path
from flywheel.store.store import open_store
from tests.store.rows import run, sample, score

path, first = Path(sys.argv[1]), int(sys.argv[2])
text = os.urandom(100_000).hex()

def rows(number):
    name, size = f"r{number}", 1 + number * 37 % 100
    return {
        "runs": [run(name)],
        "samples": [
            sample(name, i, output_text=text[i * 1_000 : i * 1_000 + 2_000]) for i in range(size)
        ],
        "scores": [score(name, i) for i in range(size)],
    }

with open_store(path) as store:
    store.query("SET GLOBAL checkpoint_threshold = '1MB'")
    store.write(f"warm{first}", {})
    print("open", flush=True)
    waiting = deque()
    number = first
    while True:
        waiting.append((number, store.append(f"b{number}", rows(number))))
        if number % 7 == 0 and number:
            waiting.append((number - 1, store.append(f"b{number - 1}", rows(number - 1))))
        number += 1
        while len(waiting) > 12:
            done, ack = waiting.popleft()
            ack.result()
            print(done, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Survived:
    """What became of the batches. `lost`, `torn` and `twice` must be 0."""

    kills: int
    acknowledged: int
    stored: int
    lost: int
    torn: int
    twice: int
    slowest_open: float


def kill_again_and_again(path: Path, kills: int, seed: int = 0) -> Survived:
    """Write, kill -9 at a random moment, reopen and compare; the next writer sends again what was
    not acknowledged, and some of what was."""
    random_moment = random.Random(seed)
    acknowledged: set[int] = set()
    lost = torn = 0
    slowest = 0.0
    stored: dict[int, tuple[int, int]] = {}
    for _ in range(kills):
        first = max(0, max(acknowledged, default=0) - 5)
        with python(WRITE, path, first) as process:
            assert line(process) == "open"
            # Some acknowledged batches first, however slow the machine; then any moment.
            acknowledged |= {int(line(process)) for _ in range(random_moment.randint(0, 4))}
            time.sleep(random_moment.uniform(0, 0.6))
            process.kill()
            assert process.stdout
            acknowledged |= {int(said) for said in process.stdout.read().split("\n")[:-1]}
        begun = time.perf_counter()
        stored = _stored(path)
        slowest = max(slowest, time.perf_counter() - begun)
        lost += len(acknowledged - stored.keys())
        torn += sum(found != (_size(number),) * 2 for number, found in stored.items())
    twice = sum("twice" in finding.story for finding in check_store(path).findings)
    return Survived(kills, len(acknowledged), len(stored), lost, torn, twice, slowest)


def _size(number: int) -> int:
    return 1 + number * 37 % 100


def _stored(path: Path) -> dict[int, tuple[int, int]]:
    """Samples and scores by batch, of all batches in the ledger and all rows in the tables."""
    with open_store(path) as store:
        found = store.query(
            """
            SELECT "n", "samples", "scores"
            FROM (SELECT substr("batch", 2)::INT AS "n" FROM "batches" WHERE "batch" LIKE 'b%')
            FULL JOIN (SELECT substr("run", 2)::INT AS "n", count(*) AS "samples"
                FROM "samples" GROUP BY ALL) USING ("n")
            FULL JOIN (SELECT substr("run", 2)::INT AS "n", count(*) AS "scores"
                FROM "scores" GROUP BY ALL) USING ("n")
            """
        )
    return {row["n"]: (row["samples"], row["scores"]) for row in found}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
        sys.stdout.write(f"{asdict(kill_again_and_again(Path(folder) / 's.duckdb', kills))}\n")
