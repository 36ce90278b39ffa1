"""Runs to compare and to decide about, in a store of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from typer.testing import CliRunner, Result

from flywheel.cli.app import app
from flywheel.samplers.sampler import Output
from flywheel.store.store import open_store
from tests.evals.world import CHECK, Echo, measure, plan, said, say, write_evalset

# Longer than a table has room for.
LONG = "a_guard_whose_name_says_far_more_about_it_than_any_table_has_room_to_show"


class World(NamedTuple):
    """A folder with a store and the names of its runs."""

    folder: Path
    runs: dict[str, str]

    @property
    def db(self) -> Path:
        """The store."""
        return self.folder / "s.duckdb"

    def flywheel(self, *words: object) -> Result:
        """Run a command on that store, in this process; an error that it raises is raised here."""
        done = CliRunner().invoke(app, [*map(str, words)], env={"FLYWHEEL_DB": str(self.db)})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done


def world_of(folder: Path, split: str, **models: Echo) -> World:
    """Runs of these models on 60 items in `folder/s.duckdb`, by the models' names."""
    guard = {**CHECK, "name": LONG, "operation": "ne", "reference": "no"}
    fields: dict[str, Any] = {"guards": {LONG: 0.1}, "audit": [LONG], "tags": ["kind"]}
    evalset = write_evalset(folder / "e", items=60, graders=[CHECK, guard], **fields)
    with open_store(folder / "s.duckdb") as store:
        runs = {
            name: measure(store, plan(evalset, name, split=split), model).run.run
            for name, model in models.items()
        }
    return World(folder, runs)


def saying(text: str, *numbers: int) -> Echo:
    """A model that says this to these items, and the right thing to all others."""
    wrong = {str(number) for number in numbers}
    return Echo(lambda prompt: Output(text) if said(prompt) in wrong else say(prompt))


def lines_of(printed: str) -> list[str]:
    """The lines of a table for people: none too long, and none that a terminal obeys."""
    lines = printed.removesuffix("\n").split("\n")
    assert max(map(len, lines)) <= 100, max(lines, key=len)
    assert all(line.isprintable() for line in lines)
    return lines
