"""What graders may import: the standard library and the documented packages, as far as installed.

packages.toml lists them. A fork server imports the standard modules and those of the packages that
the source imports. In a tier with Landlock the rest can be imported from disk: `grants`
lists what may be read. Inside site-packages that is the documented distributions and what they
require, by their own records, and never `flywheel`, `graders` or `evalsets`: evalsets hold the
answers.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

_TABLE: dict[str, Any] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
STANDARD: tuple[str, ...] = tuple(_TABLE["standard"].split())
# Distribution -> its modules, the one that an import line names first.
MODULES = {name: tuple(words.split()) for name, words in _TABLE["modules"].items()}
WARM_UP: dict[str, tuple[str, list[str]]] = _TABLE["warm_up"]
NEVER = frozenset({"evalsets", "flywheel", "graders"})

_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([^#\n]+)", re.MULTILINE)
_THREADS = re.compile("thread|concurrent|asyncio|workers|n_jobs|parallel", re.IGNORECASE)
_DOTTED = re.compile(r"[\w.]+")
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9._-]+)")


def mentioned(source: str) -> tuple[str, ...]:
    """What to import for this source: the modules of each package that an import line names."""
    lines = " ".join(_IMPORT.findall(source))
    words = {word.split(".")[0] for word in _DOTTED.findall(lines)}
    named = (names for names in MODULES.values() if names[0] in words)
    return tuple(sorted(name for names in named for name in names))


def mentions_threads(source: str) -> bool:
    """Whether the source has a word for threads. Without one it gets none: counting costs time."""
    return _THREADS.search(source) is not None


@lru_cache(maxsize=1)
def package_paths() -> dict[Path, frozenset[str]]:
    """The documented distributions' files: folder of packages -> names in it that may be read."""
    found: dict[Path, set[str]] = {}
    for distribution in _closure().values():
        folder = Path(str(distribution.locate_file(""))).resolve()
        found.setdefault(folder, set()).update(_names_of(distribution))
    return {folder: frozenset(names) for folder, names in found.items()}


def package_modules() -> set[str]:
    """The top-level modules among `package_paths`."""
    return {name.split(".")[0] for names in package_paths().values() for name in names}


def _closure() -> dict[str, metadata.Distribution]:
    """The installed documented distributions and, transitively, what they require."""
    found: dict[str, metadata.Distribution] = {}
    todo = list(MODULES)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for requirement in found[name].requires or ():
            match = _REQUIREMENT.match(requirement)
            # An extra is not what makes the package importable.
            if match and "extra ==" not in requirement:
                todo.append(re.sub(r"[-_.]+", "-", match.group(1)).lower())
    return found


def _names_of(distribution: metadata.Distribution) -> set[str]:
    """The first path component of each file that the distribution installed."""
    record = distribution.read_text("RECORD") or distribution.read_text("installed-files.txt") or ""
    names = {line.split(",")[0].split("/")[0] for line in record.splitlines()}
    return {name for name in names if name and not name.startswith("..")} - NEVER
