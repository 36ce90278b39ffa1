"""text_similarity: each measure against the library that defines it, and its edges."""

from __future__ import annotations

import random
from typing import Any

import pytest

from graders.asks import Embed, Failed, Vectors
from graders.definition import read_grader
from graders.grader import Grade
from graders.sample import Sample
from graders.text.text_similarity import MOST_CHARACTERS, MOST_OTHERS, TextSimilarityGrader
from graders.ungraded import Kind, Ungraded

METRICS = ("fuzzy_match", "bleu", "gleu", "meteor", *(f"rouge_{n}" for n in "12345"), "rouge_l")


def grader(metric: str, **fields: Any) -> TextSimilarityGrader:
    definition = {"evaluation_metric": metric, "reference": "{{ item.gold }}", **fields}
    read = read_grader({"type": "text_similarity", **definition})
    assert isinstance(read, TextSimilarityGrader)
    return read


def grade(metric: str, answer: str, gold: str, **fields: Any) -> Grade:
    return grader(metric, **fields).grade(Sample({"gold": gold}, answer))


def pairs(count: int, words: int) -> list[tuple[str, str]]:
    """Texts with case, punctuation, repeated words and a few letters beyond ASCII."""
    rng = random.Random(7)
    stock = ["The", "cat,", "sat", "on", "a", "mat.", "Café", "naïve", "don't", "3.5", "İx", "--"]
    texts = [" ".join(rng.choices(stock, k=rng.randint(0, words))) for _ in range(2 * count)]
    return list(zip(texts[::2], texts[1::2], strict=True))


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_text_is_at_the_top_and_nothing_at_the_bottom(metric: str) -> None:
    text = "the quick brown fox jumps over the lazy dog"
    assert grade(metric, text, text).score == pytest.approx(1.0, abs=2e-3)
    assert grade(metric, "", text).score == 0.0


@pytest.mark.parametrize("metric", METRICS)
def test_scores_stay_between_0_and_1(metric: str) -> None:
    for answer, gold in pairs(60, 12):
        assert 0.0 <= grade(metric, answer, gold).score <= 1.0


@pytest.mark.parametrize("n", ["1", "2", "3", "4", "5", "L"])
def test_rouge_equals_rouge_score(n: str) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    name = f"rouge{n}"
    scorer: Any = RougeScorer([name], use_stemmer=False)
    for answer, gold in pairs(200, 60):
        wanted = scorer.score(gold, answer)[name].fmeasure
        assert grade(f"rouge_{n.lower()}", answer, gold).score == pytest.approx(wanted, abs=1e-12)


def test_bleu_equals_sacrebleu() -> None:
    import sacrebleu

    for answer, gold in pairs(200, 30):
        wanted = sacrebleu.sentence_bleu(answer, [gold]).score / 100
        assert grade("bleu", answer, gold).score == pytest.approx(min(wanted, 1.0), abs=1e-12)


def test_fuzzy_match_ignores_case_and_outer_punctuation() -> None:
    assert grade("fuzzy_match", "hello world", "  Hello World!").score == 1.0


def test_meteor_matches_stems_and_says_what_it_leaves_out() -> None:
    given = grade("meteor", "the cats sat", "the cat sat")
    assert given.score > 0.9
    assert "no synonyms" in given.reason


@pytest.mark.parametrize("metric", METRICS)
def test_a_huge_answer_is_compared_by_its_beginning(metric: str) -> None:
    most = MOST_CHARACTERS.get(metric, MOST_OTHERS)
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefgh", k=4)) for _ in range(20_000)]
    answer, gold = " ".join(words) * 1000, " ".join(words[: len(words) * 6 // 10])
    given = grade(metric, answer, gold)
    assert f"of the first {most:,} characters (99,999,000" in given.reason
    assert 0.0 <= given.score <= 1.0


def test_the_threshold_decides_what_passes() -> None:
    assert not grade("rouge_1", "a b", "a c", pass_threshold=0.6).passed
    assert grade("rouge_1", "a b", "a c", pass_threshold=0.5).passed


def test_cosine_asks_for_embeddings_and_nothing_else_does() -> None:
    sample = Sample({"gold": "north"}, "up")
    assert grader("cosine").asks(sample) == (Embed(("up", "north")),)
    assert all(grader(metric).asks(sample) == () for metric in METRICS)
    vectors = Vectors(((1.0, 0.0), (0.6, 0.8)))
    assert grader("cosine").grade(sample, [vectors]).score == pytest.approx(0.6)


def test_no_embedding_is_no_verdict() -> None:
    with pytest.raises(Ungraded, match="none here"):
        grader("cosine").grade(Sample({"gold": "x"}), [Failed(Kind.OTHER, "none", "none here")])
