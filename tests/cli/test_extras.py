"""A command without an extra that it needs: one line that names the extra."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import flywheel
from tests.evals.world import write_evalset

BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


@pytest.mark.parametrize(
    ("blocked", "command", "extra"),
    [
        (("torch",), ("eval", "e", "-m", "tiny"), "local"),
        (("transformers",), ("eval", "e", "-m", "tiny"), "local"),
    ],
)
def test_a_missing_extra_is_one_line(
    tmp_path: Path, blocked: tuple[str, ...], command: tuple[str, ...], extra: str
) -> None:
    write_evalset(tmp_path / "e", items=2)
    (tmp_path / "sitecustomize.py").write_text(BLOCKER.format(blocked=set(blocked)))
    done = flywheel(*command, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert f"pip install 'flywheel-llm[{extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
