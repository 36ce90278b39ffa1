"""Digests: one name for one content."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from flywheel.store.rows.digest import canonical_json, digest, digest_bytes, digest_file


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),  # keys have no order
        ([1, 2], [2, 1], False),  # lists have one
        ((1, 2), [1, 2], True),
        (1, 1.0, False),
        (None, "null", False),
        ("é", "e\u0301", False),  # nothing is normalised
    ],
)
def test_what_has_one_digest(one: Any, other: Any, same: bool) -> None:
    assert (digest(one) == digest(other)) is same


def test_canonical_json_is_the_shortest_sorted_utf8() -> None:
    assert canonical_json({"b": [1, "ü"], "a": None}) == '{"a":null,"b":[1,"ü"]}'
    assert digest({}) == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("value", [float("nan"), {"x": float("inf")}])
def test_nan_has_no_digest(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(value)


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"weights")
    assert digest_file(tmp_path / "f") == digest_bytes(b"weights")


def test_half_a_surrogate_pair_has_a_digest() -> None:
    assert digest("\ud83d") != digest("?")
