"""Benchmarks of Flywheel and its peers, with recorded results."""

import atexit
import os
import shutil
import tempfile

# What a benchmark reads is not counted among the user's own looks, nor among those of the next one.
if "FLYWHEEL_STATE" not in os.environ:
    os.environ["FLYWHEEL_STATE"] = tempfile.mkdtemp(prefix="flywheel-bench-")
    atexit.register(shutil.rmtree, os.environ["FLYWHEEL_STATE"], ignore_errors=True)
