"""A sandbox for Python graders and for the programs they test. Start at `sandbox.py`."""

from graders.sandbox.limits import Limits as Limits
from graders.sandbox.ran import Ran as Ran
from graders.sandbox.sandbox import Sandbox as Sandbox
from graders.sandbox.tier import NoSandbox as NoSandbox
from graders.sandbox.tier import Tier as Tier
from graders.sandbox.tier import best_tier as best_tier
from graders.sandbox.tier import mechanisms as mechanisms
