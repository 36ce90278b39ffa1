"""The graders' speed per core, compared with the libraries that they use.

    make bench-graders

One JSON line per figure, also in benchmarks/results/graders.jsonl. Rates are per second of CPU
time, the median of several rounds that alternate with the peer, so that load affects both. Python
graders are measured in wall time on all cores, since they work in child processes.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.records import Record
from graders.combine.formula import Formula
from graders.definition import read_grader
from graders.sample import Sample
from graders.sandbox.confinement.tier import best_tier
from graders.sandbox.sandbox import Sandbox
from graders.sandbox.server import Server, filter_for
from graders.template import template

ROUNDS = 5
Work = Callable[[Sample], object]


def texts(words: int, count: int, seed: int) -> list[Sample]:
    """Distinct pairs of texts that share most of their words."""
    rng = random.Random(seed)
    stock = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 9))) for _ in range(2000)]
    samples: list[Sample] = []
    for _ in range(count):
        gold = rng.choices(stock, k=words)
        answer = [word if rng.random() < 0.7 else rng.choice(stock) for word in gold]
        samples.append(Sample({"gold": " ".join(gold)}, " ".join(answer)))
    return samples


def rate(work: Work, samples: Sequence[Sample], seconds: float = 0.4) -> float:
    """Calls per second of CPU time, cycling over the samples."""
    done, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for sample in samples:
            work(sample)
        done += len(samples)
    return done / spent


def side_by_side(ours: Work, peer: Work | None, samples: Sequence[Sample]) -> tuple[float, float]:
    """The median rates of both, measured alternately."""
    ours(samples[0])
    rounds = [(rate(ours, samples), rate(peer, samples) if peer else 0.0) for _ in range(ROUNDS)]
    return statistics.median(r[0] for r in rounds), statistics.median(r[1] for r in rounds)


def similarity(metric: str) -> Work:
    """The whole grader: templates, metric, grade."""
    definition = {
        "type": "text_similarity",
        "evaluation_metric": metric,
        "reference": "{{ item.gold }}",
    }
    return read_grader(definition).grade


def rouge_score(name: str) -> Work:
    """The package rouge-score."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer: Any = RougeScorer([name], use_stemmer=False)
    return lambda sample: scorer.score(sample.item["gold"], sample.output_text)


def sentence_bleu() -> Work:
    """sacrebleu's own sentence BLEU, its caches emptied for each pass as fresh texts would."""
    import sacrebleu

    return lambda sample: sacrebleu.sentence_bleu(sample.output_text, [sample.item["gold"]])


def without_cache(work: Work) -> Work:
    """The same work with sacrebleu's token caches emptied every thousand calls."""
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

    calls = 0

    def run(sample: Sample) -> object:
        nonlocal calls
        calls += 1
        if calls % 1000 == 0:
            Tokenizer13a.__call__.cache_clear()
            TokenizerRegexp.__call__.cache_clear()
        return work(sample)

    return run


def fuzzy() -> Work:
    """rapidfuzz itself."""
    from rapidfuzz.fuzz import WRatio
    from rapidfuzz.utils import default_process

    return lambda s: WRatio(s.output_text, s.item["gold"], processor=default_process)


def measure_pure(record: Record) -> None:
    """Graders without external calls."""
    short, words20, words60 = texts(1, 1000, 1), texts(20, 1000, 2), texts(60, 1000, 3)
    check = read_grader({"type": "string_check", "operation": "eq", "reference": "{{ item.gold }}"})
    rows: list[tuple[str, Work, Work | None, list[Sample], float, str]] = [
        ("string_check eq", check.grade, None, short, 300_000, ""),
        (
            "fuzzy_match, 20 words",
            similarity("fuzzy_match"),
            fuzzy(),
            words20,
            100_000,
            "rapidfuzz",
        ),
        (
            "rouge_l, 60 words",
            similarity("rouge_l"),
            rouge_score("rougeL"),
            words60,
            40_000,
            "rouge-score",
        ),
        (
            "bleu, 20 words",
            without_cache(similarity("bleu")),
            without_cache(sentence_bleu()),
            words20,
            0,
            "sacrebleu",
        ),
    ]
    for name, ours, peer, samples, must, peer_name in rows:
        mine, theirs = side_by_side(ours, peer, samples)
        known: dict[str, Any] = {"peer": peer_name, "peer_value": round(theirs, 1)} if peer else {}
        record.add(name, mine, "grades/s of CPU", least=must or round(theirs, 1), **known)


def measure_languages(record: Record) -> None:
    """Templates and formulas, compiled once."""
    sample = Sample({"gold": "Paris"}, "It is Paris.")
    read = template("Question {{ item.gold }}, answer {{ sample.output_text }}")
    formula = Formula("0.5 * a + min(b, 1) ^ 2", ["a", "b"])
    scores = {"a": 0.5, "b": 2.0}
    works: dict[str, Work] = {
        "template, two slots": read.render,
        "formula, five operations": lambda _: formula(scores),
    }
    for name, work in works.items():
        each = side_by_side(work, None, [sample] * 1000)[0]
        record.add(name, 1e6 / each, "us of CPU", most=3)


PYTHON = """
import re

def grade(sample, item):
    found = re.search(r"[0-9]+", sample["output_text"])
    return 1.0 if found and found[0] == item["gold"] else 0.0
"""


def measure_python(record: Record) -> None:
    """Python graders in the best sandbox tier, with a fork for each sample and in batches."""
    calls = [({"output_text": f"it is {i}"}, {"gold": str(i)}) for i in range(10_000)]
    for name, batch, count, must in (
        ("python, forked per grade", 1, 1_000, 400),
        ("python, in batches", 128, 10_000, 5_000),
    ):
        with Sandbox(batch=batch) as sandbox:
            list(sandbox.grade(PYTHON, calls[:200]))
            rates: list[float] = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                answers = list(sandbox.grade(PYTHON, calls[:count]))
                rates.append(len(answers) / (time.perf_counter() - start))
            tier = str(sandbox.tier)
        record.add(name, statistics.median(rates), "grades/s by the wall", least=must, tier=tier)


_TIMED = """
import atexit, sys, time
atexit.register(lambda: sys.stderr.write(str(time.process_time())))
"""


def measure_start(record: Record) -> None:
    """The start-up cost of a command: the least CPU time of seven processes."""
    starts = {
        "flywheel --help": ("from flywheel.cli.app import app; app(['--help'])", 0.25),
        "import the graders": ("import flywheel, graders.definition", 0.2),
    }
    for name, (code, must) in starts.items():
        words = [sys.executable, "-c", _TIMED + code]
        done = (subprocess.run(words, capture_output=True, check=True) for _ in range(7))
        record.add(name, min(float(one.stderr) for one in done), "s of CPU", most=must)


def measure_sandbox_start(record: Record) -> None:
    """The start of a fork server, until its self-test has passed."""
    tier = best_tier()
    seconds: list[float] = []
    for _ in range(ROUNDS + 1):  # the first one looks the packages up
        start = time.perf_counter()
        Server(tier, (), filter_for(tier)).close()
        seconds.append(time.perf_counter() - start)
    record.add("sandbox, start", min(seconds), "s by the wall", most=0.2, tier=str(tier))


def main() -> None:
    """Measure everything; exit with 1 if a figure misses its target."""
    record = Record("graders")
    measure_start(record)
    measure_pure(record)
    measure_languages(record)
    measure_python(record)
    measure_sandbox_start(record)
    if record.missed:
        sys.exit(f"missed: {', '.join(record.missed)}")


if __name__ == "__main__":
    main()
