"""ROUGE as the rouge-score package defines it (no stemming), an order of magnitude faster.

Same tokens, same counts, same F1: the tests hold it to rouge-score within 1e-12. The speed is from
rapidfuzz's bit-parallel longest common subsequence, and from one regular expression as tokenizer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

_TOKEN = re.compile(r"[a-z0-9]+")


def rouge_n(n: int) -> Callable[[str, str], float]:
    """F1 of the n-grams that two texts share, repeated ones counted as often as they match."""

    def measure(text: str, reference: str) -> float:
        ours, wanted = _ngrams(text, n), _ngrams(reference, n)
        return _f1((ours & wanted).total(), ours.total(), wanted.total())

    return measure


def rouge_l() -> Callable[[str, str], float]:
    """F1 of the longest common subsequence of two texts' tokens."""
    from rapidfuzz.distance.LCSseq import similarity

    def measure(text: str, reference: str) -> float:
        ours, wanted = _TOKEN.findall(text.lower()), _TOKEN.findall(reference.lower())
        return _f1(similarity(ours, wanted), len(ours), len(wanted))

    return measure


def _ngrams(text: str, n: int) -> Counter[tuple[str, ...]]:
    tokens = _TOKEN.findall(text.lower())
    return Counter(zip(*[tokens[i:] for i in range(n)], strict=False))


def _f1(shared: int, ours: int, wanted: int) -> float:
    if not shared:
        return 0.0
    precision, recall = shared / ours, shared / wanted
    return 2 * precision * recall / (precision + recall)
