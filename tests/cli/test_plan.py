"""flywheel plan from the outside: how many items a gain takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel.errors import FlywheelError
from tests.cli.command import flywheel
from tests.cli.decided import World, lines_of, world_of
from tests.evals.world import Echo, wrong_on


def test_the_plan_of_an_evalset_without_a_store(tmp_path: Path) -> None:
    done = World(tmp_path, {}).flywheel("plan", "ticket_triage", "--effect", 0.1)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = lines_of(done.stdout)
    assert lines[0] == "You need 152 items to detect 10 points with 80% power"
    assert lines[1].startswith("spread assumed: 20% of the items pass in one of the two runs only")
    assert lines[-4].split() == ["split", "items", "detects", "points"]
    assert not list(tmp_path.iterdir())


def test_two_runs_tell_the_spread_and_a_later_look_takes_more(tmp_path: Path) -> None:
    world = world_of(tmp_path, "dev", a=wrong_on(*range(12)), b=Echo())
    words = ["plan", tmp_path / "e", "--like", world.runs["a"], "--like", world.runs["b"]]
    first, third = (
        json.loads(world.flywheel(*words, "--json", "--look", look).stdout) for look in (1, 3)
    )
    assert first["spread"].startswith("measured on 60 items of run-")
    assert first["spread"].endswith("20% differ")
    assert first["items"] < third["items"]
    lines_of(world.flywheel(*words).stdout)


def test_what_makes_no_plan_is_one_line(tmp_path: Path) -> None:
    for words, story in (
        (("nowhere",), "nowhere"),
        (("unit_math", "--effect", 0), "wanted --effect and --discordance above 0"),
        (("unit_math", "--effect", 0.5), "give --discordance 0.5 or more"),
        (("unit_math", "--like", "one"), "wanted two runs that tell the spread, got one"),
    ):
        with pytest.raises(FlywheelError, match=story):
            World(tmp_path, {}).flywheel("plan", *words)
    done = flywheel("plan", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert World(tmp_path, {}).flywheel("plan").exit_code == 2
