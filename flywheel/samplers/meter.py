"""A meter around a sampler: counts the usage of the answers as they arrive.

It also computes the cost of an answer from the user's prices, if the sampler does not report it.
Cached answers do not pass the meter, and cost nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from flywheel.samplers.price import Prices
from flywheel.samplers.sampler import Output, Request, Sampler


class Meter:
    """A sampler that counts another one's answers, tokens and dollars.

    `silent` counts the answers without usage. `price` is None until a price is known. `unpriced`
    names the models without a rate, if there are rates; `price` does not include their answers.
    """

    def __init__(self, sampler: Sampler, prices: Prices | None = None) -> None:
        self._sampler = sampler
        self._prices = prices
        self.answers = self.silent = 0
        self.tokens = 0
        self.price: float | None = None
        self.unpriced: set[str] = set()

    async def sample(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Output]]:
        """The sampler's outputs, with prices."""
        async for index, output in self._sampler.sample(requests):
            yield index, self._counted(output)

    def _counted(self, output: Output) -> Output:
        prompt, completion, _ = output.usage
        # A failed request may have used tokens; one without tokens has no price.
        if self._prices is not None and output.price is None and prompt + completion:
            output = output._replace(price=self._prices.price(output.model, output.usage))
            if output.price is None:
                self.unpriced.add(output.model)
        self.answers += output.error is None
        self.silent += output.error is None and output.price is None and not prompt + completion
        self.tokens += prompt + completion
        if output.price is not None:
            self.price = (self.price or 0.0) + output.price
        return output
