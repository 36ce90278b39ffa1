"""Flywheel: measure first, then try to beat the measurement, and let statistics decide."""

import logging
import os

__version__ = "0.1.0"

# Nothing is told to anybody. The hub's library would tell of a training, in a thread of its own.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def _is_needed(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Failed to load CPU gemm_4bit_forward")


# Whoever imports bitsandbytes: without an optional kernel it works, and warns at each run.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_is_needed)
