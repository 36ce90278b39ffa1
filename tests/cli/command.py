"""The real `flywheel` command in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXECUTABLE = Path(sys.executable).parent / "flywheel"


def flywheel(
    *arguments: object, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run it and wait."""
    own = {"HOME": str(Path.home()), "FLYWHEEL_STATE": os.environ["FLYWHEEL_STATE"]}
    return subprocess.run(
        [str(EXECUTABLE), *map(str, arguments)],
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **own, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
