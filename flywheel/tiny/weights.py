"""The shipped weights and their verification.

CHECKSUM lists the sha256 of every file; `sha256sum -c CHECKSUM` checks it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flywheel.errors import FlywheelError

SHIPPED = Path(__file__).parent / "weights"
CHECKSUM = "CHECKSUM"


class BrokenWeights(FlywheelError):
    """The files of a model do not match its CHECKSUM."""


@cache
def tiny_folder() -> Path:
    """The folder of the shipped weights, for from_pretrained. Raises BrokenWeights."""
    verify(SHIPPED)
    return SHIPPED


def seal(folder: Path) -> None:
    """Write CHECKSUM for all files of a folder."""
    lines = [f"{_sha256(path)}  {path.name}\n" for path in _files(folder)]
    (folder / CHECKSUM).write_text("".join(lines), encoding="utf-8")


def verify(folder: Path) -> None:
    """Raise BrokenWeights if a file is missing, changed or not listed."""
    try:
        lines = (folder / CHECKSUM).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BrokenWeights(f"{folder}: no {CHECKSUM} to verify: {error.strerror}") from None
    wanted = {line.partition("  ")[2]: line.partition("  ")[0] for line in lines}
    actual = {path.name: _sha256(path) for path in _files(folder)}
    wrong = sorted(
        name for name in wanted.keys() | actual.keys() if wanted.get(name) != actual.get(name)
    )
    if wrong:
        raise BrokenWeights(
            f"{folder}: {', '.join(wrong)} does not match {CHECKSUM}; reinstall, or rebuild the"
            " model: flywheel tiny build"
        )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != CHECKSUM)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
