"""Asks a sampler in tests: prompts in, outputs in the order of the prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from flywheel.samplers.endpoint.sampler import EndpointOptions, EndpointSampler
from flywheel.samplers.sampler import Output, Request, Sampler


def request(prompt: str, **fields: Any) -> Request:
    return Request("m", [{"role": "user", "content": prompt}], **fields)


def answers(sampler: Sampler, requests: Sequence[Request]) -> list[Output]:
    async def collect() -> dict[int, Output]:
        found: dict[int, Output] = {}
        async for index, output in sampler.sample(requests):
            assert index not in found
            found[index] = output
        return found

    found = asyncio.run(collect())
    return [found[index] for index in range(len(requests))]


def ask(sampler: Sampler, *prompts: str, **fields: Any) -> list[Output]:
    return answers(sampler, [request(prompt, **fields) for prompt in prompts])


def endpoint(url: str, **options: Any) -> EndpointSampler:
    """An endpoint sampler that does not wait long between attempts."""
    given: dict[str, Any] = {"url": url, "first_wait": 0.01} | options
    return EndpointSampler(EndpointOptions(**given))
