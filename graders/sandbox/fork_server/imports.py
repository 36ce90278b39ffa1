"""Imports inside the sandbox: packages that are not for graders are absent, not forbidden.

Landlock alone would let a library see an optional dependency on its path and then fail to read it;
libraries cope with a missing module and not with PermissionError. The fork server imports under the
same rule, so that nothing else gets into its memory either.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class GrantedFinder(PathFinder):
    """The usual search of `sys.path`, for the standard library and granted packages only."""

    granted: frozenset[str] = frozenset()

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module, or nothing where its package is not granted."""
        package = fullname.partition(".")[0]
        # The one module of the standard library whose name differs from machine to machine.
        if package not in cls.granted and not package.startswith("_sysconfigdata"):
            return None
        return PathFinder.find_spec(fullname, path, target)


def grant(packages: Iterable[str]) -> None:
    """From now on, imports find the standard library and these packages."""
    GrantedFinder.granted = frozenset(packages) | sys.stdlib_module_names
    sys.meta_path[:] = [
        GrantedFinder if finder is PathFinder else finder for finder in sys.meta_path
    ]
