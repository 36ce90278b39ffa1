"""The bootstrap: scipy's BCa, sacrebleu's p values, the closed form, and the same figure twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest

from flywheel.stats.arrays import BadNumbers
from flywheel.stats.bootstrap import (
    bootstrap_error,
    bootstrap_mean,
    paired_bootstrap_p,
    randomisation_p,
    replicates,
)
from flywheel.stats.intervals import clustered_error

stats: Any = scipy.stats

VALUES: dict[str, Any] = {
    "pass/fail": np.random.default_rng(1).binomial(1, 0.3, 400).astype(float),
    "few values": np.random.default_rng(2).integers(0, 5, 300) / 4,
    "skewed": np.random.default_rng(3).exponential(1.0, 250),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_error_of_a_mean_is_the_closed_form(name: str) -> None:
    # One project divides the spread by the root of the rounds: 32 times too small for 1,000.
    values = VALUES[name]
    wanted = values.std(ddof=1) / math.sqrt(values.size)
    assert bootstrap_error(values, seed=5, rounds=1000) == pytest.approx(wanted, rel=0.05)


@pytest.mark.parametrize("name", VALUES)
def test_clusters_are_drawn_whole(name: str) -> None:
    values = np.sort(VALUES[name])
    labels = np.arange(values.size) // 5
    error = bootstrap_error(values, seed=5, rounds=4000, clusters=labels)
    assert error == pytest.approx(clustered_error(values, labels)[0], rel=0.08)
    assert error is not None and error > 1.8 * (bootstrap_error(values, seed=5) or 0)


@pytest.mark.parametrize("method", ["bca", "percentile"])
@pytest.mark.parametrize("name", VALUES)
def test_the_ends_are_scipys_for_the_same_replicates(name: str, method: Any) -> None:
    values = VALUES[name]
    drawn = replicates(values, seed=8, rounds=3000)

    class Given:
        bootstrap_distribution = drawn

    def mean(x: Any, axis: int = -1) -> Any:
        return np.mean(x, axis=axis)

    wanted = stats.bootstrap(
        (values,), mean, n_resamples=0, bootstrap_result=Given, method=method
    ).confidence_interval
    found = bootstrap_mean(values, seed=8, rounds=3000, method=method)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-6)


def test_few_values_and_many_have_the_same_distribution() -> None:
    values = VALUES["few values"]
    jitter = values + np.linspace(0, 1e-9, values.size)  # now all are distinct
    few, many = replicates(values, 1, 8000), replicates(jitter, 1, 8000)
    assert stats.ks_2samp(few, many).pvalue > 0.01
    assert few.mean() == pytest.approx(values.mean(), abs=0.001)


@pytest.mark.parametrize("clusters", [None, np.arange(250) // 2])
def test_the_same_seed_gives_the_same_bits(clusters: Any) -> None:
    first = bootstrap_mean(VALUES["skewed"], 3, 500, clusters=clusters)
    assert first == bootstrap_mean(VALUES["skewed"], 3, 500, clusters=clusters)
    assert first != bootstrap_mean(VALUES["skewed"], 4, 500, clusters=clusters)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [([0.4], None), ([1.0] * 30, None), ([0.0, 1.0], [1, 1]), ([0.0, 1.0] * 9, [*range(9)] * 2)],
)
def test_what_can_only_be_drawn_as_it_is_has_no_interval(values: Any, clusters: Any) -> None:
    if clusters is not None and len(values) > 2:
        clusters = sorted(clusters)
    found = bootstrap_mean(values, 1, 200, clusters=clusters)
    assert found is not None and (found.low, found.high) == (None, None)


def test_nothing_has_no_mean_and_one_no_error() -> None:
    assert bootstrap_mean([], 1) is None
    assert bootstrap_error([0.5], 1) is bootstrap_error([], 1) is None


def test_the_interval_of_skewed_scores_holds_the_truth() -> None:
    rng = np.random.default_rng(6)
    held = 0
    for trial in range(400):
        found = bootstrap_mean(rng.beta(1, 6, 80), seed=trial, rounds=600)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= 1 / 7 <= found.high
    assert 0.91 <= held / 400 <= 0.97


def corpus(worse: float) -> tuple[list[str], list[str], list[str]]:
    """References and two systems that garble words, the second one more of them."""
    rng = np.random.default_rng(4)
    stock = [f"w{i}" for i in range(60)]

    def garble(text: list[str], rate: float) -> str:
        return " ".join(str(rng.choice(stock)) if rng.random() < rate else word for word in text)

    gold = [[str(word) for word in rng.choice(stock, 14)] for _ in range(120)]
    ours = [garble(text, 0.3) for text in gold]
    return [" ".join(text) for text in gold], ours, [garble(text, 0.3 + worse) for text in gold]


@pytest.mark.parametrize("worse", [0.0, 0.02])
@pytest.mark.parametrize(("kind", "test"), [("bs", paired_bootstrap_p), ("ar", randomisation_p)])
def test_systems_get_sacrebleus_p_values(
    kind: str, test: Callable[..., float], worse: float
) -> None:
    gold, ours, theirs = corpus(worse)
    bleu: Any = BLEU(references=[gold])
    systems: Any = [("base", theirs), ("ours", ours)]
    table: Any = PairedTest(systems, {"BLEU": bleu}, None, kind, 1000)()
    wanted = table[1]["BLEU"][1].p_value
    assert 0.002 < wanted < 0.99
    segments: list[Any] = [
        np.array(bleu._extract_corpus_statistics(s, None)) for s in (ours, theirs)
    ]

    def score(sums: Any) -> float:
        return bleu._compute_score_from_stats(list(sums)).score

    assert test(*segments, score, seed=12345, rounds=1000) == pytest.approx(wanted, abs=0.01)


def test_a_system_against_itself_is_no_finding() -> None:
    rows = np.random.default_rng(1).random((20, 2))

    def ratio(sums: Any) -> float:
        return float(sums[0] / sums[1])

    assert randomisation_p(rows, rows, ratio, seed=1, rounds=100) == 1.0
    assert paired_bootstrap_p(rows, rows, ratio, seed=1, rounds=100) == 1.0
    with pytest.raises(BadNumbers, match="a row of statistics for each segment"):
        paired_bootstrap_p(rows, rows[:5], ratio, seed=1)
