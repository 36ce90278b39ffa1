"""Figures as JSON lines: printed, stored, and compared with their targets."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"


class Record:
    """A new file of results. `missed` has the names of the figures that missed their targets.

    Quick runs write to another folder.
    """

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        folder.mkdir(exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        self._path.write_text("")
        self.missed: list[str] = []

    def add(
        self,
        figure: str,
        value: float,
        unit: str,
        *,
        least: float | None = None,
        most: float | None = None,
        **more: Any,
    ) -> None:
        """Print and store one figure; `least` or `most` is its target."""
        reached = (least is None or value >= least) and (most is None or value <= most)
        if not reached:
            self.missed.append(figure)
        must = {"at_least": least} if least is not None else {"at_most": most}
        line = {
            "figure": figure,
            "value": round(value, 4),
            "unit": unit,
            **{name: bound for name, bound in must.items() if bound is not None},
            **more,
            "load": round(os.getloadavg()[0], 1),
            "date": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "python": f"{platform.python_version()} {platform.machine()}",
        }
        text = json.dumps(line)
        print(text, flush=True)
        with self._path.open("a") as file:
            file.write(text + "\n")
