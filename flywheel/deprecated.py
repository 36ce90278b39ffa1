"""Names that still work and will go: each warns once, with its replacement and its last version."""

from __future__ import annotations

import warnings
from typing import NamedTuple


class FlywheelDeprecationWarning(FutureWarning):
    """A name that was used will go. Shown to users too, unlike DeprecationWarning."""


class Deprecated(NamedTuple):
    """A name, what to use instead, and the version that no longer has it."""

    name: str
    instead: str
    goes: str

    def warn(self) -> None:
        """Warn whoever called the function that calls this; once a process from each place."""
        text = f"{self.name} is deprecated and goes in version {self.goes}; use {self.instead}"
        warnings.warn(text, FlywheelDeprecationWarning, stacklevel=3)
