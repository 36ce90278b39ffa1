# pyright: standard
"""Silences the progress bars, logs and warnings of the training libraries."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def quiet() -> Generator[None]:
    """Silence progress bars and warnings; the libraries log errors only."""
    # Set before the imports, which log missing optional packages.
    for name in ("torchao", "trl", "transformers", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    import datasets
    from transformers.utils import logging as transformers_logging

    datasets.disable_progress_bars()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    with warnings.catch_warnings():
        # Warnings from inside the libraries, which a user cannot act on.
        warnings.filterwarnings(
            "ignore", category=FutureWarning, module=r"(trl|peft|torch|transformers)\."
        )
        warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
        yield
