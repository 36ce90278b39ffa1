"""Notes of a story: which of its steps are done, so that it can be stopped and begun again."""

from __future__ import annotations

import json
from pathlib import Path

from flywheel.files import write_whole


class Notes:
    """Names of runs and jobs by step, in a file that is whole at every moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}

    def get(self, step: str) -> str | None:
        """What was noted of a step."""
        return self._known.get(step)

    def keep(self, step: str, name: str) -> None:
        """Note the run or job of a step."""
        self._known[step] = name
        write_whole(self._path, json.dumps(self._known, indent=2) + "\n")
