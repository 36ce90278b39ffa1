"""One thread for torch, and the small random models, made when they are first wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

Folders = Callable[[str], Path]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small models are slower with more, much slower on a machine that is busy."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of a small model by its kind."""
    from tests.levers.training.models import save

    @cache
    def folder(kind: str) -> Path:
        return save(kind, tmp_path_factory.mktemp(kind))

    return folder
