"""The measures of text_similarity, one function each: (text, reference) -> 0.0 .. 1.0.

Libraries are imported when a measure is first used, so a grader that needs none of them is light.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, cast

from graders.answers.numbers import last_number
from graders.sample import Unreadable
from graders.text.bleu import sentence_bleu
from graders.text.rouge import rouge_l, rouge_n
from graders.ungraded import Kind, Ungraded

_SHOWN = 200
Measure = Callable[[str, str], float]


def fuzzy_match() -> Measure:
    """rapidfuzz WRatio after default_process (lower case, punctuation as space, trimmed)."""
    from rapidfuzz.fuzz import WRatio
    from rapidfuzz.utils import default_process

    return lambda text, reference: WRatio(text, reference, processor=default_process) / 100


def gleu() -> Measure:
    """nltk sentence_gleu (Google BLEU) over white-space tokens, n-grams of 1 to 4."""
    from nltk.translate import gleu_score

    score = cast("Any", gleu_score).sentence_gleu

    def measure(text: str, reference: str) -> float:
        ours, wanted = text.split(), reference.split()
        return float(score([wanted], ours)) if ours and wanted else 0.0

    return measure


def meteor() -> Measure:
    """nltk METEOR over white-space tokens, without WordNet: exact words and stems match only."""
    from nltk.translate.meteor_score import meteor_score

    no_wordnet: Any = _NoWordNet()

    def measure(text: str, reference: str) -> float:
        return float(meteor_score([reference.split()], text.split(), wordnet=no_wordnet))

    return measure


class _NoWordNet:
    """Stands where nltk wants WordNet, a download of 10 MB: no word has a synonym."""

    def synsets(self, word: str) -> list[Any]:
        del word
        return []


def levenshtein() -> Measure:
    """1 - edits / length of the longer text; two empty texts are the same."""
    from rapidfuzz.distance.Levenshtein import normalized_similarity

    return lambda text, reference: float(normalized_similarity(text, reference))


def numeric_diff(text: str, reference: str) -> float:
    """1 - |a - b| / (|a| + |b|) of the last numbers. Raises Unreadable, or Ungraded."""
    number, target = last_number(text), last_number(reference)
    if target is None:
        raise Ungraded(Kind.OTHER, f"no number to read in the reference {reference[:_SHOWN]!r}")
    if number is None:
        raise Unreadable(f"no number to read in {text[:_SHOWN]!r}")
    size = abs(number) + abs(target)
    return 1.0 - float(abs(number - target) / size) if size else 1.0


_MEASURES: dict[str, Callable[[], Measure]] = {
    "fuzzy_match": fuzzy_match,
    "bleu": sentence_bleu,
    "gleu": gleu,
    "meteor": meteor,
    **{f"rouge_{n}": partial(rouge_n, n) for n in range(1, 6)},
    "rouge_l": rouge_l,
    "levenshtein": levenshtein,
}


@cache
def measure(name: str) -> Measure:
    """The measure of that name."""
    return _MEASURES[name]()


def cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Cosine of the angle between two vectors; 0.0 when one of them is nothing."""
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    norms = sum(a * a for a in one) * sum(b * b for b in other)
    return dot / norms**0.5 if norms else 0.0
