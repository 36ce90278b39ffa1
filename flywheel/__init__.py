"""Flywheel: measure first, then try to beat the measurement, and let statistics decide."""

import os

__version__ = "0.1.0"

# Nothing is told to anybody. The hub's library would tell of a training, in a thread of its own.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
