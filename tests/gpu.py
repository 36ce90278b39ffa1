"""Tests that need a GPU: `pytestmark = GPU` in a module skips all of it where there is none."""

from __future__ import annotations

import pytest
import torch

GPU = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here"),
]
