"""The battery: what hostile graders try, and that none gets through in any tier."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graders.asks import Returned
from graders.sandbox import Limits, Sandbox, Tier
from graders.sandbox.files import HERE
from tests.graders.sandbox.hostile_attacks import ATTACKS, Attack, grader

HONEST = "def grade(sample, item): return 1.0 if sample['output_text'] == item['answer'] else 0.0"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Files, a listening service and a socket on the host, for attacks to aim at."""
    folder = tmp_path_factory.mktemp("host")
    for name in ("doomed", "doomed2"):
        (folder / name).write_text("x")
    (folder / "answers").write_text("secret")
    (folder / "planted.py").write_text("")
    (folder / "link").symlink_to(folder / "answers")
    abstract = mark = f"flywheel-battery-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as service, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0" + abstract)
        local.listen()
        yield {
            "folder": str(folder),
            "home": str(Path.home()),
            **{name: str(folder / name) for name in ("answers", "link", "doomed", "doomed2")},
            "port": service.getsockname()[1],
            "abstract": abstract,
            "mark": mark,
            "host": os.getpid(),
            "package": str(pytest.__file__),
            "start_script": str(HERE / "fork_server/start.py"),
        }


def only(sandbox: Sandbox, source: str, item: dict[str, Any]) -> object:
    [(index, answer)] = list(sandbox.grade(source, [({"output_text": "Paris"}, item)]))
    assert index == 0
    return answer


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_no_attack_gets_through(sandbox: Sandbox, attack: Attack, world: dict[str, Any]) -> None:
    assert only(sandbox, grader(attack), world) != Returned(1.0)
    assert only(sandbox, HONEST, {"answer": "Paris"}) == Returned(1.0)
    assert only(sandbox, HONEST, {"answer": "Rome"}) == Returned(0.0)


def test_the_attacks_are_real(world: dict[str, Any]) -> None:
    real = [attack for attack in ATTACKS if attack.real]
    with Sandbox(unsafe=True, workers=2, limits=Limits(seconds=10.0)) as unconfined:
        assert unconfined.tier is Tier.UNSAFE
        failed = [a.name for a in real if only(unconfined, grader(a), world) != Returned(1.0)]
    for left in ("/tmp", "/dev/shm", "/var/tmp", "/dev", "/run", "/", "."):
        (Path(left) / world["mark"]).unlink(missing_ok=True)
    assert failed == []


def test_the_battery_is_large() -> None:
    assert len(ATTACKS) >= 100
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
