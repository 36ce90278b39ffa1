"""The ruler itself: it tells a line from a square."""

from __future__ import annotations

from tests.growth import grows_with_size


def test_it_tells_a_line_from_a_square() -> None:
    assert grows_with_size(lambda n: sum(range(n)), 1_000_000)
    assert not grows_with_size(_square, 400)


def _square(n: int) -> int:
    return sum(i ^ j for i in range(n) for j in range(n))
