"""Flywheel: measure first, then try to beat the measurement, and let statistics decide.

import flywheel as fw

ws = fw.open("flywheel.duckdb")
run = ws.baseline("ticket_triage", model="tiny")
"""

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flywheel.engines.engine import EngineSpec
    from flywheel.levers.training.objectives.union import DPO, KTO, RFT, SFT, Pretrain, Reward
    from flywheel.workspace.evalset import Evalset
    from flywheel.workspace.local import Local as Workspace
    from flywheel.workspace.open import open_workspace as open

__version__ = "0.1.0"
__all__ = [
    "DPO",
    "KTO",
    "RFT",
    "SFT",
    "EngineSpec",
    "Evalset",
    "Pretrain",
    "Reward",
    "Workspace",
    "__version__",
    "open",
]

# Disable Hugging Face telemetry, which would report trainings from a thread of its own.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# Loaded when first used: `import flywheel` costs nothing.
_API = {
    "open": ("workspace.open", "open_workspace"),
    "Workspace": ("workspace.local", "Local"),
    "EngineSpec": ("engines.engine", "EngineSpec"),
    "Evalset": ("workspace.evalset", "Evalset"),
    **{
        name: ("levers.training.objectives.union", name)
        for name in ("SFT", "DPO", "KTO", "RFT", "Reward", "Pretrain")
    },
}


def __getattr__(name: str) -> Any:
    """A name of the Python API, from the module that defines it."""
    if name not in _API:
        raise AttributeError(f"flywheel has no {name!r}; it has {', '.join(_API)}")
    module, attribute = _API[name]
    return getattr(import_module(f"flywheel.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})


def _is_needed(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Failed to load CPU gemm_4bit_forward")


# bitsandbytes works without its optional kernel, but warns on each import.
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_is_needed)
