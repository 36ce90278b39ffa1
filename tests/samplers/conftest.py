"""The small random models, made once and when they are first wanted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.samplers.models import save

Folders = Callable[[str], Path]


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of a model by its family."""
    import torch

    torch.set_num_threads(1)

    @cache
    def folder(family: str) -> Path:
        return save(family, tmp_path_factory.mktemp(family))

    return folder
