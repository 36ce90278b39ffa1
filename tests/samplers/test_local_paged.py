# pyright: standard
"""local_paged: transformers' continuous batching gives the answers of our own loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flywheel.samplers.local.load import LocalOptions
from flywheel.samplers.local.sampler import LocalSampler
from tests.samplers.asking import answers, request

Folders = Callable[[str], Path]


@pytest.mark.parametrize("family", ["qwen2"])
def test_a_paged_cache_changes_no_greedy_answer(family: str, folders: Folders) -> None:
    def texts(**options: Any) -> list[tuple[str, bool]]:
        requests = [
            request(f"number {i}", sampling={"max_completion_tokens": 4 + i, "temperature": heat})
            for i, heat in enumerate((0, 0, 0, 0, 0, 0))
        ]
        requests.append(request("drawn", sampling={"temperature": 1, "seed": 1, "max_tokens": 5}))
        model = LocalSampler(LocalOptions(name=str(folders(family)), **options))
        return [(output.text, output.truncated) for output in answers(model, requests)]

    assert texts(paged=True) == texts(paged=False)
