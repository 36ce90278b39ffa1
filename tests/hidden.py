"""Commands in a Python in which packages seem not to be installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

# One process for all the commands: none gets as far as to load what the next one must not find.
_RUN = """
import json, os, sys, tempfile
from importlib.machinery import PathFinder

HIDDEN = set()

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in HIDDEN else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding

def run(hidden, arguments):
    HIDDEN.clear()
    HIDDEN.update(hidden)
    sys.argv = arguments
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        try:
            code = main()
        except SystemExit as end:
            code = end.code
        sys.stdout.flush()
        sys.stderr.flush()
        said = [file.seek(0) or file.read().decode() for file in (out, err)]
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)
    heavy = sorted({"torch", "transformers", "trl", "datasets"} & set(sys.modules))
    return code, *said, heavy

def main():
    if sys.argv[0] == "flywheel":
        from flywheel.cli.main import main
        return main()
    from pathlib import Path
    from flywheel.jobs.process import work
    from flywheel.levers.training.worker import _train
    return work(Path(sys.argv[1]), _train)

print(json.dumps([run(*one) for one in json.loads(sys.argv[1])]))
"""


class Ended(NamedTuple):
    """How a command ended. `heavy` are the large packages that are loaded by then."""

    code: int
    out: str
    err: str
    heavy: list[str]


def run_without(cases: Sequence[tuple[Collection[str], Sequence[str]]], cwd: Path) -> list[Ended]:
    """Run each command, `flywheel ...` or `worker FOLDER`, without those packages."""
    given = json.dumps([(sorted(hidden), list(command)) for hidden, command in cases])
    done = subprocess.run(
        [sys.executable, "-c", _RUN, given], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return [Ended(*one) for one in json.loads(done.stdout)]
