"""A meter between whoever asks and a sampler: what the answers take, counted while they come.

It also says what an answer costs, where the sampler does not: prices are the user's, whoever
answers. What comes from the cache passes no meter, and costs nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from flywheel.samplers.price import Prices
from flywheel.samplers.sampler import Output, Request, Sampler


class Meter:
    """A sampler that counts another one's answers, tokens and dollars.

    `silent` counts the answers that told no usage. `price` is None until a price was known.
    `unpriced` names the models that no rate fits, when there are rates; their answers are
    missing in `price`.
    """

    def __init__(self, sampler: Sampler, prices: Prices | None = None) -> None:
        self._sampler = sampler
        self._prices = prices
        self.answers = self.silent = 0
        self.tokens = 0
        self.price: float | None = None
        self.unpriced: set[str] = set()

    async def sample(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Output]]:
        """What the sampler gives, with prices."""
        async for index, output in self._sampler.sample(requests):
            yield index, self._counted(output)

    def _counted(self, output: Output) -> Output:
        prompt, completion, _ = output.usage
        # A failed request may have taken tokens; one that took none has no price.
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
