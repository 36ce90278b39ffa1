"""Deprecated names: each warns once, with its replacement and the version that removes it."""

from __future__ import annotations

import warnings
from typing import NamedTuple


class FlywheelDeprecationWarning(FutureWarning):
    """A deprecated name was used. Shown to users by default, unlike DeprecationWarning."""


class Deprecated(NamedTuple):
    """A name, its replacement, and the version that removes it."""

    name: str
    instead: str
    goes: str

    def warn(self) -> None:
        """Warn at the caller of the calling function, once per process and call site."""
        text = f"{self.name} is deprecated and goes in version {self.goes}; use {self.instead}"
        warnings.warn(text, FlywheelDeprecationWarning, stacklevel=3)
