"""A writer that is killed loses nothing that it acknowledged, and writes nothing twice.

FLYWHEEL_KILLS=50 kills it more often.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.store.crash import kill_again_and_again

KILLS = int(os.environ.get("FLYWHEEL_KILLS", "10"))


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    survived = kill_again_and_again(tmp_path / "s.duckdb", KILLS)
    assert survived.acknowledged > KILLS
    assert (survived.lost, survived.torn, survived.twice) == (0, 0, 0)
