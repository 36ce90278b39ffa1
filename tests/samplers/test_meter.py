"""A meter counts what passes it, prices it once, and names what has no price."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from flywheel.samplers.meter import Meter
from flywheel.samplers.price import Prices, Rate
from flywheel.samplers.sampler import Output, Request
from graders.ungraded import Usage
from tests.samplers.asking import ask

PRICES = Prices({"m": Rate(input=2.0, output=10.0, cached=1.0)})
OUTPUTS = {
    "fine": Output("x", "m-1", Usage(10, 3, 4)),
    "priced": Output("x", "m-1", Usage(10, 3), price=0.5),
    "other": Output("x", "n-1", Usage(10, 3)),
    "failed": Output("", "m-1", error="503"),
    "failed late": Output("", "m-1", Usage(10, 3), error="the options cannot be scored"),
}
FINE = (6 * 2 + 4 * 1 + 3 * 10) / 1e6
LATE = (10 * 2 + 3 * 10) / 1e6


class Told:
    """A model whose whole output is told by its prompt."""

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        for index, request in enumerate(requests):
            yield index, OUTPUTS[request.text()]


@pytest.mark.parametrize(
    ("prompt", "price"),
    [("fine", FINE), ("priced", 0.5), ("other", None), ("failed", None), ("failed late", LATE)],
)
def test_an_answer_has_its_price(prompt: str, price: float | None) -> None:
    (output,) = ask(Meter(Told(), PRICES), prompt)
    assert output.price == (price if price is None else pytest.approx(price))


def test_all_that_passes_is_counted() -> None:
    meter = Meter(Told(), PRICES)
    ask(meter, *OUTPUTS)
    assert (meter.answers, meter.tokens, meter.unpriced) == (3, 4 * 13, {"n-1"})
    assert meter.price == pytest.approx(FINE + 0.5 + LATE)


def test_without_prices_nothing_is_missed() -> None:
    meter = Meter(Told())
    (output,) = ask(meter, "fine")
    assert (output.price, meter.price, meter.unpriced) == (None, None, set())
