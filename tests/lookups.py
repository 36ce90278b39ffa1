"""Names that a process looks up on the network, and those that it starts: refused, and noted."""

from __future__ import annotations

from pathlib import Path

# Run at the start of every Python process that finds it on its path.
_NOTED = """
import socket

def refuse(host, *rest, **named):
    with open({!r}, "a") as file:
        print(host, file=file)
    raise OSError(f"{{host}} was looked up")

socket.getaddrinfo = refuse
"""


def note_lookups(folder: Path) -> tuple[Path, Path]:
    """A folder for PYTHONPATH, and the file that has the names; it is not there without any."""
    guard, asked = folder / "guard", folder / "asked"
    guard.mkdir(exist_ok=True)
    (guard / "sitecustomize.py").write_text(_NOTED.format(str(asked)))
    return guard, asked
