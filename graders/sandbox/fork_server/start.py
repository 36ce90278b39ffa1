"""The script that starts a fork server: `python -I -S -B start.py CONTROL_FD`.

It runs by path, outside any package, so it first makes empty stand-ins for `graders` and
`graders.sandbox`: their real `__init__` files may import third-party packages, and nothing of the
kind belongs in a fork server. The stand-ins go again before any grader can see them.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType


def stand_in_for_packages() -> None:
    """Let the sandbox's modules import each other as `graders.sandbox.*`, and nothing else."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for name, folder in (("graders", os.path.join(here, "nowhere")), ("graders.sandbox", here)):
        module = ModuleType(name)
        module.__path__ = [folder]
        sys.modules[name] = module


if __name__ == "__main__":
    stand_in_for_packages()
    from graders.sandbox.fork_server.server import main

    main(int(sys.argv[1]))
