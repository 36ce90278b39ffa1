# pyright: standard
"""The random states of this process: Python's, numpy's and torch's, of every GPU too."""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def kept_random_states() -> Generator[None]:
    """Put them back afterwards, whatever was drawn meanwhile."""
    import numpy as np
    import torch

    python, numbers, state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    on_gpu = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)
        torch.set_rng_state(state)
        if on_gpu:
            torch.cuda.set_rng_state_all(on_gpu)
