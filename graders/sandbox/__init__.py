"""A sandbox for Python graders and for the programs they test. Start at `sandbox.py`."""

from graders.sandbox.confinement.tier import NoSandbox as NoSandbox
from graders.sandbox.confinement.tier import Tier as Tier
from graders.sandbox.confinement.tier import best_tier as best_tier
from graders.sandbox.confinement.tier import mechanisms as mechanisms
from graders.sandbox.limits import Limits as Limits
from graders.sandbox.ran import Ran as Ran
from graders.sandbox.sandbox import Sandbox as Sandbox
