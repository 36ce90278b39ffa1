"""Planted leaks of every kind are found, each once by its strongest way, and no others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from flywheel.data.leakage.leakage import Text, count_overlaps, describe_counts, describe_overlap
from flywheel.data.leakage.minhash import NEAR, near_duplicates, sketch
from flywheel.data.leakage.ngrams import Grams, count_distinct, distinct, word_grams
from flywheel.data.leakage.shared_ngrams import shared_passages
from tests.growth import grows_with_size

LETTER = (
    "Dear team, my parcel with the two blue lamps was left in the rain last Tuesday, one of them"
    " is broken now, and I should like to have a new one before the end of the month, please."
)
LONG = LETTER.split()


def side(name: str, *texts: str, group: str | None = None) -> list[Text]:
    return [Text(f"{name}:{number}", text, group) for number, text in enumerate(texts, 1)]


def words(seed: int, count: int) -> str:
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("aeioudlmnrst", k=rng.randint(3, 8))) for _ in range(count))


@pytest.mark.parametrize(
    ("left", "right", "how"),
    [
        (LETTER, LETTER, "exact"),
        ("Paris", "Paris", "exact"),
        ("?!", "?!", "exact"),
        (LETTER, LETTER.upper().replace(",", " - "), "normalised"),
        ("paris", "“Paris”!", "normalised"),
        (LETTER, LETTER.replace("rain", "snow"), "13-gram"),
        (LETTER, f"Hello. {LETTER} {words(0, 300)}", "13-gram"),  # the shorter is on the left
        (f"{words(1, 300)} {LETTER}", LETTER, "13-gram"),  # and on the right
        ("Where is the lamp that I have ordered?", "Hi! Where is the lamp that I have ordered? Bye",
         "13-gram"),
        ("Hi! Where is the lamp that I have ordered? Bye", "Where is the lamp that I have ordered?",
         "13-gram"),
        (LETTER, " ".join("the" if at % 11 == 5 else word for at, word in enumerate(LONG)),
         "minhash"),
    ],
)  # fmt: skip
def test_a_planted_leak_is_found_by_its_strongest_way(left: str, right: str, how: str) -> None:
    (found,) = count_overlaps(side("a", words(7, 60), left), side("b", words(8, 60), right)).worst
    assert (found.left.where, found.right.where, found.how) == ("a:2", "b:2", how)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("", ""),
        (" \n", " \n"),
        ("?!", "!!"),  # no word is left to compare
        ("What is 8 - 2?", "What is 8 * 2?"),
        ("Where is the lamp?", "Hi! Where is the lamp? I ordered it in May and it is not here."),
        ("What is the capital of France?", "What is the capital of Norway?"),
        (LETTER, " ".join(reversed(LONG))),
        (LETTER, f"{' '.join(LONG[:14])} {words(3, 20)}"),
        (words(4, 200), words(5, 200)),
    ],
)
def test_none_is_found_where_none_is(left: str, right: str) -> None:
    assert count_overlaps(side("a", left), side("b", right)).worst == []


def test_the_share_is_of_the_shorter_text() -> None:
    half = " ".join(LONG[:24])
    left, right = side("a", f"{half} {words(1, 100)}"), side("b", f"{half} but not me")
    (found,) = count_overlaps(left, right).worst
    assert found.share == pytest.approx(12 / 15)
    assert found.shown.startswith("Dear team")


def test_a_group_on_both_sides_is_a_leak_and_the_weakest_one() -> None:
    left = [Text("a:1", "one thing", "call-1"), Text("a:2", "another", "call-2")]
    right = [Text("b:1", "a third", "call-2"), Text("b:2", "One thing!", "call-2")]
    overlaps = count_overlaps(left, [*right, Text("b:3", "new", "call-3"), Text("b:4", "old")])
    assert overlaps.counts == {
        "exact": 0, "normalised": 1, "13-gram": 0, "minhash": 0, "group": 1
    }  # fmt: skip
    assert [(pair.left.where, pair.right.where) for pair in overlaps.worst] == [
        ("a:1", "b:2"),
        ("a:2", "b:1"),
    ]


def test_texts_of_one_place_count_once_by_the_strongest() -> None:
    right = [Text("b:1", LETTER.upper()), Text("b:1", LETTER), Text("b:1", "new")]
    overlaps = count_overlaps(side("a", LETTER), right)
    assert (overlaps.total, overlaps.counts["exact"], len(overlaps.worst)) == (1, 1, 1)


def test_pairs_are_capped_and_counts_are_not() -> None:
    def count(texts: int) -> None:
        same = [Text(str(number), "the same again") for number in range(texts)]
        other = [Text(str(number), "The same, again!") for number in range(texts)]
        overlaps = count_overlaps(same, other, most=3)
        assert (overlaps.counts["normalised"], len(overlaps.worst)) == (texts, 3)

    assert grows_with_size(count, 5_000)


def test_texts_that_all_hold_one_passage_cost_no_pairs() -> None:
    rules = words(0, 60)

    def count(texts: int) -> None:
        left = side("a", *[f"{rules} {words(seed, 20)}" for seed in range(1, texts)])
        right = side("b", *[f"{rules} {words(seed, 20)}" for seed in range(2000, 2000 + texts)])
        assert count_overlaps(left, right).counts["13-gram"] == texts

    assert grows_with_size(count, 100)


def test_texts_of_a_megabyte_are_compared() -> None:
    big = " ".join(map(str, range(120_000)))
    odd = ["a " * 300_000, "x" * 700_000, "\u0301\u0327" * 100_000]
    changed = big[:400_000] + " changed " + big[400_000:]
    right = side("b", changed, *[text + text[:2] for text in odd])
    assert {pair.right.where for pair in count_overlaps(side("a", big, *odd), right).worst} == {
        "b:1", "b:2", "b:3", "b:4"
    }  # fmt: skip


def test_an_overlap_is_described_by_where_and_how() -> None:
    left, right = side("train.jsonl", LETTER, "b"), side("test.jsonl", "x", LETTER.lower())
    overlaps = count_overlaps(left, right)
    assert describe_counts(overlaps.counts) == "1 normalised"
    assert describe_overlap(overlaps.worst[0]) == (
        f"test.jsonl:2 and train.jsonl:1, normalised: {LETTER[:80].lower() + '…'!r}"
    )


def brute(left: Sequence[str], right: Sequence[str]) -> dict[tuple[int, int], float]:
    """Every pair's Jaccard index, by sets of texts."""

    def grams(text: str) -> set[str]:
        return {text[at : at + 5] for at in range(max(1, len(text) - 4))}

    return {
        (i, j): len(grams(a) & grams(b)) / len(grams(a) | grams(b))
        for i, a in enumerate(left)
        for j, b in enumerate(right)
    }


def variants(count: int) -> tuple[list[str], list[str]]:
    rng = random.Random(1)
    left = [words(seed, 40) for seed in range(count)]
    right = [
        " ".join(word if rng.random() > at / count / 5 else "other" for word in text.split())
        for at, text in enumerate(left)
    ]
    return left, right


def test_minhash_finds_what_comparing_all_pairs_finds() -> None:
    left, right = variants(50)
    every = brute(left, right)
    near = {j: share for (_, j), share in every.items() if share >= NEAR}
    found = near_duplicates(left, right)
    assert 15 < len(near) < 50
    assert {index: share for index, (_, share) in found.items()} == pytest.approx(
        {index: near[index] for index in found}
    )
    # At the threshold itself one in a hundred is missed.
    assert {index for index, share in near.items() if share > NEAR + 0.02} <= set(found)


def test_the_estimate_is_as_good_as_128_permutations_can_be() -> None:
    left, right = variants(300)
    mine, theirs = sketch(left), sketch(right)
    estimates = (mine.bytes == theirs.bytes).mean(axis=1)
    exact = np.array([brute([a], [b])[0, 0] for a, b in zip(left, right, strict=True)])
    assert abs((estimates - exact).mean()) < 0.01
    assert (estimates - exact).std() < 1.2 * np.sqrt((exact * (1 - exact) / 128).mean())


def test_a_sketch_is_the_same_on_every_machine_and_in_every_company() -> None:
    alone, together = sketch(["where is my order"]), sketch(["é", "where is my order", "x" * 70])
    assert alone.bands[:3, 0].tolist() == together.bands[:3, 1].tolist()
    assert alone.bytes[0, :8].tolist() == together.bytes[1, :8].tolist()
    # A change here changes what is found: say so in the changelog.
    assert alone.bytes[0, :8].tolist() == [78, 73, 24, 86, 147, 228, 184, 41]


def test_word_grams_are_those_of_the_text() -> None:
    texts = ["a b c a b c", "b c a", "a b", "ab c a"]
    ((_, grams),) = word_grams(texts, [3])
    by_text = [grams.hashes[grams.owners == owner].tolist() for owner in range(4)]
    assert [len(hashes) for hashes in by_text] == [4, 1, 0, 1]
    assert by_text[0][0] == by_text[0][3]
    assert by_text[0][1] == by_text[1][0]
    assert by_text[3][0] not in by_text[0]
    assert count_distinct(grams, 4).tolist() == [3, 1, 0, 1]
    assert count_distinct(Grams(grams.hashes[:0], grams.owners[:0]), 2).tolist() == [0, 0]


def test_blocks_change_nothing() -> None:
    texts = [" ".join(map(str, range(seed, 130_000, 2))) for seed in range(6)]
    parts = [grams for _, grams in word_grams(texts, [13])]
    assert len(parts) > 1
    assert all(one.owners[-1] < other.owners[0] for one, other in pairwise(parts))
    (alone,) = (grams for _, grams in word_grams(texts[5:], [13]))
    assert parts[-1].hashes[parts[-1].owners == 5].tolist() == alone.hashes.tolist()
    assert distinct("abc").size == 1


def test_nothing_to_compare_is_nothing_found() -> None:
    for left, right in (([], []), (["a b"], []), ([], ["a b"])):
        assert shared_passages(left, right) == near_duplicates(left, right) == {}
        assert count_overlaps(side("a", *left), side("b", *right)).worst == []
