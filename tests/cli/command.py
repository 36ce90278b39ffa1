"""The real `flywheel` command in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXECUTABLE = Path(sys.executable).parent / "flywheel"


def flywheel(
    *arguments: object, cwd: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run it and wait."""
    return subprocess.run(
        [str(EXECUTABLE), *map(str, arguments)],
        cwd=cwd,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home()), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
