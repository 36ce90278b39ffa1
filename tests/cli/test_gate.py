"""flywheel gate from the outside: its exit code is the decision, and 3 is never one."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner, Result

from flywheel.cli.decide.gate import GateCommand
from flywheel.store.store import open_store
from flywheel.store.tables.decisions import find_baseline
from flywheel.store.tables.runs import find_run
from tests.cli.command import flywheel
from tests.cli.decided import LONG, World, lines_of, world_of
from tests.evals.world import Echo, wrong_on


def gate(world: World, candidate: str, *words: object) -> Result:
    """Ask for a candidate, against the run `a` when no other words are given."""
    name = world.runs.get(candidate, candidate)
    return world.flywheel("gate", name, *(words or ("--baseline", world.runs["a"])))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A baseline, a winner, one a little better and one that loses, on the sealed split."""
    folder = tmp_path_factory.mktemp("gate")
    models = {
        "a": wrong_on(*range(20)),
        "winner": Echo(),
        "hopeful": wrong_on(*range(18)),
        "loser": wrong_on(*range(45)),
    }
    return world_of(folder, "test", **models)


@pytest.mark.parametrize(
    ("candidate", "code", "word"),
    [("winner", 0, "PROMOTE {winner}"), ("loser", 1, "KEEP {a}"), ("hopeful", 2, "UNDECIDED: ")],
)
def test_the_exit_code_is_the_decision(world: World, candidate: str, code: int, word: str) -> None:
    done = gate(world, candidate)
    assert (done.exit_code, done.stderr) == (code, "")
    lines = lines_of(done.stdout)
    assert lines[-1].startswith(word.format(**world.runs))
    assert {line[:4] for line in lines if line[:1].strip()} - {lines[-1][:4]} <= {
        "ok  ",
        "NO  ",
        "?   ",
    }
    assert any(LONG in line for line in lines)


def test_a_decision_that_could_not_be_made_exits_with_3(world: World, tmp_path: Path) -> None:
    against = ("--baseline", world.runs["a"])
    for words, story in (
        (("nobody", *against), "Error: no run 'nobody'"),
        ((world.runs["a"], *against), "Error: wanted different runs"),
        (("winner", *against, "--junit", tmp_path), "is a folder; wanted a file name"),
        (("winner", *against, "--markdown", tmp_path / "none" / "x"), "no folder"),
        (("winner", *against, "--json", "--markdown", "-"), "both write"),
        (("winner", *against, "--tried", "0"), "Invalid value for '--tried'"),
        (("winner", "--nonsense"), "No such option: --nonsense"),
        (("winner", "--seed-run", "x"), "Missing option '--baseline'"),
    ):
        done = gate(world, *map(str, words))
        assert (done.exit_code, done.stdout) == (3, ""), done.stdout
        assert story in done.stderr
    done = flywheel("gate", "x", *against, "--db", world.db)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert flywheel("gate").returncode == 3


def test_what_breaks_inside_exits_with_3() -> None:
    app = typer.Typer()

    @app.command(cls=GateCommand)
    def broken() -> None:  # pyright: ignore[reportUnusedFunction]
        raise ZeroDivisionError

    done = CliRunner().invoke(app, [])
    assert done.exit_code == 3
    assert "ZeroDivisionError" in done.output


def test_json_markdown_and_junit_tell_the_same(world: World, tmp_path: Path) -> None:
    words = ("--baseline", world.runs["a"], "--junit", tmp_path / "gate.xml")
    done = gate(world, "hopeful", *words, "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["decision"]) == (2, "undecided")
    suite = ElementTree.parse(tmp_path / "gate.xml").getroot()[0]
    states = {case.get("name"): [part.tag for part in case] for case in suite.iter("testcase")}
    wanted = {"pass": [], "fail": ["failure"], "open": ["skipped"]}
    assert states == {check["check"]: wanted[check["state"]] for check in told["reasons"]}
    done = gate(world, "hopeful", *words, "--markdown", "-")
    items = told["items_that_would_decide"]
    assert done.stdout.startswith(f"## UNDECIDED: needs about {items:,} items\n")
    assert done.stdout.count("\n| ") == len(told["reasons"]) + 2
    assert done.exit_code == 2


def test_only_what_is_promoted_becomes_the_baseline(world: World, tmp_path: Path) -> None:
    files = ("--promote", "--markdown", tmp_path / "x.md")
    assert gate(world, "loser", "--baseline", world.runs["a"], *files).exit_code == 1
    assert (tmp_path / "x.md").read_text().startswith(f"## KEEP `{world.runs['a']}`\n")
    full = gate(world, "winner", "--baseline", world.runs["a"], "--promote", "--junit", "/dev/full")
    assert full.exit_code == 3 and "No space left" in full.stderr
    with open_store(world.db) as store:
        assert store.query('SELECT * FROM "promotions"') == []
    done = gate(world, "winner", "--baseline", world.runs["a"], *files)
    assert done.exit_code == 0
    told = f"PROMOTE {world.runs['winner']}: now the baseline"
    assert done.stdout.splitlines()[-1] == told
    with open_store(world.db) as store:
        row = find_run(store, world.runs["winner"])
        assert row is not None
        found = find_baseline(store, row.evalset_digest, "test")
        assert found is not None and found.run == row.run


def test_not_worse_is_said_and_needs_its_option(world: World) -> None:
    base = ("--baseline", world.runs["a"])
    refused = gate(world, "winner", *base, "--margin", -0.2)
    assert refused.exit_code == 3
    assert "--non-inferior says so; got --margin -0.2 without it" in refused.stderr
    asked = (*base, "--margin", -0.2, "--non-inferior")
    done = gate(world, "winner", *asked)
    name = world.runs["winner"]
    told = f"PROMOTE {name}: not worse by more than 20 points; --promote makes it the baseline"
    assert lines_of(done.stdout)[-1] == told
    assert json.loads(gate(world, "winner", *asked, "--json").stdout)["claim"] == (
        "not worse by more than 20 points"
    )
    summary = gate(world, "winner", *asked, "--markdown", "-").stdout
    assert summary.startswith("## PROMOTE `") and "`: not worse by more than 20 points" in summary


def test_the_head_that_a_gate_prints_is_in_the_chain(world: World) -> None:
    lines = gate(world, "winner").stdout.splitlines()
    (head,) = [line.rpartition(" ")[2] for line in lines if line.startswith("     sealed reads")]
    assert world.flywheel("store", "check", "--head", head).exit_code == 0
    done = world.flywheel("store", "check", "--head", "0" * 63 + "1")
    assert done.exit_code == 1
    assert "is no longer in the chain: reads were taken back, such as 000" in done.stdout


def test_a_run_that_is_no_seed_is_an_error(world: World) -> None:
    base = ("--baseline", world.runs["a"])
    done = gate(world, "winner", *base, "--seed-run", world.runs["hopeful"])
    assert (done.exit_code, done.stdout) == (3, "")
    assert "no lever of Flywheel trained the candidate" in done.stderr
    done = gate(world, "loser", *base, "--fresh")
    assert done.exit_code == 3 and "--fresh decides on 20 or more" in done.stderr
