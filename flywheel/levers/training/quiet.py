# pyright: standard
"""The training libraries without their bars, notes and warnings."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet() -> Generator[None]:
    """Nothing on stdout, no bars, and of the libraries' warnings only errors."""
    # Logged when they are imported: what is missing here is not needed here.
    for name in ("torchao", "trl", "transformers", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings():
        # Each comes from inside a library, and none is about what a user did.
        warnings.filterwarnings(
            "ignore", category=FutureWarning, module=r"(trl|peft|torch|transformers)\."
        )
        warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
        yield
