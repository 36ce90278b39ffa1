"""Which files the sandbox shows: where Python, its libraries and the documented packages live.

`mounts` is coarse, for the mount namespace: whatever is not mounted is not there. `grants` is
exact, for Landlock: within what is mounted, only the standard library, shared libraries, time
zones and the documented packages can be read. A folder that also holds `site-packages` or another
Python is granted entry by entry without them. Names in `site-packages` can be listed, contents not.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from graders.sandbox.packages import package_paths

HERE = Path(__file__).resolve().parent

_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_OTHERS = ("/usr/share/zoneinfo", "/etc/ld.so.cache")


def interpreter() -> str:
    """The Python beneath any virtual environment, which starts without site-packages."""
    return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)


def import_path() -> list[str]:
    """`sys.path` for the fork server: the standard library, then the folders of the packages."""
    stdlib = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    dynamic = [os.path.join(folder, "lib-dynload") for folder in stdlib]
    return list(dict.fromkeys([*stdlib, *dynamic, *(str(folder) for folder in package_paths())]))


def mounts() -> list[str]:
    """Paths to mount read-only, each at its own place, parents first."""
    base = Path(sys.base_prefix)
    wanted = [*_LIBRARIES, *_OTHERS, interpreter(), str(base / "lib"), str(base / "lib64")]
    wanted += [*import_path(), str(HERE)]
    found: list[str] = []
    for path in sorted({path for path in wanted if os.path.exists(path)}):
        # A symbolic link such as /lib is made anew; see `bubblewrap.py`.
        above = (one for one in found if path.startswith(one.rstrip("/") + "/"))
        if all(map(os.path.islink, above)):
            found.append(path)
    return found


@lru_cache(maxsize=1)
def grants() -> list[tuple[str, str]]:
    """Landlock rules, as (path, right); `landlock.py` says what the rights mean."""
    rules = [(os.devnull, "null"), *((path, "read") for path in _OTHERS)]
    for folder in dict.fromkeys(os.path.realpath(path) for path in _LIBRARIES):
        rules += _without(folder, ("python",))
    for key in ("stdlib", "platstdlib"):
        rules += _without(
            os.path.realpath(sysconfig.get_path(key)), ("site-packages", "dist-packages")
        )
    # Conda and python.org builds keep their shared libraries beside the standard library.
    rules += ((str(path), "read") for path in Path(sys.base_prefix, "lib").glob("lib*.so*"))
    for folder, names in package_paths().items():
        rules.append((str(folder), "list"))
        rules += ((str(folder / name), "read") for name in sorted(names))
    return list(dict.fromkeys(rules))


def _without(folder: str, prefixes: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Rules for all of `folder` except the entries that start with one of `prefixes`."""
    names = _names(folder)
    kept = [name for name in names if not name.startswith(prefixes)]
    if len(kept) == len(names):
        yield folder, "read"
        return
    yield folder, "list"
    for name in kept:
        yield os.path.join(folder, name), "read"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
