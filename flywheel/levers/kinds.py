"""The kinds of jobs that levers start. A job's process runs one of these modules and no other."""

from __future__ import annotations

from flywheel.jobs.kind import Kind, Kinds, module_command
from flywheel.levers.training.order import load_order

TRAINING = Kind("training", module_command("flywheel.levers.training.worker"), load_order)
KINDS: Kinds = {kind.name: kind for kind in (TRAINING,)}
