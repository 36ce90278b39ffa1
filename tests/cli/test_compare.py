"""flywheel compare from the outside: what it prints, what it writes, how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from flywheel.errors import FlywheelError
from flywheel.store.store import open_store
from tests.cli.command import flywheel
from tests.cli.decided import LONG, World, lines_of, saying, world_of
from tests.evals.world import wrong_on
from tests.reports.made import HOSTILE


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A baseline, a better candidate and one that says terrible things."""
    folder = tmp_path_factory.mktemp("a_folder_with_a_name_of_some_length_" * 3)
    models = {
        "a": wrong_on(*range(20)),
        "better": wrong_on(18, 19, 20),
        "terrible": saying(HOSTILE + "x" * 1_000_000, *range(30)),
    }
    return world_of(folder, "test", **models)


def test_the_table_says_what_differs_and_how_sure_that_is(world: World) -> None:
    a, b = world.runs["a"], world.runs["better"]
    done = world.flywheel("compare", a, b, "--items", 1)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = lines_of(done.stdout)
    assert lines[0].startswith(f"e test: baseline {a}, ")
    assert lines[2].startswith(f"{b}, ") and lines[2].endswith("better.jsonl")
    head, primary, guard, legend = (line.split() for line in lines[3:7])
    assert head == [
        "grader",
        "baseline",
        "candidate",
        "points",
        "low",
        "high",
        "p",
        "won",
        "lost",
        "tied",
    ]
    assert primary[0] == "same*" and primary[1:4] == ["0.667", "0.950", "+28.3"]
    assert primary[-3:] == ["18", "1", "41"]
    assert guard[0] == f"{LONG[:23]}…+" and guard[3] == "+28.3"
    assert legend[:2] == ["*", "primary,"]
    assert lines[8].startswith("same: better, +28.3 points (95% +")
    place = lines.index("18 fixed, 1 broken")
    assert lines[place + 1 : place + 7] == [
        "  broken i20",
        "    baseline   +20",
        "    candidate  no",
        "  fixed i0",
        "    baseline   no",
        "    candidate  +0",
    ]
    assert [line.split()[0] for line in lines[place + 8 : place + 11]] == [
        "slice",
        "kind=even",
        "kind=odd",
    ]
    assert lines[-3].split() == [
        "run",
        "tokens",
        "from",
        "cache",
        "dollars",
        "seconds",
        "latency",
    ]
    assert lines[-2].split()[:4] == [a, "160", "0", "-"] and lines[-2].split()[-1] == "0.01"


def test_the_json_has_everything_and_nothing_else_is_printed(world: World) -> None:
    a, b, c = world.runs.values()
    told: dict[str, Any] = json.loads(world.flywheel("compare", a, b, c, "--json").stdout)
    assert (told["baseline"], told["primary"]) == (a, "same")
    first, second = told["candidates"]
    assert (first["run"], second["run"]) == (b, c)
    assert first["graders"]["same"]["role"] == "primary"
    assert first["graders"][LONG]["role"] == "guard"
    assert first["graders"]["same"]["p_adjusted"] > first["graders"]["same"]["p"]
    assert [flip["change"] for flip in first["flips"]] == ["broken", *["fixed"] * 3]


def test_terrible_answers_do_no_harm_in_any_form(world: World, tmp_path: Path) -> None:
    a, c = world.runs["a"], world.runs["terrible"]
    names = {kind: tmp_path / f"report.{kind}" for kind in ("html", "junit", "markdown")}
    files = [word for kind, name in names.items() for word in (f"--{kind}", name)]
    done = world.flywheel("compare", a, c, *files)
    assert (done.exit_code, done.stderr) == (0, "")
    table, _, named = done.stdout.rpartition("written: ")
    lines_of(table)
    assert named == ", ".join(map(str, names.values())) + "\n"
    texts = {kind: name.read_text(encoding="utf-8") for kind, name in names.items()}
    for text in texts.values():
        assert "\\x1b[31mred" in text
        assert "\x1b" not in text and "\u202e" not in text
        assert len(text) < 300_000
    assert "<script" not in texts["html"]
    suite = ElementTree.fromstring(texts["junit"])[0]
    assert suite.get("failures") == "1", "the primary grader fell; its items are listed"
    assert texts["markdown"].startswith("## `e test`: worse, -16.7 points (")
    assert json.loads(world.flywheel("compare", a, c, "--json").stdout)["candidate"] == c


def test_a_summary_can_go_to_standard_output(world: World) -> None:
    a, b, c = world.runs.values()
    done = world.flywheel("compare", a, b, c, "--markdown", "-", "--items", 0)
    assert done.stdout.startswith("## `e test`: 2 candidates\n")
    assert "baseline   " not in done.stdout and "<details>" not in done.stdout


def test_a_look_at_the_sealed_split_is_written_down(world: World) -> None:
    a, b = world.runs["a"], world.runs["better"]
    asked = 'SELECT count(*) AS "n" FROM "reads_chain" WHERE "run" = ? AND "purpose" = \'compare\''

    def looks() -> int:
        with open_store(world.db) as store:
            (found,) = store.query(asked, [b])
        return int(found["n"])

    before = looks()
    assert world.flywheel("compare", a, b).exit_code == 0
    assert looks() == before + 1


def test_what_cannot_be_compared_says_so(world: World, tmp_path: Path) -> None:
    a, b = world.runs["a"], world.runs["better"]
    for words, story in (
        ((a, a), "wanted a baseline and other runs, each once"),
        ((a, "nobody"), "no run 'nobody'"),
        ((a, b, "--html", tmp_path), "is a folder; wanted a file name"),
        ((a, b, "--junit", tmp_path / "none" / "x.xml"), "no folder"),
        ((a, b, "--json", "--markdown", "-"), "--json and --markdown - both write"),
    ):
        with pytest.raises(FlywheelError, match=story):
            world.flywheel("compare", *words)
    assert world.flywheel("compare", a).exit_code == 2
    done = flywheel("compare", a, "nobody", "--db", world.db)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
